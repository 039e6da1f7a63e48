package deflate_test

import (
	"fmt"
	"io"

	"github.com/tidewire/websocket/deflate"
	"github.com/tidewire/websocket/handshake"
)

// A client offers, a server chooses, and the client judges the response.
func ExampleAnswer() {
	offered := deflate.Offer(deflate.Params{ServerMaxWindowBits: 12})

	accept, agreed, ok := deflate.Answer(offered, deflate.Params{ClientNoContextTakeover: true, ServerMaxWindowBits: 10})
	fmt.Printf("%s\n%t %+v\n", accept.Append(nil), ok, agreed.FromServer())

	agreed, ok, err := deflate.Confirm(offered, []handshake.Extension{accept})
	fmt.Printf("%t %v %+v\n", ok, err, agreed.FromClient())
	// Output:
	// permessage-deflate; client_no_context_takeover; server_max_window_bits=10
	// true {WindowBits:10 Takeover:true}
	// true <nil> {WindowBits:15 Takeover:false}
}

// The payloads of RFC 7692, section 7.2.3.2: the second message refers to the first.
func ExampleDecompressor_Append() {
	d := deflate.NewDecompressor(15, true)
	const limit = 1 << 20
	var buf []byte
	for _, payload := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"} {
		msg, err := d.Append(buf[:0], []byte(payload), true, limit)
		fmt.Printf("%q %v\n", msg, err)
		buf = msg
	}
	// Output:
	// "Hello" <nil>
	// "Hello" <nil>
}

// A message is streamed through a buffer of any size.
func ExampleDecompressor_Fill() {
	d := deflate.NewDecompressor(15, false)
	payload := []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")
	p := make([]byte, 3)
	for {
		n, used, err := d.Fill(p, payload, true)
		fmt.Printf("%q ", p[:n])
		if payload = payload[used:]; err == io.EOF {
			break
		} else if err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output: "Hel" "lo"
}
