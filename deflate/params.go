package deflate

import (
	"strconv"

	"github.com/tidewire/websocket/handshake"
)

// Name is how permessage-deflate is registered (RFC 7692, section 7).
const Name = "permessage-deflate"

// Params are the parameters of permessage-deflate: what a side wants, or what both
// have agreed on.
type Params struct {
	// ServerNoContextTakeover and ClientNoContextTakeover say that the server, or the
	// client, begins each message with an empty window (RFC 7692, section 7.1.1).
	ServerNoContextTakeover, ClientNoContextTakeover bool
	// ServerMaxWindowBits and ClientMaxWindowBits are 8 to 15: the server, or the
	// client, refers at most 2^bits bytes back (RFC 7692, section 7.1.2). 0 means 15.
	ServerMaxWindowBits, ClientMaxWindowBits int
}

// Direction is what one side's compressor and the other's decompressor have to know.
type Direction struct {
	WindowBits int // 8 to 15
	Takeover   bool
}

// CompressorMemory is the most that a Compressor holds between messages, in bytes: its
// window and its table. Without takeover that is nothing.
func (d Direction) CompressorMemory(level Level) int {
	if !d.Takeover {
		return 0
	}
	n := 1<<d.WindowBits + 2<<keptBits(d.WindowBits)
	if level == Better {
		n += 2 << d.WindowBits
	}
	return n
}

// DecompressorMemory is the most that a Decompressor holds between messages, in bytes:
// its window. Without takeover that is nothing.
func (d Direction) DecompressorMemory() int {
	if !d.Takeover {
		return 0
	}
	return 1 << d.WindowBits
}

// String is the element of a response that says so (RFC 7692, section 7.1): windows of
// 15 bits are left out.
func (p Params) String() string {
	e := element{serverNoTakeover: p.ServerNoContextTakeover, clientNoTakeover: p.ClientNoContextTakeover}
	if bits := windowBits(p.ServerMaxWindowBits); bits < maxWindowBits {
		e.serverBits = bits
	}
	if bits := windowBits(p.ClientMaxWindowBits); bits < maxWindowBits {
		e.clientBits = bits
	}
	return string(e.extension().Append(nil))
}

// FromServer is what agreed parameters say of messages to the client.
func (p Params) FromServer() Direction {
	return Direction{WindowBits: windowBits(p.ServerMaxWindowBits), Takeover: !p.ServerNoContextTakeover}
}

// FromClient is what agreed parameters say of messages to the server.
func (p Params) FromClient() Direction {
	return Direction{WindowBits: windowBits(p.ClientMaxWindowBits), Takeover: !p.ClientNoContextTakeover}
}

// windowBits takes what is no window, a setting of the program, for 15.
func windowBits(bits int) int {
	if bits < minWindowBits || bits > maxWindowBits {
		return maxWindowBits
	}
	return bits
}

// The names of the parameters (RFC 7692, sections 7.1.1 and 7.1.2).
const (
	serverNoContextTakeover = "server_no_context_takeover"
	clientNoContextTakeover = "client_no_context_takeover"
	serverMaxWindowBits     = "server_max_window_bits"
	clientMaxWindowBits     = "client_max_window_bits"
)

// element is an element of Sec-WebSocket-Extensions as its grammar has it: bits are
// 0 if the parameter is not there, and anyBits if it has no value.
type element struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int
}

// anyBits is client_max_window_bits without a value, which only an offer may have.
const anyBits = -1

// parse reads what both offers and responses may hold. It reports false for a
// parameter that is not defined, is there twice, or has a wrong value (RFC 7692,
// section 7).
func parse(e handshake.Extension) (p element, ok bool) {
	seen := map[string]bool{}
	for _, param := range e.Params {
		if seen[param.Name] {
			return p, false
		}
		seen[param.Name] = true
		switch param.Name {
		case serverNoContextTakeover:
			p.serverNoTakeover, ok = true, !param.HasValue
		case clientNoContextTakeover:
			p.clientNoTakeover, ok = true, !param.HasValue
		case serverMaxWindowBits:
			p.serverBits, ok = parseBits(param.Value)
		case clientMaxWindowBits:
			if p.clientBits, ok = parseBits(param.Value); !param.HasValue {
				p.clientBits, ok = anyBits, true
			}
		default:
			ok = false
		}
		if !ok {
			return p, false
		}
	}
	return p, true
}

// parseBits reads a decimal 8 to 15 without leading zeros (RFC 7692, section 7.1.2).
func parseBits(s string) (bits int, ok bool) {
	switch s {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		bits, _ = strconv.Atoi(s)
		return bits, true
	default:
		return 0, false
	}
}

// extension writes the element. 0 bits are left out.
func (p element) extension() handshake.Extension {
	e := handshake.Extension{Name: Name}
	flag := func(name string, set bool) {
		if set {
			e.Params = append(e.Params, handshake.Param{Name: name})
		}
	}
	value := func(name string, bits int) {
		switch {
		case bits == anyBits:
			e.Params = append(e.Params, handshake.Param{Name: name})
		case bits != 0:
			e.Params = append(e.Params, handshake.Param{Name: name, Value: strconv.Itoa(bits), HasValue: true})
		}
	}
	flag(serverNoContextTakeover, p.serverNoTakeover)
	flag(clientNoContextTakeover, p.clientNoTakeover)
	value(serverMaxWindowBits, p.serverBits)
	value(clientMaxWindowBits, p.clientBits)
	return e
}
