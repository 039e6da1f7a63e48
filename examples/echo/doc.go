// Command echo serves a page that talks to an echo server over WebSocket.
//
//	go run ./examples/echo
//
// Open the address that it prints, send something, and see it come back. An
// interrupt (Ctrl-C) tells every page good-bye before the program ends.
package main
