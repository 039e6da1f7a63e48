package conn

import (
	"sync"
	"testing"
	"testing/synctest"
)

// Whoever has the turn is alone with it, nobody is forgotten, and a turn that was
// waited for is free again in the end.
func TestReadTurnIsOnesAlone(t *testing.T) {
	var turn readTurn
	var mu sync.Mutex
	var all sync.WaitGroup
	inside, taken := 0, 0 // the race detector watches over them
	for i := range 8 {
		all.Go(func() {
			over := make(chan struct{})
			close(over)
			for n := range 2_000 {
				done := chan struct{}(nil)
				if (n+i)%5 == 0 {
					done = over // who stands in line leaves it at once
				}
				if !turn.acquire(&mu, done) {
					continue
				}
				if inside++; inside != 1 {
					t.Errorf("%d have the turn", inside)
				}
				inside--
				taken++
				turn.release(&mu)
			}
		})
	}
	all.Wait()
	if taken < 8*1_600 {
		t.Errorf("the turn was taken %d times, want %d at least", taken, 8*1_600)
	}
	if turn.state.Load() != turnFree || turn.line.held() {
		t.Error("the turn is not free in the end")
	}
}

// The first in line gets the turn, also from somebody who left the line when it had
// come to him already.
func TestReadTurnGoesByTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn readTurn
		var mu sync.Mutex
		turn.take()
		order := make(chan int, 3)
		for i := range 3 {
			go func() {
				turn.acquire(&mu, nil)
				order <- i
				turn.release(&mu)
			}()
			synctest.Wait()
		}
		late := turn.enqueue(&mu)
		if turn.take() {
			t.Error("a turn that is held was taken")
		}
		turn.release(&mu)
		synctest.Wait()
		for want := range 3 {
			if got := <-order; got != want {
				t.Errorf("number %d has the turn, want %d", got, want)
			}
		}
		select {
		case <-late:
		default:
			t.Fatal("the last in line has not got the turn")
		}
		turn.dequeue(&mu, late)
		if !turn.take() {
			t.Error("the turn is not free")
		}
		if turn.release(&mu); turn.enqueue(&mu) != nil {
			t.Error("a free turn was not taken at once")
		}
	})
}
