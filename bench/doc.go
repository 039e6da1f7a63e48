// Package bench holds the benchmarks that need other people's codecs and libraries, in a
// module of their own, so that the library itself requires nothing. Each folder beside
// internal is a program:
//
//	go run ./deflate     the codec, against others and against what we promise of it
//	go run ./ws          servers, against others, against bare TCP and against what we promise
//
// README.md says what they measure and how.
package bench
