// Package autobahn holds what the Autobahn test suite needs to judge this
// library in both roles: the endpoints under test (autobahn/server and
// autobahn/client), run.sh, which configures the suite and runs it in shards,
// autobahn/merge, which makes one report of theirs, and the results that we expect,
// compared with a fresh report by this package's test.
//
// It has nothing for programs that use the library.
package autobahn
