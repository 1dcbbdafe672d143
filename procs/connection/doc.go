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
//     (procs.Process.AuthKey). Accept returns only connections that have passed
//     the handshake.
//   - Messages are Go values: both sides have to know their types. Programs
//     that differ may exchange bytes (SendBytes).
//   - Connections over Unix sockets carry descriptors, and so shared objects
//     and files. All can be passed on to other processes, except those over
//     Unix sockets with ListenerConfig.Poller. A process that passes on one
//     over TCP should not use it any more.
//   - Accept and Dial take a context; a Conn has deadlines.
//   - Programs in Python have functions of their own, ListenPython and
//     DialPython, which speak the protocol of multiprocessing.connection and
//     exchange bytes, never pickles. Nothing else here speaks it, because its
//     proof of a key is weaker.
//
// # What it is not
//
// Not encryption: the handshake keeps strangers out, but whoever can read the
// network reads the messages. Not a name service: see manager.Publish. It is a
// package of its own because what it links (above all SHA-256) would be
// initialised at the start of every process.
package connection
