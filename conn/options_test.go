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
			PingTimeout: -1, CloseTimeout: -1, WriteTimeout: -1, QueueBytes: -1,
		}, settings{closeTimeout: 5 * time.Second}}, // which cannot be turned off
		{"own", &Options{
			ReadLimit: 1, StreamLimit: 2, MaxFragments: 3, MinProgress: 4, PingInterval: 5,
			PingTimeout: 6, CloseTimeout: 7, WriteTimeout: 8, QueueBytes: 9, TrustText: true,
		}, settings{
			readLimit: 1, streamLimit: 2, maxFragments: 3, minProgress: 4, pingInterval: 5,
			pingTimeout: 6, closeTimeout: 7, writeTimeout: 8, queueBytes: 9, trustText: true,
		}},
	}
	for _, tt := range tests {
		got := tt.o.settings()
		if got.onEnd != nil {
			t.Errorf("%s: settings have a hook, want none", tt.name)
		}
		if sameSettings(got, tt.want) {
			continue
		}
		t.Errorf("%s: settings are %+v, want %+v", tt.name, got, tt.want)
	}
}

// sameSettings compares all but the hook, which cannot be compared.
func sameSettings(a, b settings) bool {
	return a.readLimit == b.readLimit && a.streamLimit == b.streamLimit && a.maxFragments == b.maxFragments &&
		a.minProgress == b.minProgress && a.pingInterval == b.pingInterval && a.pingTimeout == b.pingTimeout &&
		a.closeTimeout == b.closeTimeout && a.writeTimeout == b.writeTimeout && a.queueBytes == b.queueBytes &&
		a.trustText == b.trustText
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
