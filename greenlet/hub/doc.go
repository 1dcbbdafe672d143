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
// There is no hub greenlet. Whoever has to wait looks for the next ready
// greenlet itself and switches straight to it: one coroutine switch, where
// gevent takes two.
//
// A hub uses one processor. For more, run several side by side: [RunSharded].
//
// The order is first come, first served, with one exception: whoever has
// waited for something outside (time, a descriptor, an awaited call) runs before
// those who only yielded, as far as these still get every other turn.
//
// TLS is in package hubtls and HTTP in hubhttp, below this one, so that a program
// which needs neither does not pay for crypto/tls and net/http at each start.
//
// It is not a scheduler for work that computes (use goroutines or processes)
// and does not change how the standard library blocks: there is no monkey
// patching; net/http's server, for example, starts goroutines of its own.
package hub
