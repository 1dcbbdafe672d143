//go:build !linux

package run

import "switchyard/bench/benchlog"

func hostFacts() []benchlog.Fact { return []benchlog.Fact{{Key: "cpu", Value: "unknown"}} }

func load1() float64 { return 0 }

func cpuTicks() (stolen, total float64) { return 0, 0 }
