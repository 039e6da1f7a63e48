// Package autobahn holds what the Autobahn test suite needs to judge this
// library in both roles: the endpoints under test (autobahn/server and
// autobahn/client), the suite's configurations, run.sh, which runs it, and the
// results that we expect, compared with a fresh report by this package's test.
//
// It has nothing for programs that use the library.
package autobahn
