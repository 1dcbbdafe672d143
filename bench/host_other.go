//go:build !linux

package bench

func hostFacts() []Fact { return []Fact{{Key: "cpu", Value: "unknown"}} }

func load1() float64 { return 0 }

func cpuTicks() (stolen, total float64) { return 0, 0 }
