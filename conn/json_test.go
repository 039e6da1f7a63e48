package conn

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidewire/websocket/frame"
)

type point struct {
	X, Y int
	Name string
}

func TestJSONGoesRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, quiet())
		want := point{1, -2, "é\u2028<"}
		if err := WriteJSON(t.Context(), client, want); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadJSON[point](t.Context(), server); got != want || err != nil {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		if err := WriteJSON(t.Context(), server, nil); err != nil {
			t.Fatal(err)
		}
		wantMessage(t, client, Text, "null")
	})
}

// A message that is no JSON, or no T, costs this call and nothing else.
func TestReadJSONOfSomethingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		for _, bad := range []string{"", "{", `{"X":"text"}`, `{"X":1} {"X":2}`, strings.Repeat("[", 20_000)} {
			p.message(frame.Text, bad)
			p.message(frame.Binary, `{"X":7}`)
			if got, err := ReadJSON[point](t.Context(), c); err == nil || got.X == 7 || errors.As(err, new(*CloseError)) {
				t.Errorf("ReadJSON of %.20q = %+v, %v; want an error of this call", bad, got, err)
			}
			if got, err := ReadJSON[point](t.Context(), c); got.X != 7 || err != nil {
				t.Errorf("ReadJSON behind %.20q = %+v, %v; want the next message", bad, got, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ReadJSON[point](ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("ReadJSON with an ended context = %v", err)
		}
		p.message(frame.Text, "\"half \xe2")
		if _, err := ReadJSON[string](t.Context(), c); brokenRule(err) != CloseInvalidPayload {
			t.Errorf("ReadJSON of bad text = %v, want 1007", err)
		}
	})
}

// What was decoded is the caller's, although the message was lent.
func TestReadJSONKeepsNoLentMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Client, quiet())
		want := `{"a":"` + strings.Repeat("first", 100) + `"}`
		p.message(frame.Text, want)
		raw, err := ReadJSON[json.RawMessage](t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			p.message(frame.Text, `{"b":"`+strings.Repeat("OTHER", 100)+`"}`)
			if _, err := ReadJSON[any](t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if string(raw) != want {
			t.Errorf("raw JSON changed behind the call: %.40q", raw)
		}
	})
}

// Checklist: T6
func TestWriteJSONOfWhatJSONCannotSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newPeer(t, Server, quiet())
		for _, v := range []any{make(chan int), json.RawMessage("{"), json.RawMessage("\"\xff\"")} {
			if err := WriteJSON(t.Context(), c, v); err == nil {
				t.Errorf("WriteJSON(%T %v) = nil, want an error", v, v)
			}
		}
		p.expectNothing()
		if err := WriteJSON(t.Context(), c, "\xff"); err != nil { // encoding/json mends strings
			t.Errorf("WriteJSON of a string = %v", err)
		}
		p.expect(frame.Text, `"\ufffd"`)
	})
}
