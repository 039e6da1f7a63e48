package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

// section723 are the examples of RFC 7692, section 7.2.3, as payloads.
var section723 = []struct {
	section, payload, want string
}{
	{"7.2.3.1", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
	{"7.2.3.3", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"},         // a stored block
	{"7.2.3.4", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},                     // BFINAL, and a byte for the end
	{"7.2.3.5", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"}, // two blocks, flushed between
	{"7.2.3.6", "\x00", ""},
	{"fixed and empty", "\x02\x00", ""},
	{"no octets", "", ""},
	// BFINAL blocks with more behind them, stored, fixed and dynamic ones.
	{"final stored, stored", "\x01\x02\x00\xfd\xffHe\x01\x03\x00\xfc\xffllo\x00", "Hello"},
	{"final stored, fixed", "\x01\x00\x00\xff\xff\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},
	{"final twice", "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "HelloHello"},
}

// Each of them twice in a row, whole, in two fragments cut everywhere, and in
// fragments of one byte with empty ones and control frames between; over and over, so
// that with takeover they stand behind one another.
// Checklist: D5, D6, D7, D8, G1, G4
func TestExamplesOfTheRFCInflated(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, role := range both {
			for _, way := range allWays() {
				t.Run(fmt.Sprintf("takeover=%v/%v/%s", takeover, role, way.name), func(t *testing.T) {
					c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
					read := way.begin(c)
					for _, ex := range section723 {
						for _, cuts := range packedCuts(ex.payload) {
							for range 2 {
								p.send(packedIn(p.role, frame.Text, ex.payload, cuts...))
								wantRead(t, ex.section, read, ex.want)
							}
						}
					}
				})
			}
		}
	}
}

// The second Hello of section 7.2.3.2 refers to the first, over everything that is no
// part of the window: plain messages, empty ones, control frames.
// Checklist: D3, D7, D8
func TestPlainMessagesDoNotTouchTheWindow(t *testing.T) {
	const first, second = "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"
	for _, role := range both {
		for _, way := range allWays() {
			c, p := newPackedPeer(t, role, deflating(15, true), quiet())
			read := way.begin(c)
			p.send(packedIn(p.role, frame.Text, first))
			wantRead(t, way.name, read, "Hello")
			for _, cuts := range packedCuts(second) {
				p.message(frame.Text, "zz")
				wantRead(t, way.name+", plain", read, "zz")
				p.send(p.frame(!fin, frame.Binary, "plain "), p.frame(fin, frame.Ping, "Jello"), p.frame(fin, frame.Continuation, "too"))
				wantRead(t, way.name+", plain in two", read, "plain too")
				p.message(frame.Text, "")
				wantRead(t, way.name+", plain and empty", read, "")
				p.send(packedIn(p.role, frame.Text, "\x00"))
				wantRead(t, way.name+", empty", read, "")
				p.send(packedIn(p.role, frame.Text, second, cuts...))
				wantRead(t, way.name+", by reference", read, "Hello")
			}
		}
	}
	// Without takeover there is nothing to refer to.
	wantRefused(t, deflating(15, false), CloseInvalidPayload, "a reference without takeover", func(from Role) []byte {
		return append(packedIn(from, frame.Text, first), packedIn(from, frame.Text, second)...)
	}, "Hello")
}

// RSV1 is for the first frame of a message and for no other, and only where it was
// agreed on (RFC 7692, section 6).
// Checklist: D2, F5, P10, X7
func TestRSV1WhereItHasNoMeaning(t *testing.T) {
	agreed := deflating(15, true)
	for _, op := range []frame.Opcode{frame.Ping, frame.Pong, frame.Close} {
		wantRefused(t, agreed, CloseProtocolError, fmt.Sprintf("%v with RSV1", op), func(from Role) []byte {
			return compressed(frameOf(from, fin, op, ""))
		})
		wantRefused(t, agreed, CloseProtocolError, fmt.Sprintf("%v with RSV1 inside a compressed message", op), func(from Role) []byte {
			return append(compressed(frameOf(from, !fin, frame.Text, "")), compressed(frameOf(from, fin, op, ""))...)
		})
	}
	for _, begin := range []func([]byte) []byte{compressed, func(b []byte) []byte { return b }} {
		for _, last := range []bool{!fin, fin} {
			wantRefused(t, agreed, CloseProtocolError, "continuation with RSV1", func(from Role) []byte {
				return append(begin(frameOf(from, !fin, frame.Text, "")), compressed(frameOf(from, last, frame.Continuation, "\x00"))...)
			})
		}
	}
	for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
		wantRefused(t, nil, CloseProtocolError, fmt.Sprintf("%v with RSV1 and no agreement", op), func(from Role) []byte {
			return packedIn(from, op, "\xf2\x48\xcd\xc9\xc9\x07\x00")
		})
	}
	for _, rsv := range []byte{0x20, 0x10, 0x60, 0x50, 0x70} {
		wantRefused(t, agreed, CloseProtocolError, fmt.Sprintf("reserved bits %02x", rsv), func(from Role) []byte {
			f := frameOf(from, fin, frame.Text, "\x00")
			f[0] |= rsv
			return f
		})
	}
}

// corrupt are payloads that are no message, or more than one.
func corrupt() map[string]string {
	all := map[string]string{
		"a block of the reserved kind":    "\x06\x00",
		"LEN that is not NLEN":            "\x00\x05\x00\xfa\xfeHello\x00",
		"a distance before the beginning": "\xf2\x00\x11\x00\x00",
		"distance code 30":                "\x4b\x04\x3e\x00", // a literal and a match
		"too many length codes":           "\xfc\xff\xff\xff\xff",
		"no code length code":             "\x04\x00\x00\x00\x00\x00",
		"bytes behind the end":            "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00",
		"a Hello behind the end":          "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\xf2\x48\xcd\xc9\xc9\x07\x00",
		"text":                            "Hello",
		"only 0xff":                       "\xff\xff\xff\xff",
	}
	for name, payload := range map[string]string{
		"fixed":   "\xf2\x48\xcd\xc9\xc9\x07\x00",
		"stored":  "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
		"dynamic": newPacker(15, false).pack(jsonList(3, 900)),
	} {
		for n := 1; n < len(payload); n++ {
			if payload[:n] == "\x00" {
				continue // an empty message (RFC 7692, section 7.2.3.6)
			}
			all[fmt.Sprintf("%s cut at %d of %d", name, n, len(payload))] = payload[:n]
		}
	}
	return all
}

// No byte of a message that is wrong anywhere is ever given out as a message.
// Checklist: D11, D7
func TestCorruptMessages(t *testing.T) {
	for what, payload := range corrupt() {
		for _, takeover := range []bool{false, true} {
			d := deflating(15, takeover)
			wantRefused(t, d, CloseInvalidPayload, what, func(from Role) []byte {
				return append(packedIn(from, frame.Binary, payload), packedIn(from, frame.Text, "\x00")...)
			})
			// Behind a good message and in fragments.
			wantRefused(t, d, CloseInvalidPayload, what+" in fragments", func(from Role) []byte {
				good := packedIn(from, frame.Text, newPacker(15, false).pack("{}"))
				return append(good, packedIn(from, frame.Binary, payload, everyByte(payload)...)...)
			}, "{}")
		}
	}
}

// Discard sees that too, where it has to inflate.
// Checklist: D11
func TestDiscardOfCorruptMessages(t *testing.T) {
	for what, payload := range corrupt() {
		for _, role := range both {
			for _, cuts := range [][]int{nil, everyByte(payload)} {
				stream := func() *script {
					b := packedIn(1-role, frame.Binary, payload, cuts...)
					return &script{in: bytes.NewReader(append(b, frameOf(1-role, fin, frame.Close, "")...))}
				}
				c := New(stream(), Setup{Role: role, Deflate: deflating(15, true)}, quiet())
				if err := c.Discard(t.Context()); refusedWith(err) != CloseInvalidPayload {
					t.Errorf("Discard of %s with takeover: %v, want 1007", what, err)
				}
				c = New(stream(), Setup{Role: role, Deflate: deflating(15, false)}, quiet())
				if err := c.Discard(t.Context()); !IsNormal(err) {
					t.Errorf("Discard of %s without takeover: %v, want the Close behind it", what, err)
				}
			}
		}
	}
}

// A peer that looks back further than its window is refused, at every window, whether
// it looks at this message or the ones before.
// Checklist: P5, P7, D9, D8
func TestDistancesAndWindows(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		past := noise(uint64(bits), size+10)
		// In one message: past and a match, at the window and one byte beyond.
		for _, takeover := range []bool{false, true} {
			within, beyond := matchBehind(past, size), ""
			if bits < 15 { // beyond 32 KiB there is no code
				beyond = matchBehind(past, size+1)
			}
			want := past + past[10:13]
			windowHolds(t, bits, takeover, []string{within}, []string{want})
			if beyond != "" {
				wantRefused(t, deflating(bits, takeover), CloseInvalidPayload, fmt.Sprintf("%d bits, distance %d", bits, size+1),
					func(from Role) []byte { return packedIn(from, frame.Binary, beyond) })
			}
		}
		// In the messages before, plain and empty ones between.
		history := []string{matchBehind(past, 1), "\x00", matchBehind("", size)}
		windowHolds(t, bits, true, history, []string{past + strings.Repeat(past[len(past)-1:], 3), "", past[13:][:3]})
		if bits < 15 {
			wantRefused(t, deflating(bits, true), CloseInvalidPayload, fmt.Sprintf("%d bits, distance %d into the past", bits, size+1),
				func(from Role) []byte {
					return append(packedIn(from, frame.Binary, history[0]), packedIn(from, frame.Binary, matchBehind("", size+1))...)
				}, past+strings.Repeat(past[len(past)-1:], 3))
		}
		for _, dist := range []int{1, size} {
			wantRefused(t, deflating(bits, false), CloseInvalidPayload, fmt.Sprintf("%d bits, distance %d without takeover", bits, dist),
				func(from Role) []byte {
					return append(packedIn(from, frame.Binary, history[0]), packedIn(from, frame.Binary, matchBehind("", dist))...)
				}, past+strings.Repeat(past[len(past)-1:], 3))
		}
	}
}

// matchBehind is a payload of these bytes and a match of 3 at a distance.
func matchBehind(p string, dist int) string {
	var w bitsOf
	if p != "" {
		w.stored(p)
	}
	w.match(dist)
	return w.end()
}

// windowHolds wants these payloads to be read, in one frame and in three, by every
// way, the past being passed also by Discard and by abandoned Readers.
func windowHolds(t *testing.T, bits int, takeover bool, payloads, want []string) {
	t.Helper()
	for _, role := range both {
		for _, way := range allWays() {
			for _, cut := range []bool{false, true} {
				c, p := newPackedPeer(t, role, deflating(bits, takeover), quiet())
				read := way.begin(c)
				for i, payload := range payloads {
					var cuts []int
					if cut {
						cuts = []int{len(payload) / 3, len(payload) - 1}
					}
					p.send(packedIn(p.role, frame.Binary, payload, cuts...))
					wantRead(t, fmt.Sprintf("%d bits, takeover %v, %s, message %d", bits, takeover, way.name, i), read, want[i])
				}
				c.CloseNow()
			}
		}
	}
}

// Each direction has its own window and its own takeover.
// Checklist: P3, P4, P5, P6, P8, D8
func TestDirectionsAreAgreedOnApart(t *testing.T) {
	const hello, again = "\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"
	for _, role := range both {
		for _, theirs := range []bool{false, true} {
			d := deflating(15, !theirs)
			far := 600
			past := noise(9, 1000)
			if role == Server {
				d.ClientNoContextTakeover, d.ClientMaxWindowBits = !theirs, 9
			} else {
				d.ServerNoContextTakeover, d.ServerMaxWindowBits = !theirs, 9
			}
			c, p := newPackedPeer(t, role, d, quiet())
			p.send(packedIn(p.role, frame.Text, hello), packedIn(p.role, frame.Text, again))
			wantMessage(t, c, Text, "Hello")
			_, got, err := c.Read(t.Context())
			if theirs && (string(got) != "Hello" || err != nil) {
				t.Errorf("%v, peer keeps its window: %q, %v", role, got, err)
			} else if !theirs && refusedWith(err) != CloseInvalidPayload {
				t.Errorf("%v, peer keeps no window: %q, %v, want 1007", role, got, err)
			}
			c, p = newPackedPeer(t, role, d, quiet())
			p.send(packedIn(p.role, frame.Binary, matchBehind(past, far)))
			if _, _, err := c.Read(t.Context()); refusedWith(err) != CloseInvalidPayload {
				t.Errorf("%v: distance %d with the peer's window of 512: %v, want 1007", role, far, err)
			}
		}
	}
}

// UTF-8 is judged behind the inflater: compressed bytes may be anything.
// Checklist: D10, T1, T2
func TestCompressedText(t *testing.T) {
	good := []string{"κόσμε", strings.Repeat("aé€😀", 5000), "\x00\uffff", ""}
	for _, takeover := range []bool{false, true} {
		for _, role := range both {
			for _, way := range allWays() {
				c, p := newPackedPeer(t, role, deflating(12, takeover), quiet())
				read, z := way.begin(c), newPacker(12, takeover)
				for _, text := range good {
					payload := z.pack(text)
					p.send(packedIn(p.role, frame.Text, payload, len(payload)/2, len(payload)/2, max(len(payload)-1, 0)))
					wantRead(t, way.name, read, text)
				}
				payload := z.pack("\xff\xfe no text")
				p.send(packedIn(p.role, frame.Binary, payload, 1))
				wantRead(t, way.name+", binary", read, "\xff\xfe no text")
			}
		}
		for _, bad := range []string{"\xff", "ok \xc0\xaf", "κόσμε\xed\xa0\x80", "a\xe2\x82", "\xf0\x9f\x98", jsonList(1, 3000) + "\xc3"} {
			payload := newPacker(12, takeover).pack(bad)
			for _, cuts := range [][]int{nil, {len(payload) / 2}, everyByte(payload)} {
				wantRefused(t, deflating(12, takeover), CloseInvalidPayload, fmt.Sprintf("text %.20q", bad), func(from Role) []byte {
					return packedIn(from, frame.Text, payload, cuts...)
				})
			}
		}
	}
}

// Bad text ends the connection as soon as it is inflated, though the rest of the
// frame never comes: at once where it is streamed, behind the first part where it is
// collected.
// Checklist: T4, D10
func TestCompressedTextFailsBeforeItsEnd(t *testing.T) {
	payload := newPacker(15, false).pack("\xff" + noise(3, 60_000))
	for _, role := range both {
		for _, takeover := range []bool{false, true} {
			for _, call := range everyDataCall() {
				if call.name == "Discard" && !takeover {
					continue // it does not look
				}
				synctest.Test(t, func(t *testing.T) {
					c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
					b := compressed(p.frame(fin, frame.Text, payload))
					result := call.start(t.Context(), c)
					sent := gatherMax + frame.MaxHeaderLen
					if call.name == "Reader" {
						sent = 1000
					}
					p.send(b[:sent])
					synctest.Wait()
					select {
					case r := <-result:
						if refusedWith(r.err) != CloseInvalidPayload || r.got != "" {
							t.Errorf("%s: %.20q, %v; want 1007", call.name, r.got, r.err)
						}
					default:
						t.Errorf("%s waits behind %d bytes for the rest of bad text", call.name, sent)
					}
					p.expectClose(CloseInvalidPayload)
				})
			}
		}
	}
}

// A Reader and a Stream give what came before the bytes that are wrong, then the
// error, for ever.
// Checklist: D11
func TestReaderOfAMessageCutOff(t *testing.T) {
	want := noise(5, 40_000)
	payload := newPacker(15, false).pack(want)
	for _, takeover := range []bool{false, true} {
		for _, role := range both {
			c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
			p.send(packedIn(p.role, frame.Binary, payload[:20_000]))
			r := nextReader(t, c, Binary)
			got, err := io.ReadAll(r)
			if refusedWith(err) != CloseInvalidPayload || !strings.HasPrefix(want, string(got)) || len(got) < 10_000 {
				t.Errorf("%v: %d bytes, %v; want the beginning and 1007", role, len(got), err)
			}
			if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
				t.Errorf("%v: then %d, %v", role, n, again)
			}
			p.expectClose(CloseInvalidPayload)
		}
	}
}

// The peer's stream ends inside a compressed message, at any byte.
// Checklist: L13
func TestEndInsideACompressedMessage(t *testing.T) {
	payload := newPacker(15, true).pack(jsonList(1, 400))
	for _, role := range both {
		in := packedIn(1-role, frame.Binary, payload, 5, len(payload)-3)
		for _, takeover := range []bool{false, true} {
			for _, way := range allWays() {
				for at := 1; at < len(in); at += 3 {
					c := New(&script{in: bytes.NewReader(in[:at])}, Setup{Role: role, Deflate: deflating(15, takeover)}, quiet())
					got, err := way.begin(c)(t.Context(), 1000)
					if e := closeError(t, err); !errors.Is(err, io.ErrUnexpectedEOF) || e.Code != CloseAbnormal || e.Sent != 0 {
						t.Errorf("%v, %s: the end behind byte %d of %d: %.20q, %+v", role, way.name, at, len(in), got, e)
					}
				}
			}
		}
	}
}

// What Discard and abandoned Readers drop stays in the window.
// Checklist: D8, D7
func TestDroppedMessagesStayInTheWindow(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, bits := range []int{8, 12, 15} {
			for _, role := range both {
				c, p := newPackedPeer(t, role, deflating(bits, takeover), quiet())
				z := newPacker(bits, takeover)
				for i := range 200 {
					text := jsonList(i, 40*(i%90))
					payload := z.pack(text)
					p.send(packedIn(p.role, frame.Text, payload, len(payload)/2, len(payload)/2))
					switch {
					case i%3 != 0: // abandon it after some bytes
						_, r, err := c.Reader(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						buf := make([]byte, min(i, len(text)))
						if n, err := io.ReadFull(r, buf); err != nil || string(buf) != text[:n] {
							t.Fatalf("message %d: %d bytes, %v", i, n, err)
						}
					default:
						wantMessage(t, c, Text, text)
					}
				}
			}
		}
	}
}

// Statistics count messages as they are and the wire as it was.
func TestStatsOfCompressedMessages(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		for _, role := range both {
			for _, way := range allWays() {
				c, p := newPackedPeer(t, role, deflating(15, takeover), quiet())
				read, z := way.begin(c), newPacker(15, takeover)
				var want Stats
				for i := range 5 {
					text := jsonList(i, 2000)
					payload := z.pack(text)
					in := packedIn(p.role, frame.Text, payload, 10, 20)
					p.send(in)
					wantRead(t, way.name, read, text)
					want.FramesIn += 5
					want.BytesIn += int64(len(text))
					want.WireIn += int64(len(in))
					want.FramesOut += 2
					want.WireOut += 2 * int64(len(frameOf(role, fin, frame.Pong, "between")))
				}
				got := c.Stats()
				got.Queued = 0 // Pongs that wait for the next read
				if way.name == "Stream" {
					got.BytesIn = want.BytesIn // it may not have looked for the end of the last one
				}
				if got != want {
					t.Errorf("%v, %s:\n got %+v\nwant %+v", role, way.name, got, want)
				}
			}
		}
	}
}
