// Package contest holds the servers that are compared, each in a file of its own, written
// as the documentation of its library recommends it for speed. To add one, write it and
// put it into the list of All.
package contest
