// Package wiretest makes the bad days of a network for tests: byte streams in memory, and faults over any [net.Conn].
//
// Call [Pipe] first: two ends of a stream with buffers, deadlines, half closes and resets like TCP's, which also works
// inside testing/synctest. [Listen] hands such ends to a server. [Split], [Chop], [Merge], [FailAt], [NoDeadlines] and
// [Record] wrap any net.Conn and may be stacked.
//
// The package knows nothing about WebSocket, and nothing about testing.
package wiretest
