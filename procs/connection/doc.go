// Package connection is the rest of Python's multiprocessing.connection,
// re-created in Go: connections between processes that were not started by one
// another, over Unix sockets and TCP. A connection is a procs.Conn, as
// procs.NewPipe makes them.
//
//	// One process.
//	l, err := connection.Listen("", connection.ListenerConfig{})
//	...
//	c, err := l.Accept(ctx)
//
//	// The other one.
//	c, err := connection.Dial(ctx, address, connection.DialConfig{})
//	err = c.Send("hello")
//
// # The rules
//
//   - Both sides prove that they know a key before either looks at anything
//     else: by default that of their family, which children inherit
//     (procs.Process.AuthKey). Accept never returns a stranger.
//   - Messages are Go values: both sides have to know their types. Programs
//     that differ may exchange bytes (SendBytes).
//   - Connections over Unix sockets carry descriptors, and so shared objects
//     and files. All can be passed on to other processes, except those with
//     Poller over Unix sockets; whoever passes one over TCP on should not use
//     it any more.
//   - Everything that waits takes a context.
//
// # What it is not
//
// Not encryption: the proof keeps strangers out, but whoever can read the
// network reads the messages. Not a name service: see manager.Publish. It is a
// package of its own because what it links (SHA-256, most of all) would be set
// up at the start of every process.
package connection
