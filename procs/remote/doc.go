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
//   - Programs share objects by their names: a Queue, or JoinableQueue, a Dict,
//     an Event, a Store of large objects. They are on the server's disk, and
//     outlive those who use them.
//
// # The rules
//
//   - Everybody needs a key, unless NoAuth says otherwise on both sides. It is
//     not sent. Without TLS nothing is encrypted, and nobody knows whether the
//     server is the right one: use TLS, or a tunnel, beyond one machine. Who
//     knows the key can have all functions of all workers run.
//   - A worker listens at a free port of the address from which it reaches the
//     server, for lines of pools of the lane AtMostOnce: a lone task that goes
//     over one takes half of the time, and nothing of the server. Both sides
//     prove that they know the key. Where a pool cannot reach the worker, with
//     TLS or NoAuth, or if Config.ServerOnly says so, all goes through the
//     server.
//   - A function is known by its name and all types of its argument and its
//     result. Workers that have it with other types, or whose machine lays
//     numbers out in another way, do not get its tasks, and the error says so
//     if no others are there.
//   - A shared object is opened by its name, and made by the first who opens
//     it; its types are checked as those of functions are. A method waits
//     while there is no connection, until its context is done.
//   - What is asked for again, as its answer was lost with the connection, is
//     done once: changes of a Dict and of an Event, a value that is got from a
//     Queue or done with. A value is put into a Queue once, unless the server
//     is started anew and the value was taken before: Queue.Put. Store.Delete
//     and the methods Remove may remove, the second time, what others have made
//     meanwhile under the same name.
//   - In a cluster, Config.Replicas says how many servers keep what there is.
//   - Arguments and results are copied as by package procs. Files and shared
//     objects cannot travel to another machine: procs.ErrEncode.
//   - Tasks that cannot be sent wait; how many may be unfinished has a limit
//     (MaxUnfinished), beyond which callers wait.
//   - Where callers wait for tasks of a line one by one, each reads his result
//     himself, which wakes nobody else. One that is not waited for, by Wait,
//     Result, Err or Apply, may then be seen two milliseconds late, once.
//   - A task that comes alone is sent at once; many share messages. In the lane
//     AtLeastOnce tasks that take less than a millisecond together may be
//     stored as one message, which one worker gets; those that it does not
//     begin soon are stored again, one by one.
//   - Submit does not wait until a task is stored; Pool.Stored does.
//     Session.DeadTasks lists those that were given up.
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
// A task of a number, which returns another, and a number that is put into a
// Queue and got from it, take this much of a processor, and the server reads
// and writes so much, on an AMD EPYC with two; BenchmarkCapacity measures it
// where you are (with -benchtime=20000x; medians of three):
//
//	                             server   worker     pool   server's IO
//	AtMostOnce, one in flight         -    38 us    40 us             -
//	AtMostOnce, 64 in flight          -     6 us     7 us             -
//	  ServerOnly, one            139 us   101 us   108 us       0.47 KB
//	  ServerOnly, 64             4.5 us     6 us     7 us       0.18 KB
//	AtLeastOnce, one in flight   324 us   224 us   202 us        1.8 KB
//	AtLeastOnce, 64 in flight     11 us    10 us     8 us       0.28 KB
//	Queue, 16 at the same time    76 us        -    67 us        0.9 KB
//
// One in flight is the most: all have to be woken for each message, and nothing
// travels together. Where there are many tasks per second there are many in
// flight. A pool has lines to 64 workers. From which follows, for R tasks per
// second of T seconds, with A bytes of arguments and B bytes of results:
//
//   - Processors of workers: R x (T + 10 us). A task should be ten times as
//     long as the columns together, 0.2 ms or 0.3 ms: use Map, with
//     procs.Chunk, for shorter ones.
//   - Processors of servers: nothing over lines, else R x 5 us, or R x 11 us in
//     the durable lane: one carries 200,000 or 90,000 small tasks per second.
//   - Network of servers: nothing over lines, else R x (0.18 KB + 2A + 2B),
//     since what comes in goes out again; with their disk, R x (0.28 KB + 3A +
//     3B) in the durable lane. A message of many kilobytes is limited by this
//     alone.
//   - Disk: (0.3 KB + A) for each task that waits, (0.3 KB + B) for each result
//     that its pool has not fetched, for a day.
//   - With Replicas, processors and disk as many times, and the network between
//     servers A + B for each further one.
//
// All tasks of a namespace are in one stream, whose leader stores them one
// after the other: reckon with one processor and one disk for it. What is more
// needs shards: several Namespaces, each with its pool, and a call of Work in
// the workers. A cluster spreads the leaders over its servers.
//
// For example 200,000 tasks per second of 5 ms, 1 KB in and 100 bytes out, in
// the durable lane: 1002 processors of workers (200,000 x 5.01 ms), 2.2 of
// servers (200,000 x 11 us), so three shards, but 720 MB/s of network and disk
// (200,000 x 3.6 KB), so four, on as many machines of 10 Gbit/s; and if all
// workers are away for an hour, 940 GB on disk (720 million x 1.3 KB).
//
// # What it is not
//
// Futures do not survive the process that began their tasks; a task of the lane
// AtLeastOnce is done nevertheless, and its result kept for a day. Streams
// survive a server that is killed, not always a machine that loses its power:
// the server of Serve leaves it to the system when the disk gets them. They are
// files, since in memory they would end with the server; many tasks share a
// write, so that this costs little. A pool over the processes of one machine,
// package procs, is ten times as fast and more: use it there, and inside
// workers.
package remote
