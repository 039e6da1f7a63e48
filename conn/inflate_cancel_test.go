package conn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

// tornPacked is torn with the payload compressed: a text message of four frames, one
// of them empty, with control frames between them.
func tornPacked(role Role, payload string) []byte {
	a, b := len(payload)/3, len(payload)-2
	return bytes.Join([][]byte{
		compressed(frameOf(role, !fin, frame.Text, payload[:a])),
		frameOf(role, fin, frame.Ping, "one"),
		frameOf(role, !fin, frame.Continuation, ""),
		frameOf(role, !fin, frame.Continuation, payload[a:b]),
		frameOf(role, fin, frame.Pong, "nobody asked"),
		frameOf(role, fin, frame.Ping, ""),
		frameOf(role, fin, frame.Continuation, payload[b:]),
	}, nil)
}

// everyTwoCalls runs f for every two kinds of read calls, roles, and kinds of windows.
func everyTwoCalls(t *testing.T, f func(t *testing.T, role Role, takeover bool, a, b readCall)) {
	for _, role := range both {
		for _, takeover := range []bool{false, true} {
			for _, a := range readCalls {
				for _, b := range readCalls {
					t.Run(fmt.Sprintf("%v/takeover=%v/%s/%s", role, takeover, a.name, b.name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { f(t, role, takeover, a, b) })
					})
				}
			}
		}
	}
}

// A compressed message comes byte by byte; two kinds of calls take turns waiting for
// a byte each and are canceled behind it. The message is whole at the end, or, if it
// was given up, the next one is, which refers to it.
// Checklist: D7, D8
func TestCanceledReadsKeepEveryCompressedByte(t *testing.T) {
	everyTwoCalls(t, func(t *testing.T, role Role, takeover bool, a, b readCall) {
		c, p := newPackedPeer(t, role, deflating(12, takeover), quiet())
		z := newPacker(12, takeover)
		in := tornPacked(p.role, z.pack(tornText))
		next := packedIn(p.role, frame.Text, z.pack(tornText+tornText), 2)
		gone, handed := false, false
		last := len(in) - 1
		for i := range last {
			call := a
			if i%2 == 1 {
				call = b
			}
			r := cancelBehind(t, c, p, call, in, i)
			handed = handed || r.got != ""
			gone = gone || call.name == "Discard" && i+1 >= openAt(p.role)
		}
		p.send(in[last:], next)
		if !gone && !handed {
			wantMessage(t, c, Text, tornText)
		}
		wantMessage(t, c, Text, tornText+tornText)
	})
}

// A call canceled at any place of a large message, before and behind the first time
// it was inflated, is followed by one that may finish; later messages refer to both.
// Checklist: D7, D8
func TestNextCallGoesOnInACompressedMessage(t *testing.T) {
	text := noise(7, 70_000)
	for _, part := range []int{0, 1} {
		everyTwoCalls(t, func(t *testing.T, role Role, takeover bool, a, b readCall) {
			places := []int{1, 500, gatherMax - 1, gatherMax + 20, gatherMax + 3000}
			if part == 1 {
				places = []int{2*gatherMax + 20, 40_000, 50_000}
			}
			for _, at := range places {
				goOnPacked(t, role, takeover, a, b, at, text)
			}
		})
	}
}

func goOnPacked(t *testing.T, role Role, takeover bool, a, b readCall, at int, text string) {
	c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
	defer c.CloseNow()
	z := newPacker(15, takeover)
	payload := z.pack(text)
	in := packedIn(p.role, frame.Text, payload, gatherMax/2, gatherMax, 40_000)
	want := []string{text, "two" + text[60_000:], "three" + text[65_000:]}
	second, third := packedIn(p.role, frame.Text, z.pack(want[1]), 3), packedIn(p.role, frame.Text, z.pack(want[2]))
	goOnFrom(c, p, a, b, at, in, second, third, want)
}

