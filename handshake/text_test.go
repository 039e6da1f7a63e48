package handshake

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// The plain twin of textLen, with every byte at every place of two words and a half.
func TestTextLenEqualsThePlainOne(t *testing.T) {
	plain := func(b []byte) int {
		for i, c := range b {
			if class[c]&classText == 0 {
				return i
			}
		}
		return len(b)
	}
	for n := range 21 {
		for at := range n {
			for c := range 256 {
				for _, filler := range []byte{' ', '\t', '~', 0x80, 0xff} {
					b := bytes.Repeat([]byte{filler}, n)
					b[at] = byte(c)
					if got, want := textLen(b), plain(b); got != want {
						t.Fatalf("textLen(%q) = %d, want %d", b, got, want)
					}
				}
			}
		}
	}
}

// A key is what package base64 decodes to 16 bytes, whatever byte is changed in it; package base64 alone passes over line
// breaks, which no field value holds.
func TestValidKeyAsPackageBase64(t *testing.T) {
	var keys []string
	for i := range len(rfcKey) {
		for c := range 256 {
			keys = append(keys, rfcKey[:i]+string([]byte{byte(c)})+rfcKey[i+1:])
		}
	}
	for i := range rfcKey {
		keys = append(keys, rfcKey[:i], rfcKey[:i]+"="+rfcKey[i:], strings.Repeat("A", i)+strings.Repeat("=", len(rfcKey)-i))
	}
	for _, key := range keys {
		b, err := base64.StdEncoding.DecodeString(key)
		want := err == nil && len(b) == 16 && len(key) == keyLen && !strings.ContainsAny(key, "\r\n")
		if got := validKey(key); got != want {
			t.Errorf("validKey(%q) = %v, want %v", key, got, want)
		}
	}
}

// Lines that come whole and lines that come in pieces give the same request, with names of one line and of several.
func TestFieldsOfOneNameKeepTheirOrder(t *testing.T) {
	var lines []string
	want := Header{}
	for i := range 60 { // more names than bits to tell them apart by
		name := "X-" + strings.Repeat("A", i%23) + string(rune('A'+i%17))
		name = canonical(name)
		lines = append(lines, name+": "+string(rune('a'+i%26)))
		want[name] = append(want[name], string(rune('a'+i%26)))
	}
	head := []byte("GET / HTTP/1.1\r\nHost: h\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n")
	r, n, err := ParseRequest(head)
	if err != nil || n != len(head) || len(r.Header) != len(want) || r.Host != "h" {
		t.Fatalf("ParseRequest = %d fields, %d, %v; want %d", len(r.Header), n, err, len(want))
	}
	for name, values := range want {
		if got := strings.Join(r.Header[name], ","); got != strings.Join(values, ",") {
			t.Errorf("%s: got %s, want %v", name, got, values)
		}
	}
}
