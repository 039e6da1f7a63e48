package measure

import (
	"math"
	"testing"
	"time"
)

var sink uint64

func spin(n int) {
	x := sink | 1
	for range n * 2000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sink = x
}

func TestInterleaveTellsDoubleWork(t *testing.T) {
	double := func(n int) { spin(2 * n) }
	got := Interleave(Options{Rounds: 9, Slice: time.Millisecond}, 4, []Work{spin, double})
	if len(got) != 2 || len(got[0]) != 9 || len(got[1]) != 9 {
		t.Fatalf("got %d series, want 2 of 9 rounds", len(got))
	}
	if r := got[1].Over(got[0]).Estimate(); r.Median < 1.2 || r.Median > 3.3 {
		t.Errorf("double work: got %.2f times the time, want 2 (%v)", r.Median, r)
	}
}

func TestInterleaveGivesWholeUnits(t *testing.T) {
	const unit = 7
	bad := 0
	Interleave(Options{Rounds: 3, Slice: 100 * time.Microsecond}, unit, []Work{func(n int) {
		if n%unit != 0 {
			bad++
		}
		spin(n)
	}})
	if bad > 0 {
		t.Errorf("%d slices were no multiple of %d", bad, unit)
	}
}

func TestEstimate(t *testing.T) {
	for _, test := range []struct {
		s    Series
		want Estimate
	}{
		{Series{3}, Estimate{3, 3, 3}},
		{Series{9, 1, 5}, Estimate{5, 1, 9}},
		{Series{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Estimate{6, 2, 9}}, // 96 %; 3 to 10 would do as well
	} {
		if got := test.s.Estimate(); got != test.want {
			t.Errorf("%v: got %v, want %v", test.s, got, test.want)
		}
	}
	if got := (Estimate{Median: 4, Low: 3, High: 6}).Spread(); got != 0.5 {
		t.Errorf("spread: got %v, want 0.5", got)
	}
}

var keep []byte

func TestAllocationsAreCounted(t *testing.T) {
	if got := Allocations(100, spin); got != 0 {
		t.Errorf("work without allocations: got %v", got)
	}
	got := Allocations(100, func(n int) {
		for range n {
			keep = make([]byte, 100)
		}
	})
	if got != 1 {
		t.Errorf("one allocation each: got %v", got)
	}
}

func TestHeldIsWhatIsHeld(t *testing.T) {
	got := Held(1000, func() *[4096]byte {
		keep = make([]byte, 10000) // held by nobody soon
		return new([4096]byte)
	})
	if math.Abs(got-4096) > 100 {
		t.Errorf("got %.0f bytes, want 4096", got)
	}
}
