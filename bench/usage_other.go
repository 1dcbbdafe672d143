//go:build !linux

package bench

import (
	"math"
	"time"
)

// Nothing is known where the tree cannot be read: the metrics that come from it
// are left out of the result.
func ownUsage() usage                { return usage{} }
func reapedUsage() usage             { return usage{} }
func descendants() []int             { return nil }
func cpuOf(pids []int) time.Duration { return 0 }
func switchesOf(pids []int) int64    { return 0 }

// treeMemory returns 0, "unknown", where there is no /proc.
func treeMemory(before, after usage) int64 { return 0 }

// AvailableMemory is not known.
func AvailableMemory() int64 { return math.MaxInt64 }
