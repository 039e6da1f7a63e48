// Package conn is one WebSocket connection: the owner of the socket, the locks
// and the deadlines.
package conn
