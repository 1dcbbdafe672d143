//go:build !linux

package hub

import "time"

// cpuTime is known on Linux only.
func cpuTime() time.Duration { return 0 }
