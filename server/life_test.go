package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidewire/websocket/conn"
)

// inLife runs f in a bubble with the context of a connection; end cuts the connection and runs its hook.
func inLife(t *testing.T, f func(t *testing.T, ctx context.Context, end func())) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		values := context.WithoutCancel(context.WithValue(context.Background(), key{}, "value"))
		l := &life{values: values, tail: new(tail)}
		// In the bubble, as its done channel is.
		l.conn = conn.New(&written{}, conn.Setup{Role: conn.Server, OnEnd: l.tail.end}, nil)
		if got := l.Value(key{}); got != "value" {
			t.Errorf("value before the end is %v", got)
		}
		f(t, l, func() {
			l.conn.CloseNow()
			synctest.Wait()
			if got := l.Value(key{}); got != "value" {
				t.Errorf("value after the end is %v", got)
			}
		})
	})
}

func TestLifeEndsWithTheConnection(t *testing.T) {
	inLife(t, func(t *testing.T, ctx context.Context, end func()) {
		if _, limited := ctx.Deadline(); ctx.Err() != nil || context.Cause(ctx) != nil || limited {
			t.Fatalf("before the end: %v, %v, deadline %v", ctx.Err(), context.Cause(ctx), limited)
		}
		end()
		<-ctx.Done()
		if ctx.Err() != context.Canceled || !errors.Is(context.Cause(ctx), conn.ErrClosed) {
			t.Fatalf("after the end: %v, cause %v", ctx.Err(), context.Cause(ctx))
		}
	})
}

// A context made of one whose type package context does not know costs a goroutine, unless it has AfterFunc: a bubble
// with a goroutine that waits for ever would not end.
func TestContextsMadeOfALife(t *testing.T) {
	inLife(t, func(t *testing.T, ctx context.Context, end func()) {
		left, cancelLeft := context.WithCancel(ctx)
		timed, cancelTimed := context.WithTimeout(ctx, time.Hour)
		cancelLeft() // takes its place in the list back
		cancelLeft()
		if n := len(ctx.(*life).tail.after); n != 1 {
			t.Errorf("%d wait for the end, want 1", n)
		}
		end()
		<-timed.Done()
		if !errors.Is(context.Cause(timed), conn.ErrClosed) || left.Err() == nil {
			t.Errorf("cause %v, want ErrClosed", context.Cause(timed))
		}
		cancelTimed()
		late, cancelLate := context.WithCancel(ctx)
		defer cancelLate()
		if late.Err() == nil || !errors.Is(context.Cause(late), conn.ErrClosed) {
			t.Errorf("made after the end: %v, cause %v", late.Err(), context.Cause(late))
		}
	})
}

func TestAfterFuncOfALife(t *testing.T) {
	inLife(t, func(t *testing.T, ctx context.Context, end func()) {
		ran := make(chan string, 3)
		stopFirst := context.AfterFunc(ctx, func() { ran <- "first" })
		stopSecond := context.AfterFunc(ctx, func() { ran <- "second" })
		if !stopFirst() || stopFirst() {
			t.Error("stop does not report what it did")
		}
		end()
		if stopSecond() {
			t.Error("stopped after it ran")
		}
		stopThird := ctx.(*life).AfterFunc(func() { ran <- "third" })
		if stopThird() {
			t.Error("stopped after the end")
		}
		synctest.Wait()
		close(ran)
		var got []string
		for s := range ran {
			got = append(got, s)
		}
		if len(got) != 2 || got[0] != "second" || got[1] != "third" {
			t.Errorf("ran %q, want second and third", got)
		}
	})
}
