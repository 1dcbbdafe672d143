// Package hubtls is TLS for a hub: crypto/tls over a [hub.Conn], whose waits
// let other greenlets run (gevent.ssl).
//
// [Client] and [Server] take a connection that was dialled or accepted, and
// make a [Conn] of it. Certificates, versions and who is trusted are
// crypto/tls's business, in its Config. Rules:
//
//   - A Conn belongs to its hub: use it from the hub's greenlets only. One
//     greenlet may read while another writes; several readers, or several
//     writers, take turns.
//   - The connection below is the Conn's alone, from the call of Client or
//     Server on. Closing the Conn closes it.
//   - The handshake is done by the first Read or Write, or by Handshake.
//   - A Read that is ended by its deadline, a limit, a context or a kill loses
//     nothing: the next Read continues where it stopped.
//   - After a Write that returned an error, do not write again: half a record
//     may have been sent, and later Writes fail. Reading still works. (A
//     deadline that had passed before the Write began does no harm.)
//   - A handshake that failed or was interrupted cannot be repeated: close the
//     connection.
//
// It is not a tls.Conn (that would stop the hub, see [Conn]), and does not
// renegotiate: leave the Config's Renegotiation as it is.
//
// It is apart from package hub because of crypto/tls: what a program links
// costs it time at every start, and a hub without TLS need not pay that.
package hubtls
