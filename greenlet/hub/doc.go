// Package hub re-creates gevent: many greenlets on one goroutine, which wait
// for time, for each other and for the network without holding each other up.
//
// [Run] makes a [Hub] and runs a function as its main greenlet. [Hub.Spawn]
// starts others. Rules:
//
//   - Exactly one greenlet of a hub runs at any time, so what they share needs
//     no lock. They switch only in the calls of this package that say they
//     wait, in [Hub.Yield], and nowhere else.
//   - A greenlet that computes, or blocks in a call this package does not know
//     (a file, a mutex, a channel), holds up its whole hub. Use [Await] for
//     those calls; [WatchdogConfig] finds the others.
//   - Calls that wait return an error: [ErrExit] when the greenlet is killed,
//     [ErrTimeout] or a [*Timeout] when its time is up, a [*DeadlockError] in
//     the main greenlet when nobody can run any more. Return it.
//   - A greenlet's error belongs to whoever asks for its outcome (Get, GetAll,
//     Err, Link). If nobody does, the hub prints it: see [Config].OnError.
//   - A hub and what belongs to it (queues, events, connections) is used from
//     its own greenlets only. Other goroutines enter through [Hub.Post].
//   - When Run returns nothing is left: greenlets are killed, connections
//     closed, awaited calls waited for.
//
// # Limits
//
// Everything that waits has a variant with a limit, XxxTimeout(d):
//
//   - A negative d means no limit. So does one that would expire more than 292
//     years after the hub began: the longest Duration means for ever, and a
//     deadline beyond that year is ignored.
//   - With zero a call does not wait, but lets others run. It takes what is
//     available. If nothing is, every ready greenlet gets a turn, the hub looks
//     once at what has happened outside, and only then the call times out. So
//     polling with zero misses nothing and starves nobody.
//   - TryXxx, Poll and Ready never switch. Use them in callbacks, where
//     XxxTimeout(0) does the same.
//
// With zero, KillWith and KillAllWith do not wait at all. Sleep of zero or less
// is [Hub.Yield].
//
// # What a kill can interrupt
//
// The result of a wait is settled once, by whatever comes first: a waker, the
// limit, a kill or a [Timeout]. The greenlet may get its turn much later; what
// is thrown into it in between is the result of its next blocking call. So if
// Get returns nil, the greenlet has the item, even if it has been killed since;
// if Get returns an error, the item is still in the queue or went to somebody
// else. The same holds for Put, permits, locks and places in a pool: nothing is
// lost, and nobody waits for what is available. But what a greenlet holds when
// it ends stays taken: release it with With, or in a defer.
//
// # Callbacks
//
// Functions given to [Hub.Post], [Greenlet.Link] and [Config].OnError run
// between greenlets, on a coroutine of their own, before the next greenlet.
// They never see an operation half done, and may spawn, kill (KillWith with a
// limit of zero), set, release and use TryXxx. They must not block: that
// panics. Their panics are reported to OnError. WatchdogConfig.OnBlock runs on
// a goroutine of its own. The order of a [PriorityQueue] may neither block nor
// use the queue.
//
// runtime.Goexit in a greenlet or a callback ends the main greenlet too, and
// with it Run, as testing's FailNow needs; an awaited call that exits returns
// [ErrGoexit].
//
// # Order
//
// There is no hub greenlet. Whoever has to wait looks for the next ready
// greenlet itself and switches straight to it: one coroutine switch, where
// gevent takes two.
//
// A hub uses one processor. For more, run several side by side: [RunSharded].
//
// Scheduling is first come, first served, with one exception: a greenlet that
// has waited for something outside (time, a descriptor, an awaited call) runs
// before those that only yielded, which still get at least every other turn.
//
// TLS is in package hubtls and HTTP in hubhttp, below this one, so that a
// program which needs neither does not pay for crypto/tls and net/http at each
// start.
//
// It is not for work that computes (use goroutines or processes) and does not
// change how the standard library blocks: there is no monkey
// patching.
package hub
