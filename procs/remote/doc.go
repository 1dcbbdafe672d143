// Package remote runs the registered functions of package procs on other
// machines: pools and workers that meet at a NATS server (nats.io), which this
// package can start itself.
//
//	// One program.
//	server, err := remote.Serve(remote.ServerConfig{AuthKey: key})
//	session, err := remote.Connect(ctx, server.URL(), remote.Config{AuthKey: key})
//	pool, err := remote.NewPool(session, remote.PoolConfig{})
//	squares, err := remote.Map(ctx, pool, square, []int{1, 2, 3})
//
//	// Others, on any machine, which register the same functions.
//	err := remote.Work(ctx, url, remote.WorkerConfig{Config: remote.Config{AuthKey: key}})
//
// # What it is
//
//   - Serve starts a server in this process, on loopback unless told otherwise.
//     Connect goes to it, to any other NATS server, or to a cluster of them.
//   - Work makes a program a worker. Workers come and go at any time, and need
//     not be known to anybody: they announce themselves.
//   - Pool, with Apply, Map, MapAsync, Submit and futures, has tasks done, in
//     one of two lanes: AtMostOnce, low latency, or AtLeastOnce, durable.
//     Executor is procs.Executor over it. Session.Workers lists who is there.
//
// # The rules
//
//   - Everybody needs a key, unless NoAuth says otherwise on both sides. It is
//     not sent. Without TLS nothing is encrypted, and nobody knows whether the
//     server is the right one: use TLS, or a tunnel, beyond one machine. Who
//     knows the key can have all functions of all workers run.
//   - A function is known by its name and all types of its argument and its
//     result. Workers that have it with other types, or whose machine lays
//     numbers out in another way, do not get its tasks, and the error says so
//     if no others are there.
//   - A shared object is opened by its name, and made by the first who opens
//     it; its types are checked as those of functions are. A method waits
//     while there is no connection, until its context is done.
//   - In a cluster, Config.Replicas says how many servers keep what there is.
//   - Arguments and results are copied as by package procs. Files and shared
//     objects cannot travel to another machine: procs.ErrEncode.
//   - Tasks that cannot be sent wait; how many may be unfinished has a limit
//     (MaxUnfinished), beyond which callers wait.
//   - A task that comes alone is sent at once; many share messages. In the lane
//     AtLeastOnce tasks that take less than a millisecond together may be
//     stored as one message, which one worker gets; those that it does not
//     begin soon are stored again, one by one.
//
// # Servers of others
//
// Connect goes to any NATS server with JetStream, and to a cluster, whose
// addresses are separated by commas: when one server is lost, the session goes
// on with another. What the server wants to see goes into Config: an AuthKey,
// after the server was told its PublicKey; certificates in TLS; or, with
// NoAuth, another option of NATS's client:
//
//	config := remote.Config{NoAuth: true, Options: []nats.Option{nats.UserCredentials("user.creds")}, Replicas: 3}
//
// and nats.NkeyOptionFromSeed, nats.UserInfo, nats.Token in the same way. A
// server that does not take them is ErrAuthentication. The user needs the
// subjects NAMESPACE.>, $JS.API.>, $JS.ACK.>, $KV.NAMESPACE-*.>,
// $O.NAMESPACE-*.> and _INBOX.>.
//
// # What it is not
//
// Futures do not survive the process that began their tasks; a task of the lane
// AtLeastOnce is done nevertheless, and its result kept for a day. Streams
// survive a server that is killed, not always a machine that loses its power:
// the server of Serve leaves it to the system when the disk gets them. A pool
// over the processes of one machine, package procs, is ten times as fast and
// more: use it there, and inside workers.
package remote
