package bench

import (
	"slices"
	"time"
)

// usage is what the process tree has consumed so far: this process, the
// children it has reaped, and its living descendants. A child that is reaped
// between two readings moves from the living to the reaped, so a difference of
// two readings counts it once.
type usage struct {
	cpu      time.Duration // user and system
	switches int64         // context switches, voluntary and not
	reaped   int64         // largest resident set of a reaped child, bytes
	live     int           // living descendants
}

// usageBefore reads the usage before a measurement, quickest last: reading what
// many processes have used takes CPU time of our own, and theirs goes on
// meanwhile. among is called where allocations are to be counted from. It
// returns who was alive.
func usageBefore(among func()) (before usage, alive []int) {
	alive = descendants()
	switches := switchesOf(alive)
	among()
	cpu := cpuOf(alive)
	before = ownUsage()
	before.cpu, before.switches, before.live = before.cpu+cpu, before.switches+switches, len(alive)
	return before, alive
}

// usageAfter reads the usage after a measurement, quickest first.
func usageAfter(alive []int, among func()) (after usage) {
	after = ownUsage()
	after.cpu += cpuOf(alive)
	among()
	now := descendants()
	after.cpu += cpuOf(slices.DeleteFunc(slices.Clone(now), func(pid int) bool { return slices.Contains(alive, pid) }))
	after.switches += switchesOf(now)
	after.live = len(now)
	return after
}
