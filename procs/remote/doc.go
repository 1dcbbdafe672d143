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
//   - Programs share objects by their names: a Queue, a Dict, an Event, a Store
//     of large objects. They are on the server's disk, and outlive those who
//     use them.
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
//	config := remote.Config{NoAuth: true, Replicas: 3,
//		Options: []nats.Option{nats.UserCredentials("user.creds")}}
//
// and nats.NkeyOptionFromSeed, nats.UserInfo, nats.Token in the same way. A
// server that does not take them is ErrAuthentication. The user needs the
// subjects NAMESPACE.>, $JS.API.>, $JS.ACK.>, $KV.NAMESPACE-*.>,
// $O.NAMESPACE-*.> and _INBOX.>.
//
// # How much it takes
//
// A task of a number, which returns another, and a number that goes through a
// Queue, take this much of a processor (AMD EPYC; BenchmarkCapacity measures it
// where you are), and the server reads and writes so much:
//
//	              server   worker    pool   server's IO   waiting, on disk
//	AtMostOnce     10 us     7 us    7 us       0.45 KB                  -
//	AtLeastOnce   120 us    75 us   42 us       2.1 KB             0.3 KB
//	Queue          60 us        -   53 us       0.9 KB             0.3 KB
//
// From which follows, for R tasks per second of T seconds, with A bytes of
// arguments and B bytes of results:
//
//   - Processors of workers: R x (T + 7 us), or R x (T + 75 us). Tasks should
//     be ten times as long as all the columns together, 0.25 ms or 2.5 ms: use
//     Map, with procs.Chunk, for shorter ones.
//   - Processors of servers: R x 10 us, or R x 120 us: one carries 100,000 or
//     8,000 tasks per second.
//   - Network of servers: R x (0.45 KB + 2A + 2B), since what comes in goes out
//     again; with their disk, R x (2.1 KB + 3A + 3B) in the durable lane.
//   - Disk: (0.3 KB + A) for each task that waits, (0.3 KB + B) for each result
//     that its pool has not fetched, for a day.
//   - With Replicas, the time and the disk as many times, and as much again of
//     the network between servers for each further one.
//
// All tasks of a namespace are in one stream, whose leader stores them one
// after the other: reckon with one processor for it. More than 8,000 tasks per
// second in the durable lane need shards: several Namespaces, each with its
// pool, and a call of Work in the workers. A cluster spreads the leaders over
// its servers.
//
// For example 20,000 tasks per second of 5 ms, 1 KB in and 100 bytes out: 102
// processors of workers (20,000 x 5.075 ms), 3 shards on 3 processors of
// servers (20,000 x 120 us = 2.4), 108 MB/s of network and disk (20,000 x
// 5.4 KB); and if all workers are away for an hour, 94 GB on disk (72 million x
// 1.3 KB).
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
