//go:build !linux

package conn

import "time"

// sweeps: connections have timers of their own.
const sweeps = false

type alarm struct{}

func newAlarm() *alarm           { return &alarm{} }
func (*alarm) set(time.Duration) {}
func (*alarm) wait()             { time.Sleep(defaultFlushDelay) }
func (*alarm) close()            {}
