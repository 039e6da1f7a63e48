package wiretest

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestListenerConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(0)
		served := make(chan string)
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
			}
			got, _ := readSome(c)
			served <- got + " from " + c.RemoteAddr().String()
		}()
		synctest.Wait()
		c, err := l.DialContext(t.Context(), "tcp", "example.com:80")
		if err != nil {
			t.Fatal(err)
		}
		wantWrite(t, c, "hi", 2, nil)
		if got := <-served; got != "hi from pipe:client-1" || c.RemoteAddr() != l.Addr() {
			t.Errorf("got %q, remote %v", got, c.RemoteAddr())
		}
	})
}

func TestListenerCloseRefusesAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(0)
		waiting, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range backlog - 1 {
			l.Dial(t.Context())
		}
		refused := make(chan error)
		go func() { _, err := l.Dial(t.Context()); refused <- err }()
		synctest.Wait() // the backlog is full
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial with a full backlog: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-refused; !errors.Is(err, errRefused) {
			t.Errorf("Dial that waited: %v", err)
		}
		wantRead(t, waiting, "", errReset)
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		for range 50 {
			if c, err := l.DialContext(t.Context(), "", ""); c != nil || !errors.Is(err, errRefused) {
				t.Errorf("Dial after Close: %v, %v", c, err)
			}
		}
		if _, err := l.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial with an ended context: %v", err)
		}
	})
}

func TestListenerCloseWakesAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Listen(0)
		failed := make(chan error)
		go func() { _, err := l.Accept(); failed <- err }()
		synctest.Wait()
		l.Close()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
	})
}
