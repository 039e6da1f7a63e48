// Package archtest keeps the floors of the house apart. It has no code of its
// own: its tests read the imports of every package, the go.mod files, and the
// source, and hold them against the tables in policy_test.go and
// unsafe_test.go.
//
// A new folder starts in the policy table, or the test fails; so does an import
// that its row does not list. The package refuses to know what the code does.
package archtest