// Close takes the reading over in the middle of a compressed message: what is left of
// it is dropped, and the peer's Close is found behind it.
// Checklist: L7, L17
func TestCloseInsideACompressedMessage(t *testing.T) {
	payload := newPacker(15, true).pack(noise(3, 60_000))
	for _, role := range both {
		for _, takeover := range []bool{false, true} {
			for _, call := range readCalls {
				for _, at := range []int{10, 1000, gatherMax + 20, 40_000} {
					synctest.Test(t, func(t *testing.T) {
						c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
						in := packedIn(p.role, frame.Binary, payload, 20_000)
						result := call.start(t.Context(), c)
						p.send(in[:at])
						synctest.Wait()
						closed := later(func() error { return c.CloseWith(t.Context(), CloseNormal, "") })
						synctest.Wait()
						p.send(in[at:], packedIn(p.role, frame.Text, "no DEFLATE"), p.frame(fin, frame.Close, closePayload(CloseNormal, "")))
						synctest.Wait()
						p.nc.Close()
						if r := <-closed; r.err != nil {
							t.Errorf("%v, %s, %d: CloseWith: %v", role, call.name, at, r.err)
						}
						if r := <-result; r.whole || !IsNormal(r.err) && r.err != errSilent {
							t.Errorf("%v, %s, %d: %v, want a normal end", role, call.name, at, r.err)
						}
					})
				}
			}
		}
	}
}

// The peer's Close cuts its own compressed message.
// Checklist: L17
func TestPeersCloseInsideACompressedMessage(t *testing.T) {
	payload := newPacker(15, false).pack(noise(3, 40_000))
	for _, role := range both {
		for _, cut := range []int{5, 1000, 20_000} {
			for _, way := range allWays() {
				c, p := newPackedPeer(t, role, deflating(15, true), quiet())
				p.send(compressed(p.frame(!fin, frame.Text, payload[:cut])), p.frame(fin, frame.Close, closePayload(CloseGoingAway, "bye")))
				got, err := way.begin(c)(t.Context(), 40_000)
				switch e := c.readErr(); {
				case e == nil || e.Code != CloseGoingAway || e.Sent != CloseGoingAway:
					t.Errorf("%v, %s: %v, want 1001", role, way.name, err)
				case len(got) >= 40_000:
					t.Errorf("%v, %s: the message is whole", role, way.name)
				}
				p.expectClose(CloseGoingAway)
			}
		}
	}
}

// A message that a canceled read has begun is there already: Reader hands it out, and
// what came of it, before another frame comes.
//
// Checklist: D7
func TestReaderOfABegunMessageDoesNotWait(t *testing.T) {
	text := jsonList(1, 9000)
	payload := newPacker(12, true).pack(text)
	for _, role := range both {
		for _, call := range readCalls {
			for at, there := range map[int]bool{0: false, len(payload) - 200: true} {
				if call.name == "Reader" && there || call.name == "Discard" {
					continue // they have given the message up
				}
				synctest.Test(t, func(t *testing.T) {
					c, p := newPackedPeer(t, role, deflating(12, true), quiet())
					in := packedIn(p.role, frame.Text, payload, at)
					first := len(compressed(frameOf(p.role, !fin, frame.Text, payload[:at])))
					p.send(in[:first])
					ctx, cancel := context.WithCancel(t.Context())
					result := call.start(ctx, c)
					synctest.Wait()
					cancel()
					<-result
					begun := make(chan io.Reader, 1)
					go func() { begun <- nextReader(t, c, Text) }()
					synctest.Wait()
					if len(begun) == 0 {
						t.Errorf("%v, %s canceled behind %d bytes: Reader waits for the next frame", role, call.name, at)
						p.send(in[first:])
						<-begun
						return
					}
					r, got := <-begun, make([]byte, len(text))
					n := 0
					if there {
						var err error
						if n, err = r.Read(got); n == 0 || err != nil {
							t.Errorf("%v, %s: what came gives %d bytes, %v", role, call.name, n, err)
						}
					}
					p.send(in[first:])
					rest, err := io.ReadAll(r)
					if got := string(got[:n]) + string(rest); got != text || err != nil {
						t.Errorf("%v, %s, %d: %d bytes, %v; want %d", role, call.name, at, len(got), err, len(text))
					}
				})
			}
		}
	}
}
