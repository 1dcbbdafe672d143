// Package greenlet provides coroutines that switch to each other explicitly. It
// re-creates the greenlet extension of Python, with values that are typed and
// switches that take some 40 ns.
//
// Greenlets of one family run on one thread of control: exactly one of them
// runs, until it switches to another, which then goes on where it had stopped.
// Nothing else ever makes them change places, so what they share needs no lock.
// Whole programs of waiting tasks, generators, simulations and schedulers can
// be written with that; package hub builds an event loop on it, and package
// sched the schedulers of the textbooks.
//
// # Rules
//
// Switches occur when:
//
//   - a greenlet calls Switch or Throw: the target goes on, or starts;
//   - a greenlet's run function ends: its parent goes on, with the result;
//   - a greenlet that nobody refers to is killed: see Garbage.
//
// What a greenlet receives from its Switch or Throw is whatever is passed by
// the one that makes it go on:
//
//   - the value of a Switch, with a nil error;
//   - the error of a Throw;
//   - the value that a child's run function returned, with a nil error;
//   - the error that a child's run function returned, unless it is [ErrExit]
//     or wraps it: that only means that the child ended early;
//   - a child's panic, as a panic with a [*PanicError] that holds the child's
//     stack; or its runtime.Goexit, as another one. A deferred function that
//     panics while a Goexit unwinds the child makes it a panic.
//
// The result of a dead parent's child goes to the parent's parent, and so on to
// the main greenlet, which does not die. A parent that is not started is
// started by a child's value, and dies of a child's error. To switch to a dead
// greenlet is to switch to its parent in the same way.
//
// # Goroutines and threads
//
// A family belongs to the goroutine that called [Main] or [Run]. Its greenlets
// may be used only by its running greenlet, and a family can share nothing with
// another but what any two goroutines can share. Violations are data races,
// which the race detector reports. A build with -tags greenletdebug checks the
// calling goroutine at every call and panics if it is the wrong one; it also
// panics where a changed runtime.LockOSThread would make the runtime end the
// program: the state of that lock must be the same at every switch of a family.
// (Only such a build rejects a switch by a sequence that iter.Pull drives, or
// by a greenlet of a family within a family, from a goroutine of its own.
// Otherwise it works: whatever is in between waits.)
//
// Before a greenlet first runs it is a small structure. Running, it needs a
// goroutine, about 3 KiB; goroutines whose greenlets have ended are used again.
//
// # Closing
//
// A suspended greenlet's goroutine stays until it ends. [Greenlet.Close] ends
// all of a family, by throwing ErrExit into each, so that deferred functions
// run; [Run] does so too. A family that is not closed keeps its goroutines for
// ever. A program may exit nevertheless.
//
// # Garbage
//
// A suspended greenlet that can no longer be reached is killed with ErrExit, as
// in Python; but later: when the garbage collector has noticed, and the family
// then starts another greenlet or calls [Greenlet.Collect]. The collector
// notices only what is not on any stack. A greenlet that still uses its own
// self, or a variable that leads to it, after its next switch, is reachable
// from its own stack, and stays until Close; so does one that its own Context
// refers to.
//
// # Choices
//
// Values have a type parameter, since boxing them in any would allocate at
// every switch and make users assert types. It follows that all greenlets of a
// family pass the same type: one that passes several uses an interface or a
// struct.
//
// Errors are returned, not raised: a greenlet ends by ErrExit only if its run
// function, having received it, returns. Panics are carried to the parent as
// panics, and never turned into errors, since they are defects; only Close,
// which has many to report, returns them.
//
// The parent is always named, never implied as Python's current greenlet is:
// there is no current greenlet of a goroutine, because finding it would cost
// more than a switch.
//
// It is not a scheduler: nothing runs unless switched to. And it does not make
// anything parallel: one family uses one core; use several families, each on
// its goroutine, or plain goroutines for that.
package greenlet
