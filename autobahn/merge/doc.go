// Command merge puts the reports of several runs of the Autobahn suite, each of a
// part of the cases, into one folder: one index.json, one index.html, and the pages
// of all cases. A report that lacks something, or a case in two of them, is an error.
//
//	go run ./autobahn/merge -into autobahn/reports/server build/autobahn/server/*/report
package main
