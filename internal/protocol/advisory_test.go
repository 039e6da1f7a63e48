package protocol

import (
	"math"
	"reflect"
	"testing"

	"github.com/tidewire/websocket/frame"
)

// Known attacks on the assembly of messages, by the number of the public advisory
// or, where there is none, of the commit that answered it.
// Checklist: F11, G10
func TestAdvisory(t *testing.T) {
	t.Run("CVE-2020-27813", testLengthsOver63Bits)
	t.Run("CVE-2014-0193", testEndlessFragments)
	t.Run("CVE-2022-35922", testDeclaredLength)
	t.Run("CVE-2026-65623", testMillionFragments)
	t.Run("CVE-2026-48779", testTinyFragments)
	t.Run("CVE-2025-12689", testTextIsChecked)
	t.Run("c5ed78756", testEndlessFragments)
	t.Run("32dbf0b3d", testEmptyFragmentsCount)
	t.Run("211fcb3ec", testCompressionNotAgreed)
}

// Continuations whose lengths sum to over 2^63, and then over 2^64.
func testLengthsOver63Bits(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		pass(t, &in, first(frame.Binary, 0), "some")
		for i := range 5 {
			if err := in.Header(fromPeer(role, middle(math.MaxInt64))); err != nil {
				t.Fatalf("%v: frame %d: %v", role, i, err)
			}
			if err := in.Payload(wire(role, "abc", 0)); err != nil || in.Left() != math.MaxInt64-3 {
				t.Fatalf("%v: frame %d: %d left, %v", role, i, in.Left(), err)
			}
			wantPanic(t, "the frame has not ended", func() { _, _ = in.End() })
			in.left = 0 // as if the rest had passed
			if ended, err := in.End(); ended || err != nil {
				t.Fatalf("%v: frame %d: ended %v, %v", role, i, ended, err)
			}
		}
		if _, ended := pass(t, &in, last(0), "end"); !ended || in.Left() != 0 {
			t.Errorf("%v: the message did not end: %+v", role, in)
		}
	}
}

// Fragments without end are bounded by their number: the default bound is
// reached and not passed.
func testEndlessFragments(t *testing.T) {
	endless(t, "x")
}

// Empty fragments cost their sender nothing, so they count like the others.
func testEmptyFragmentsCount(t *testing.T) {
	endless(t, "")
}

func endless(t *testing.T, payload string) {
	const bound = 131_072
	for _, role := range roles {
		in := NewInbound(role, false, bound)
		pass(t, &in, first(frame.Text, 0), payload)
		for range bound - 1 {
			pass(t, &in, middle(0), payload)
		}
		for _, h := range []frame.Header{middle(0), last(0), middle(1)} {
			refuse(t, &in, frame.CloseTooBig, "10.4", func() error { return in.Header(fromPeer(role, h)) })
		}
	}
}

// A length that was announced is not a reason to allocate.
func testDeclaredLength(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		h := fromPeer(role, whole(frame.Binary, 1<<40))
		if n := testing.AllocsPerRun(100, func() {
			in.inFrame, in.message = false, 0
			if err := in.Header(h); err != nil || in.Left() != 1<<40 {
				t.Fatal(err, in.Left())
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations, want 0", role, n)
		}
	}
}

// A fragment costs the same after a million others: nothing of them is kept, so
// nothing can be looked at again, and nothing is allocated. What one of them
// costs is BenchmarkFragment.
func testMillionFragments(t *testing.T) {
	noPointers(t, reflect.TypeFor[Inbound]())
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		pass(t, &in, first(frame.Text, 0), "x")
		h, p := fromPeer(role, middle(1)), []byte{0}
		fragment := func() {
			p[0] = 'x' ^ h.Key[0]
			if in.Header(h) != nil || in.Payload(p) != nil || p[0] != 'x' {
				t.Fatalf("%v: refused: %+v", role, in)
			}
			if ended, err := in.End(); ended || err != nil {
				t.Fatalf("%v: ended %v, %v", role, ended, err)
			}
		}
		if n := testing.AllocsPerRun(1_000_000, fragment); n != 0 {
			t.Errorf("%v: %v allocations for a fragment, want 0", role, n)
		}
		before := in
		before.fragments++
		if fragment(); in != before {
			t.Errorf("%v: after a million fragments one more changed %+v to %+v", role, before, in)
		}
	}
}

// What a message pins here does not grow with its fragments.
func testTinyFragments(t *testing.T) {
	noPointers(t, reflect.TypeFor[Inbound]())
	noPointers(t, reflect.TypeFor[Outbound]())
}

// noPointers wants a type that can hold nothing but its own bytes.
func noPointers(t *testing.T, typ reflect.Type) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Uint8:
	case reflect.Array:
		noPointers(t, typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			noPointers(t, typ.Field(i).Type)
		}
	default:
		t.Errorf("%v is a %v, which can hold more than itself", typ, typ.Kind())
	}
}

// Text is checked without anybody asking for it.
func testTextIsChecked(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		refuseText(t, &in, whole(frame.Text, 0), "\xff")
	}
}

// A compressed message comes though no compression was agreed.
func testCompressionNotAgreed(t *testing.T) {
	for _, role := range roles {
		in := NewInbound(role, false, 0)
		for _, op := range []frame.Opcode{frame.Text, frame.Binary} {
			refuseHeader(t, &in, "5.2", fromPeer(role, frame.Header{Fin: true, RSV1: true, Opcode: op, Length: 7}))
		}
	}
}
