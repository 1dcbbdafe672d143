package procs

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Heartbeat calls beat every interval until ctx is done, beginning one interval
// from now, and returns ctx's error: the daemon of the tutorials that reports
// "alive" while others work. beat gets its number, from 1, and how late it is.
// Beats that were missed, because beat took long or nobody let us run, are
// skipped, not made up for: the number tells how many. As the function of a
// daemon process it is one line:
//
//	var alive = procs.Register("alive", func(ctx context.Context, d time.Duration) (int, error) {
//		return 0, procs.Heartbeat(ctx, d, nil)
//	})
//
// No beat begins once ctx is done. A nil beat prints "<process name> alive" on
// standard output.
func Heartbeat(ctx context.Context, interval time.Duration, beat func(n int, late time.Duration)) error {
	if interval <= 0 {
		panic("procs: Heartbeat needs a positive interval")
	}
	if beat == nil {
		beat = func(int, time.Duration) { fmt.Fprintf(os.Stdout, "%s alive\n", CurrentProcess().Name()) }
	}
	start := time.Now()
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if ctx.Err() != nil { // both had come: no beat after the end
			return ctx.Err()
		}
		now := time.Since(start)
		n = max(n, int(now/interval))
		beat(n, now-time.Duration(n)*interval)
		n++
		timer.Reset(time.Duration(n)*interval - time.Since(start))
	}
}
