// Package hubhttp is net/http's client for a hub: requests that wait as
// greenlets, as those of requests do under gevent.
//
//	client := &http.Client{Transport: hubhttp.NewTransport(h)}
//
// makes the whole of http.Client usable on a hub (redirects, cookies, timeouts,
// contexts), for as many downloads at once as there are greenlets. Rules:
//
//   - Client and responses are used from the hub's greenlets only.
//   - A connection is kept for later requests once a response's body has been
//     read to its end. Closing the body earlier closes the connection.
//   - The request's context, the client's Timeout, a [hub.Timeout] and a kill
//     end a request wherever it waits, while its body is read too.
//   - If a kept connection turns out to be closed before anything came back,
//     the request is sent again on another, provided that it can be: GET, HEAD,
//     OPTIONS, TRACE, PUT and DELETE, or an Idempotency-Key, and no body or one
//     with GetBody.
//
// It speaks HTTP/1.1 over TCP and TLS ([hubtls]). It does not do HTTP/2,
// proxies or transparent decompression, and does not limit connections: limit
// the greenlets, with a [hub.Pool]. It is no server: net/http's starts
// goroutines of its own.
//
// It is apart from package hub because of net/http: what a program links costs
// it time at every start, and a hub without HTTP need not pay that.
package hubhttp
