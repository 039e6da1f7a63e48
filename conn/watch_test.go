package conn

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A kept watcher that fired between two calls has no say in the second one, so the
// second one looks for itself.
func TestContextThatEndsBetweenTwoWaitsInterruptsTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		var deadline time.Time
		w.init(func(d time.Time) { deadline = d })
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 { // the second time it is kept
			w.begin(ctx)
			w.end(ctx)
		}
		if !w.watches(ctx) {
			t.Fatal("no watcher is kept for a context that came twice")
		}
		cancel()
		synctest.Wait() // it has fired for nobody
		if deadline != (time.Time{}) {
			t.Fatalf("deadline %v between two calls, want none", deadline)
		}
		w.begin(ctx)
		if deadline != past {
			t.Errorf("deadline %v, want one in the past: nobody else will end this wait", deadline)
		}
		if w.arm(ctx, time.Second) {
			t.Error("arm = true for a context that has ended")
		}
	})
}

func TestLateCallbackDoesNotEndTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		var deadline time.Time
		w.init(func(d time.Time) { deadline = d })
		first, cancel := context.WithCancel(t.Context())
		w.begin(first)
		w.end(first)
		cancel()
		w.begin(context.WithValue(t.Context(), &w, 1))
		w.fire() // it was on its way when the call ended
		if deadline == past {
			t.Error("the next call was interrupted by the context of the one before")
		}
	})
}

func TestWatcherIsKeptFromTheSecondCallOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watch
		w.init(func(time.Time) {})
		once, cancel := context.WithCancel(t.Context())
		defer cancel()
		again, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i, step := range []struct {
			ctx  context.Context
			kept bool
		}{{once, false}, {again, false}, {again, true}, {again, true}, {once, false}, {once, true}} {
			w.begin(step.ctx)
			w.end(step.ctx)
			if got := w.watches(step.ctx); got != step.kept {
				t.Errorf("step %d: kept %v, want %v", i, got, step.kept)
			}
		}
		w.close()
		if w.watches(once) {
			t.Error("a watcher outlives the connection")
		}
		if !w.watches(context.Background()) {
			t.Error("waiting without a context that ends must cost nothing")
		}
	})
}

// The same seen from outside: every moment between two Writes at which a context
// can end.
func TestWriteWithAContextThatEndedOnItsWayIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.WriteTimeout = -1
		c, p := room(t, Server, 8, o)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			if err := c.Write(ctx, Text, []byte("ab")); err != nil {
				t.Fatal(err)
			}
		}
		late := lateContext{Context: ctx, cancel: cancel}
		if err := c.Write(&late, Text, []byte("cd")); !errors.Is(err, context.Canceled) {
			t.Fatalf("Write into a full socket = %v, want %v", err, context.Canceled)
		}
		p.roomByte()
		for _, want := range []string{"ab", "ab", "cd"} {
			p.expect(1, want)
		}
	})
}

// lateContext ends behind the first look at it.
type lateContext struct {
	context.Context
	cancel func()
	seen   bool
}

func (l *lateContext) Err() error {
	err := l.Context.Err()
	if !l.seen {
		l.seen = true
		l.cancel()
		synctest.Wait()
	}
	return err
}
