package workload

import (
	"context"

	"switchyard/bench"
	"switchyard/procs"
)

// A gate holds worker processes back until all of them are there, brings their
// outcomes home, and keeps them until they have been read: nobody is timed while
// processes start, and memory is that of workers that are still there.
type gate struct {
	Ready    *procs.Semaphore
	Open     *procs.Event
	Outcomes *procs.Queue[outcome]
	Home     *procs.Event
}

// An outcome is what one worker process did.
type outcome struct {
	Answer  uint64
	Samples []int64 // latencies in ns
}

func newGate() (*gate, error) {
	ready, err1 := procs.NewSemaphore(0)
	open, err2 := procs.NewEvent()
	outcomes, err3 := procs.NewQueue[outcome](0)
	home, err4 := procs.NewEvent()
	return &gate{ready, open, outcomes, home}, firstError(err1, err2, err3, err4)
}

func (g *gate) close() {
	if g.Ready != nil {
		_ = g.Ready.Close()
	}
	if g.Open != nil {
		_ = g.Open.Close()
	}
	if g.Outcomes != nil {
		_ = g.Outcomes.Close()
	}
	if g.Home != nil {
		_ = g.Home.Close()
	}
}

// pass is called by a worker: it reports for duty and waits for the start.
func (g *gate) pass(ctx context.Context) error {
	if err := g.Ready.Release(); err != nil {
		return err
	}
	return g.Open.Wait(ctx)
}

// report is called by a worker when its work is done: it delivers its outcome
// and waits to be sent home.
func (g *gate) report(ctx context.Context, o outcome) error {
	if err := g.Outcomes.Put(ctx, o); err != nil {
		return err
	}
	return g.Home.Wait(ctx)
}

// muster is called by the parent, before Start: it waits for n workers.
func (g *gate) muster(n int) error {
	for range n {
		if err := g.Ready.Acquire(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// race opens the gate and collects n outcomes, between Start and Stop.
func (g *gate) race(b *bench.B, n int) (answer uint64, err error) {
	b.Start()
	if err := g.Open.Set(); err != nil {
		return 0, err
	}
	outcomes, err := g.collect(n)
	if err != nil {
		return 0, err
	}
	b.Stop()
	return tally(b, outcomes), g.Home.Set()
}

func (g *gate) collect(n int) ([]outcome, error) {
	outcomes := make([]outcome, n)
	for i := range outcomes {
		var err error
		if outcomes[i], err = g.Outcomes.Get(context.Background()); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// tally adds up the answers and hands the latencies over.
func tally(b *bench.B, outcomes []outcome) (answer uint64) {
	for _, o := range outcomes {
		answer += o.Answer
		b.AddSamples(o.Samples)
	}
	return answer
}

// recorders returns one latency recorder for each of n units that share b.N ops.
func recorders(b *bench.B, n int) []*bench.Recorder {
	recs := make([]*bench.Recorder, n)
	for i := range recs {
		recs[i] = b.Recorder(b.N / n)
	}
	return recs
}
