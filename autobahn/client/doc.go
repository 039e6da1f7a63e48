// Command client is the client under test of the Autobahn suite: it asks the
// suite's fuzzing server how many cases there are, echoes through each of them
// and has the report written.
//
//	go run ./autobahn/client -url ws://127.0.0.1:9001 [-agent NAME] [-ca cert.pem]
package main
