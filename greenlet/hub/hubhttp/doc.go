// Package hubhttp is net/http for a hub: requests that wait as greenlets, as
// those of requests do under gevent, and a server whose handler runs in
// greenlets (gevent.pywsgi).
//
//	client := &http.Client{Transport: hubhttp.NewTransport(h)}
//	server := hubhttp.NewServer(h, handler)
//
// net/http does the work, on its own goroutines: its Transport and its Server
// with all they can do (HTTP/2, TLS, proxies, gzip, Expect: 100-continue,
// limits of headers, names beyond ASCII; an idle connection that has received
// something or was closed is not used again). This package is the bridge
// between those goroutines and the hub. Rules:
//
//   - Client, responses, Server and what belongs to it are used from the hub's
//     greenlets only. A request's body is read and closed by greenlets too, so
//     it may be anything of the hub's.
//   - What is configured in [Transport].HTTP and [Server].HTTP is called on
//     net/http's goroutines and must not touch the hub.
//   - The request's context, the client's Timeout, a [hub.Timeout] and a kill
//     end a request wherever it waits, even while its body is read; its
//     connection is closed (with HTTP/2, its stream). Later reads of that body
//     fail: a truncated response never looks complete.
//   - Closing a response's body before its end closes its connection.
//   - When the hub ends, all connections are closed. Only busy ones that came
//     from a DialTLSContext of your own are closed by net/http a little later.
//   - net/http may open more connections than there are requests. Limit them
//     with HTTP.MaxConnsPerHost, or the greenlets with a [hub.Pool].
//
// If a request has both a Content-Length and a chunked body, the server reads
// the chunks, as RFC 9112 allows and net/http does. Header lines may end in a
// bare LF; chunk lines may not. The server's connections are not the hub's, so
// a handler cannot hijack one. In HTTP/2 a header beyond the limit is answered
// 431 on its stream, but a single field beyond it closes the connection.
//
// # Why not a Transport and Server of our own
//
// There was such a Transport, and it was faster than net/http's on goroutines.
// This one is slower, because each call passes from the hub to net/http's
// goroutines and back. What net/http knows of HTTP/2, of proxies and of the
// ways in which peers misbehave took it many years, and here parsing and
// handshakes of TLS do not hold up the hub. On two cores of an AMD EPYC virtual
// machine, as many times the requests per second of net/http on goroutines, in
// interleaved rounds, both ends in one process:
//
//	Transport   0.67 to 0.73 with one greenlet    0.79 to 0.84 with 100
//	Server      0.76 to 1.01 with one client      0.69 to 0.85 with 100
//
// An idle connection of the Transport, with its peer, takes 48 to 75 KiB there.
// To measure:
//
//	go test -run '^$' -bench 'Transport|Server' -benchtime 300ms -count 3 ./greenlet/hub/hubhttp
//
// It is apart from package hub because of net/http: what a program links costs
// it time at every start, and a hub without HTTP need not pay that.
package hubhttp
