// Package handshake is the opening handshake of RFC 6455, section 4, as text: strings and bytes in, verdicts out.
//
// A server collects the request's head with a [HeadScanner], parses it with [ParseRequest] (or fills a [Request] from
// the fields of another HTTP parser), judges it with [Request.Check] and [CheckOrigin], and answers with
// [AppendResponse] or [AppendRefusal]. A client starts with [ParseURL], writes [AppendRequest], collects the answer
// with a [HeadScanner] whose Response is true, parses it with [ParseResponse] and judges it with [Offer.Judge].
//
// Every list of tokens or extensions goes through one single-pass parser ([ParseTokens], [HasToken],
// [ParseExtensions]), so that the time is linear in the length of the header, whatever it holds.
//
// The package refuses to know sockets, clocks, randomness and net/http: headers are plain maps, the sixteen random
// bytes of a key are an argument, and what an extension's parameters mean is the business of that extension.
// It holds no state between calls, so all of its functions are safe for concurrent use; a value that a method fills
// (Request, HeadScanner) belongs to one goroutine at a time.
package handshake
