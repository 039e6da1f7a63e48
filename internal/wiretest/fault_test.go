package wiretest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var errTest = errors.New("injected")

func TestSplitAndChopKeepBytesAndBoundPieces(t *testing.T) {
	a, b := Pipe(0)
	n, err := Chop(a, Fixed(0)).Write([]byte("chopped")) // 0 is read as 1
	if n != 7 || err != nil || a.Writes() != 7 {
		t.Errorf("Write = %d, %v in %d Writes; want 7, nil in 7", n, err, a.Writes())
	}
	s := Split(b, Fixed(3))
	for _, want := range []string{"cho", "ppe", "d"} {
		wantRead(t, s, want, nil)
	}
	wantWrite(t, Chop(a, Fixed(2)), "", 0, nil)
	if first, again := Random(3, 100)(), Random(3, 100)(); first != again || first < 1 || first > 100 {
		t.Errorf("Random gave %d and %d for one seed", first, again)
	}
}

func TestChopReportsProgress(t *testing.T) {
	a, _ := Pipe(5)
	a.SetWriteDeadline(time.Now().Add(time.Millisecond))
	wantWrite(t, Chop(a, Fixed(2)), "0123456789", 5, os.ErrDeadlineExceeded)
}

func TestMergeHoldsUntilEnoughOrFlush(t *testing.T) {
	a, b := Pipe(0)
	m := Merge(a, 5)
	wantWrite(t, m, "ab", 2, nil)
	if m.Held() != 2 || b.Buffered() != 0 {
		t.Errorf("held %d, arrived %d; want 2, 0", m.Held(), b.Buffered())
	}
	wantWrite(t, m, "cdef", 4, nil)
	wantRead(t, b, "abcdef", nil)
	wantWrite(t, m, "g", 1, nil)
	for range 2 { // the second has nothing to send
		if err := m.Flush(); err != nil || a.Writes() != 2 {
			t.Errorf("Flush: %v after %d Writes; want nil after 2", err, a.Writes())
		}
	}
	wantWrite(t, m, "h", 1, nil)
	if err := m.CloseWrite(); err != nil {
		t.Error(err)
	}
	wantRead(t, b, "gh", nil)
	wantRead(t, b, "", io.EOF)
	wantWrite(t, m, "i", 1, nil)
	if err := m.CloseWrite(); !errors.Is(err, errBrokenPipe) {
		t.Errorf("CloseWrite with bytes that cannot go: %v", err)
	}
}

func TestMergeKeepsOlderBytesAfterFailure(t *testing.T) {
	a, b := Pipe(0)
	m := Merge(FailAt(a, OpWrite, 1, errTest).Partial(1), 4)
	wantWrite(t, m, "ab", 2, nil)
	wantWrite(t, m, "cd", 0, errTest)
	if m.Held() != 1 {
		t.Errorf("held %d, want 1", m.Held())
	}
	wantWrite(t, m, "cde", 3, nil)
	wantRead(t, b, "abcde", nil)
	m = Merge(FailAt(a, OpWrite, 1, errTest).Partial(3), 4)
	wantWrite(t, m, "ab", 2, nil)
	wantWrite(t, m, "cd", 1, errTest)
	wantRead(t, b, "abc", nil)
}

func TestMergeCloseDeliversAndNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(4)
		m := Merge(a, 0)
		wantWrite(t, m, "six...", 6, nil)
		start := time.Now()
		if err := m.Close(); err != nil || time.Since(start) != lingering {
			t.Errorf("Close: %v after %v; want nil after %v", err, time.Since(start), lingering)
		}
		wantWrite(t, m, "x", 0, net.ErrClosed)
		wantRead(t, b, "six.", nil)

		a, _ = Pipe(4)
		m = Merge(a, 1)
		failed := make(chan error)
		go func() { _, err := m.Write([]byte("waits")); failed <- err }()
		synctest.Wait()
		m.Close()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waiting Write: %v", err)
		}
	})
}

