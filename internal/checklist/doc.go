// Package checklist holds the duties of RFC 6455 that the library answers for,
// one row each, in rows.txt, and a test that finds the tests for them:
//
//	go test -run TestChecklist -v ./internal/checklist
//
// prints which test covers which row. A test claims rows in a comment line
// within it or above it:
//
//	// Checklist: F7, F8
//
// A row without a test fails, as does an id that has no row. A row may be waived
// in rows.txt, with the reason; a waived row that has a test fails as well, so
// that the reason goes when it is no longer true. A row for later may have a
// test and need not. The package refuses to know whether a test keeps what it
// claims: that is for its reader to see.
package checklist
