// Command server is the server under test of the Autobahn suite: it echoes every
// message and prints the address it listens on when it is ready.
//
//	go run ./autobahn/server -addr 127.0.0.1:9001 [-cert cert.pem -key key.pem]
package main