func TestFailAtFailsOneCall(t *testing.T) {
	calls := map[Op]func(net.Conn) error{
		OpRead:       func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		OpWrite:      func(c net.Conn) error { _, err := c.Write([]byte("w")); return err },
		OpCloseWrite: func(c net.Conn) error { return c.(*Failer).CloseWrite() },
		OpClose:      net.Conn.Close,
	}
	for op, call := range calls {
		for _, at := range []int{0, 1, 2} {
			a, b := Pipe(0)
			wantWrite(t, b, "input", 5, nil)
			f := FailAt(a, op, at, errTest)
			for i := 1; i <= 2; i++ {
				err := call(f)
				if injected := err == errTest; injected != (i == at) || f.Calls(op) != i || f.Failed() != (at > 0 && i >= at) {
					t.Errorf("%s, call %d, fault at %d: %v, Calls %d, Failed %t", op, i, at, err, f.Calls(op), f.Failed())
				}
			}
			if op == OpClose && !a.Closed() {
				t.Error("a failed Close did not close")
			}
		}
	}
	a, _ := Pipe(0)
	f := FailAt(a, OpDeadline, 2, errTest)
	for i, set := range []func(time.Time) error{f.SetDeadline, f.SetReadDeadline, f.SetWriteDeadline, f.SetReadDeadline} {
		if err := set(time.Time{}); (err == errTest) != (i == 1) {
			t.Errorf("deadline call %d: %v", i+1, err)
		}
	}
}

func TestFailAtPartial(t *testing.T) {
	a, b := Pipe(0)
	f := FailAt(a, OpWrite, 1, errTest).Partial(3)
	wantWrite(t, f, "hello", 3, errTest)
	wantRead(t, FailAt(b, OpRead, 1, errTest).Partial(2), "he", errTest)
	wantRead(t, b, "l", nil)
	a.Close()
	wantRead(t, FailAt(b, OpRead, 1, errTest).Partial(2), "", io.EOF)
}

func TestAfterFiresAtEveryByte(t *testing.T) {
	for at := range 11 {
		a, b := Pipe(0)
		w := After(a, OpWrite, int64(at), func() { a.CloseWrite() })
		n, err := w.Write([]byte("0123456789"))
		if n != at || (err == nil) != (at == 10) || b.Buffered() != at {
			t.Errorf("cut at %d: Write = %d, %v; %d arrived", at, n, err, b.Buffered())
		}
		wantWrite(t, After(b, OpRead, 0, nil), "back", 4, nil)

		c, d := Pipe(0)
		wantWrite(t, c, "0123456789", 10, nil)
		fired := 0
		got, err := io.ReadAll(After(d, OpRead, int64(at), func() { fired++; d.Reset() }))
		if len(got) != at || fired != 1 || !errors.Is(err, errReset) {
			t.Errorf("cut at %d: read %q, %v; fired %d times", at, got, err, fired)
		}
	}
	a, b := Pipe(0)
	wantWrite(t, b, "x", 1, nil)
	wantRead(t, After(a, OpWrite, 0, nil), "x", nil)
}

func TestRecorderKeepsOrder(t *testing.T) {
	a, b := Pipe(0)
	r := Record(a)
	wantWrite(t, r, "out", 3, nil)
	wantWrite(t, b, "in", 2, nil)
	wantRead(t, r, "in", nil)
	wantWrite(t, r, "!", 1, nil)
	r.CloseWrite()
	r.Close()
	if string(r.In()) != "in" || string(r.Out()) != "out!" {
		t.Errorf("In %q, Out %q; want in, out!", r.In(), r.Out())
	}
	want := []Op{OpWrite, OpRead, OpWrite, OpCloseWrite, OpClose}
	events := r.Events()
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, e := range events {
		if e.Op != want[i] || e.Err != nil {
			t.Errorf("event %d: %s, %v; want %s, nil", i, e.Op, e.Err, want[i])
		}
	}
	events[0].Data[0] = 'X'
	if string(r.Out()) != "out!" {
		t.Error("Events lent the recorder's own bytes")
	}
}

func TestNoDeadlinesRefusesAndUnwraps(t *testing.T) {
	a, b := Pipe(0)
	c := NoDeadlines(a)
	for _, set := range []func(time.Time) error{c.SetDeadline, c.SetReadDeadline, c.SetWriteDeadline} {
		if err := set(time.Unix(1, 0)); !errors.Is(err, os.ErrNoDeadline) {
			t.Errorf("got %v, want os.ErrNoDeadline", err)
		}
	}
	wantWrite(t, c, "x", 1, nil)
	wantRead(t, b, "x", nil)
	if c.(noDeadlines).Unwrap() != net.Conn(a) {
		t.Error("Unwrap did not give the connection inside")
	}
	foreign, _ := net.Pipe()
	if err := Record(foreign).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite over a net.Pipe: %v", err)
	}
}
