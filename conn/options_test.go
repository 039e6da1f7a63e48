package conn

import (
	"testing"
	"time"
)

func TestOptionsZeroIsTheDefaultAndNegativeIsOff(t *testing.T) {
	defaults := settings{
		readLimit:    1 << 20,
		maxFragments: 131_072,
		minProgress:  1 << 10,
		pingInterval: 30 * time.Second,
		pingTimeout:  30 * time.Second,
		closeTimeout: 5 * time.Second,
		writeTimeout: 10 * time.Second,
		flushDelay:   100 * time.Microsecond,
		queueBytes:   256 << 10,
	}
	tests := []struct {
		name string
		o    *Options
		want settings
	}{
		{"nil", nil, defaults},
		{"zero", &Options{}, defaults},
		{"off", &Options{
			ReadLimit: -1, StreamLimit: -1, MaxFragments: -1, MinProgress: -1, PingInterval: -1,
			PingTimeout: -1, CloseTimeout: -1, WriteTimeout: -1, FlushDelay: -1, QueueBytes: -1,
		}, settings{closeTimeout: 5 * time.Second}}, // which cannot be turned off
		{"own", &Options{
			ReadLimit: 1, StreamLimit: 2, MaxFragments: 3, MinProgress: 4, PingInterval: 5,
			PingTimeout: 6, CloseTimeout: 7, WriteTimeout: 8, QueueBytes: 9, FlushDelay: 10, TrustText: true,
		}, settings{
			readLimit: 1, streamLimit: 2, maxFragments: 3, minProgress: 4, pingInterval: 5,
			pingTimeout: 6, closeTimeout: 7, writeTimeout: 8, queueBytes: 9, flushDelay: 10, trustText: true,
		}},
	}
	for _, tt := range tests {
		o := tt.o.notNil()
		if o.OnEnd != nil {
			t.Errorf("%s: there is a hook, want none", tt.name)
		}
		if got := settingsOf(o); got != tt.want {
			t.Errorf("%s: settings are %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// settings are Options as a connection sees them.
type settings struct {
	readLimit, streamLimit, minProgress                               int64
	maxFragments, queueBytes                                          int
	pingInterval, pingTimeout, closeTimeout, writeTimeout, flushDelay time.Duration
	trustText                                                         bool
}

func settingsOf(o *Options) settings {
	return settings{
		readLimit:    o.readLimit(),
		streamLimit:  o.streamLimit(),
		maxFragments: o.maxFragments(),
		minProgress:  o.minProgress(),
		pingInterval: o.pingInterval(),
		pingTimeout:  o.pingTimeout(),
		closeTimeout: o.closeTimeout(),
		writeTimeout: o.writeTimeout(),
		flushDelay:   o.flushDelay(),
		queueBytes:   o.queueBytes(),
		trustText:    o.TrustText,
	}
}

func TestOptionsMayBeShared(t *testing.T) {
	o := &Options{}
	a, b := pair(t, o)
	a.SetReadLimit(5)
	if o.ReadLimit != 0 || b.readLimit.Load() != 1<<20 {
		t.Errorf("options have limit %d and the other connection %d, want 0 and 1 MiB", o.ReadLimit, b.readLimit.Load())
	}
}

func TestCloseTimeoutIsTheUsers(t *testing.T) {
	inBothRoles(t, func(t *testing.T, role Role) {
		o := quiet()
		o.CloseTimeout = 42 * time.Second
		c, _ := newPeer(t, role, o)
		start := time.Now()
		c.Close()
		if d := time.Since(start); d != o.CloseTimeout {
			t.Errorf("Close took %v, want %v", d, o.CloseTimeout)
		}
	})
}
