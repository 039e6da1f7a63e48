// Command deflate compares the codec of github.com/tidewire/websocket/deflate with
// others on streams of messages, and says which of our targets are met.
//
//	go run -tags libdeflate ./deflate [-quick] [-filter regexp] [-json file] [-md file]
//
// Without the tag it needs no C compiler and leaves libdeflate out.
package main
