// Package manager is Python's multiprocessing.managers, re-created in Go: a
// process that keeps objects (dicts, lists, queues, locks, pools, values of
// your own types) for all others, on this machine and elsewhere.
//
//	m, err := manager.New(manager.Config{})
//	...
//	defer m.Close()
//	words, err := manager.NewDict[string, int](m)
//	// The child gets a proxy of the same dict.
//	p := procs.NewProcess(count, words, procs.ProcessConfig{})
//
// # The rules
//
//   - Objects are made by NewDict, NewList, NewQueue, ... and of your own types
//     by Type.New. What these return are proxies: values that may be arguments,
//     results, messages and elements of other objects; wherever they arrive,
//     they stand for the same object.
//   - The manager's process is this program again, so procs.Init must be the
//     first call in main, and your own types are registered at package level
//     (Register, RegisterMethod).
//   - Objects end with the last reference to them; locks and permits of a
//     process that ends come back; calls to a manager that died return ErrDied.
//     See Manager.
//   - Over the network: one side calls New or Serve with a TCP address and an
//     AuthKey, the other Connect with the same; Publish and Lookup find each
//     other's objects. Nothing is encrypted.
//
// SharedMemoryManager is different: its blocks are in shared memory, and the
// manager only removes their names.
//
// Functions such as DictAdd, Apply and Map stand where Python has methods,
// because methods in Go have no type parameters.
//
// # What it is not
//
// Not the fastest way to share: a call takes a microsecond at best, while the
// objects of package procs are in shared memory. Not a database: what a manager
// keeps is gone with it. It is a package of its own because programs that do
// without should not pay for it at the start of every process.
package manager
