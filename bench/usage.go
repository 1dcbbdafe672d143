package bench

import "time"

// usage is what the process tree has consumed so far: this process, the
// children it has reaped, and its living descendants.
type usage struct {
	cpu      time.Duration // user and system
	switches int64         // context switches, voluntary and not
	reaped   int64         // largest resident set of a reaped child, bytes
	live     int           // living descendants
}
