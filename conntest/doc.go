// Package conntest is for tests of programs that use WebSocket: connections in
// memory, and the bad days of a network on command.
//
// Call [Dial] first: it runs your http.Handler without a network and returns a
// client that is connected to it. [Pair] is two connected ends without HTTP.
// [NewPeer] puts a scripted stranger at the other end, who speaks in frames, legal
// ones or not. Below each of them is a [Wire], which splits, merges, stalls,
// half-closes or resets the stream when it is told to.
//
// Everything works inside testing/synctest, is ended by t.Cleanup, and fails the
// test with t.Fatal instead of returning errors; so call it from the goroutine of
// the test.
//
// The package refuses to know TLS, proxies and real sockets: what depends on them
// is to be tested with them.
package conntest
