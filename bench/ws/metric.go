//go:build linux

package main

import (
	"fmt"

	"github.com/tidewire/websocket/bench/internal/report"
)

// The names of metrics. Those of time and of calls are per message.
const (
	CPU       = "cpu"        // processor time of the server, nanoseconds
	Times     = "times"      // that of the base divided by it, round by round
	Rate      = "rate"       // per second
	P50       = "p50"        // from sending to the answer, nanoseconds
	P99       = "p99"        //
	P99Times  = "p99-times"  // that of the base divided by it, round by round
	RateTimes = "rate-times" // the same of the rates; not in the tables
	Wire      = "wire"       // bytes from the server
	Busy      = "load"       // part of its processor that the load used
	Waited    = "waited"     // part of the time that threads of the server waited for a processor
	Reads     = "reads"      // system calls of the server: read
	Writes    = "writes"     // write
	Receives  = "receives"   // recvfrom, as a debugger sees it
	Sends     = "sends"      // sendto
	Waits     = "waits"      // epoll_wait
	Others    = "others"     //
	PerCPU    = "per-cpu"    // in a second of the server's processor time

	Found          = "found"           // resident bytes for each connection
	Collected      = "collected"       // after a collection
	FoundAfter     = "found-after"     // after messages on each of them
	CollectedAfter = "collected-after" //
)

// A column is a metric in a table.
type column struct {
	metric, title string
	text          func(float64) string
	often0        bool // a dash where it is 0, and left out if it is that for all
}

var columns = []column{
	{Times, "of base", func(x float64) string { return fmt.Sprintf("%.2f", x) }, false},
	{CPU, "CPU", report.Duration, false},
	{Rate, "per second", count, false},
	{PerCPU, "per CPU second", count, false},
	{P50, "p50", report.Duration, false},
	{P99, "p99", report.Duration, false},
	{P99Times, "p99 of base", func(x float64) string { return fmt.Sprintf("%.2f", x) }, false},
	{Wire, "on the wire", report.Bytes, false},
	{Reads, "reads", calls, true},
	{Receives, "receives", calls, true},
	{Writes, "writes", calls, true},
	{Sends, "sends", calls, true},
	{Waits, "waits", calls, false},
	{Others, "other calls", calls, false},
	{Busy, "load", percent, false},
	{Waited, "waited", percent, false},
	{Found, "found", report.Memory, false},
	{Collected, "collected", report.Memory, false},
	{FoundAfter, "found, talked", report.Memory, false},
	{CollectedAfter, "collected, talked", report.Memory, false},
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }

func calls(x float64) string { return fmt.Sprintf("%.3f", x) }

func count(x float64) string {
	if x < 10_000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.1f k", x/1000)
}
