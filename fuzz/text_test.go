package fuzz

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/tidewire/websocket/conn"
	"github.com/tidewire/websocket/conntest"
	"github.com/tidewire/websocket/internal/wiretest"
)

// Property: a text is delivered exactly if unicode/utf8 calls it valid, and ends
// the connection with 1007 otherwise, however it is cut into fragments and these
// into segments; and by the same measure our own Write, Post, Prepare and Writer
// take a text or refuse it, and a refusal costs the connection nothing.
// Checklist: T4
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"", "Hello", "κόσμε", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xed\xa0\x80",
		"\xc0\xaf", "\xe0\x80\xaf", "\xff", "\xe2\x82", "ok\xce", "\xef\xbb\xbf", strings.Repeat("é", 300),
	} {
		f.Add(false, text, []byte{0}, []byte{1})
		f.Add(true, text, []byte{1, 2}, []byte{2, 0})
	}
	f.Fuzz(func(t *testing.T, client bool, text string, cuts, segments []byte) {
		role := conn.Server
		if client {
			role = conn.Client
		}
		synctest.Test(t, func(t *testing.T) {
			incoming(t, role, text, cuts, segments)
			outgoing(t, role, text, cuts)
		})
	})
}

// fragments cuts a text; the last piece may be empty.
func fragments(text string, cuts []byte) (all []string) {
	size := pieces(cuts)
	for {
		n := min(size()-1, len(text))
		all, text = append(all, text[:n]), text[n:]
		if len(text) == 0 || len(all) > 1000 {
			return append(all, text)
		}
	}
}

func incoming(t *testing.T, role conn.Role, text string, cuts, segments []byte) {
	parts := fragments(text, cuts)
	f := conntest.TextFrame(parts[0])
	var stream []byte
	for _, p := range parts[1:] {
		stream = f.More().Append(stream, 1-role)
		stream = conntest.PingFrame([]byte("\xff")).Append(stream, 1-role)
		f = conntest.LastFrame([]byte(p))
	}
	stream = f.Append(stream, 1-role)

	a, b := wiretest.Pipe(1 << 20)
	a.Write(stream)
	a.CloseWrite()
	c := conn.New(wiretest.Split(b, pieces(segments)), conn.Setup{Role: role}, &conn.Options{ReadLimit: -1})
	got, err := readAll(context.Background(), c, byRead)
	var e *conn.CloseError
	errors.As(err, &e)
	switch {
	case utf8.ValidString(text):
		if len(got) != 1 || got[0].p != text || e.Sent != 0 {
			t.Errorf("%q in %q: got %v, %v, want it delivered", text, parts, got, err)
		}
	case len(got) > 0 || e.Sent != conn.CloseInvalidPayload:
		t.Errorf("%q in %q: got %v, %v, want 1007", text, parts, got, err)
	}
	<-c.Done()
}

func outgoing(t *testing.T, role conn.Role, text string, cuts []byte) {
	a, b := wiretest.Pipe(1 << 20)
	from, to := conn.New(a, conn.Setup{Role: role}, nil), conn.New(b, conn.Setup{Role: 1 - role}, nil)
	ctx := context.Background()
	valid := utf8.ValidString(text)
	want := 0
	sent := func(what string, err error) {
		if (err == nil) != valid {
			t.Errorf("%s of %q: got %v, want it to be taken: %v", what, text, err, valid)
		}
		if err == nil {
			want++
		}
	}
	sent("Write", from.Write(ctx, conn.Text, []byte(text)))
	sent("Post", from.Post(conn.Text, []byte(text)))
	m, err := conn.Prepare(conn.Text, []byte(text))
	if err == nil {
		err = from.WritePrepared(ctx, m)
	}
	sent("Prepare", err)
	if err := from.Write(ctx, conn.Binary, []byte(text)); err != nil {
		t.Errorf("Write of any bytes: %v", err)
	}
	sent("Writer", writeParts(ctx, from, conn.Text, fragments(text, cuts)))
	from.BeginClose(conn.CloseNormal, "")

	got, _ := readAll(ctx, to, byMessages)
	if len(got) != want+1 {
		t.Errorf("%d messages came, want %d", len(got), want+1)
	}
	for _, m := range got {
		if m.p != text {
			t.Errorf("got %q, want %q", m.p, text)
		}
	}
	to.CloseNow()
	from.CloseNow()
}

// writeParts writes a message through Writer. A refused piece leaves it unfinished,
// and the connection unable to send more, or to end in good order.
func writeParts(ctx context.Context, c *conn.Conn, t conn.MessageType, parts []string) error {
	w, err := c.Writer(ctx, t)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := io.WriteString(w, p); err != nil {
			return err
		}
	}
	return w.Close()
}
