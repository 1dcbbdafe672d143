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
//   - A hub and what belongs to it (queues, events, connections) is used from
//     its own greenlets only. Other goroutines enter through [Hub.Post].
//   - When Run returns nothing is left: greenlets are killed, connections
//     closed, awaited calls waited for.
//
// # Limits
//
// Everything that waits has a variant with a limit, XxxTimeout(d):
//
//   - A negative d has no end. Nor has one that ends beyond the hub's clock,
//     292 years after it began: the longest Duration means for ever, and a
//     deadline in a later year is none.
//   - Zero skips only the waiting. What is there is taken; if nothing is, every
//     greenlet that is ready has a turn, the hub looks once at what has
//     happened outside, and only then the limit has passed. So polling with
//     zero sees all there is to see, and holds nobody up.
//   - TryXxx, Poll and Ready do not even do that. They are for callbacks, in
//     which XxxTimeout(0) is the same.
//
// KillWith, KillAllWith do not wait at all with zero. Sleep of zero or less is
// [Hub.Yield].
//
// # Killed in the midst
//
// A wait has one end: what comes first, a waker, the limit, a kill or a
// [Timeout], settles its result at once, though the greenlet may have its turn
// much later. What comes after is the result of its next blocking call. So if
// Get returns nil, the greenlet has the item, though it was killed since; if it
// returns an error, the item is still there, or somebody else's; and the same
// holds for a Put, a permit, a lock, a place in a pool. Nothing is lost, and
// nobody waits for what is there. What a greenlet holds when it ends, however,
// stays taken: give it back with With, or a defer.
//
// # Callbacks
//
// Functions given to [Hub.Post], [Greenlet.Link] and [Config].OnError run
// between greenlets, on a coroutine of their own, before the next greenlet.
// They see the hub at rest and may spawn, kill (KillWith and a limit of zero),
// set, release and use TryXxx. They must not block: that panics. Their panics
// are reported to OnError. WatchdogConfig.OnBlock runs on a goroutine of its
// own. The order of a [PriorityQueue] may neither block nor use the queue.
//
// runtime.Goexit in a greenlet or a callback ends the main greenlet too, and so
// Run, as testing's FailNow needs it; in an awaited call it is [ErrGoexit].
//
// # Order
//
// There is no hub greenlet. Whoever has to wait looks for the next ready
// greenlet itself and switches straight to it: one coroutine switch, where
// gevent takes two.
//
// A hub uses one processor. For more, run several side by side: [RunSharded].
//
// The order is first come, first served, with one exception: whoever has waited
// for something outside (time, a descriptor, an awaited call) runs before those
// who only yielded, as far as these still get every other turn.
//
// TLS is in package hubtls and HTTP in hubhttp, below this one, so that a
// program which needs neither does not pay for crypto/tls and net/http at each
// start.
//
// It is not a scheduler for work that computes (use goroutines or processes)
// and does not change how the standard library blocks: there is no monkey
// patching.
package hub
