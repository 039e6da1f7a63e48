// Package fuzz holds the fuzz targets that need several packages, and the list of
// all of them:
//
//	./frame              FuzzHeader           what is accepted has one encoding, and a refusal is final
//	./frame              FuzzMask             Mask equals its plain twin
//	./frame              FuzzUTF8             the verdict is that of unicode/utf8, under any split
//	./frame              FuzzWhole            the short way to a message in one frame is that by its Header
//	./frame              FuzzUTF8Inside       so is that of a few bytes inside of text, of any length
//	./frame              FuzzClose            a Close's payload that is accepted is written again as it was
//	./handshake          FuzzRequestHead      any cut, the same verdict; and what net/http reads
//	./handshake          FuzzResponseHead     any cut, the same verdict; and what net/http reads
//	./handshake          FuzzExtensions       a list survives being written; lines are one list
//	./handshake          FuzzTokens           a list survives being written; lines are one list
//	./handshake          FuzzOrigin           what is accepted is the server's own origin or a pattern's
//	./handshake          FuzzURL              what is accepted is one request line and one Host
//	./handshake          FuzzHeaderInjection  what is emitted parses to the intended fields
//	./internal/protocol  FuzzSegmentation     any cut, the same frames and the same verdict
//	./server             FuzzUpgradeConn      any request ends in a 101, a whole refusal, or the end of the stream
//	./client             FuzzAnswer           any answer of a server or a proxy ends in a HandshakeError
//	./deflate            FuzzCompressor       what is compressed inflates again, in any mode
//	./deflate            FuzzDecompressor     the bytes and the verdict of compress/flate, under any cut
//	./deflate            FuzzMatchEnd         a match ends where its plain twin says
//	./deflate            FuzzMixture          pieces, streams and canceled reads give what one call gives
//	./deflate            FuzzNegotiate        what a server answers to any offer, the client accepts
//	./deflate            FuzzConfirm          what a client accepts of any answer is within its offers
//	./fuzz               FuzzStream           any cut and any reading method, the same messages and the same end
//	./fuzz               FuzzCompressedStream any cut, the same messages and the same end, where compression was agreed on
//	./fuzz               FuzzServerBytes      any bytes end in a documented error; what we say is legal
//	./fuzz               FuzzClientBytes      any bytes end in a documented error; what we say is legal
//	./fuzz               FuzzText             text is judged as unicode/utf8 does, both ways, under any split
//	./fuzz               FuzzPair             two connections: whole messages in order, or a documented error
//	./fuzz               FuzzUpgrade          what UpgradeConn accepts, Upgrade on net/http accepts, frames behind it included
//	./fuzz               FuzzDial             a connection only from the right answer, with the frames behind it
//
// One target runs with its folder and its name:
//
//	go test -run '^$' -fuzz '^FuzzPair$' -fuzztime 5m ./fuzz
//
// Without -fuzz the seeds are ordinary tests. An input that fails is kept by the go
// command in testdata/fuzz; it stays there as a seed, and the package that had the
// bug gets a named test.
//
// The targets here run inside testing/synctest: time costs nothing, so that
// timeouts are part of what is tried, and a hang is a deadlock that is found. They
// recover from no panic.
package fuzz
