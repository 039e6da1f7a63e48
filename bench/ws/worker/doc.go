// Package worker starts this program again as a child and talks with it: one for the
// server that is measured, one for the load. A child is asked over a pipe, in lines of
// JSON, and ends with its pipe or with its parent.
package worker
