package contest

import (
	"runtime"
	"testing"
	"time"

	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// What one package makes when the program starts is not looked through by the collector
// of the others' servers.
func TestDismissedEngineHoldsNothing(t *testing.T) {
	const queues = 1 << 20 * 9 / 10                             // bytes: two channels of 64 Ki functions, nearly
	websocket.DefaultEngine = nbhttp.NewEngine(nbhttp.Config{}) // a test before may have dismissed the first
	before := heap()
	dismissNbio()
	if websocket.DefaultEngine != nil {
		t.Error("the engine is there")
	}
	freed := int64(0)
	for deadline := time.Now().Add(10 * time.Second); freed < queues; runtime.Gosched() { // its goroutines end soon
		if freed = before - heap(); time.Now().After(deadline) {
			t.Fatalf("%d bytes are free that were not before, want %d", freed, queues)
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
