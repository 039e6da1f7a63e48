// Command ws compares WebSocket servers in Go, side by side in one run, with each other
// and with bare TCP.
//
//	go run ./ws [-quick] [-run regexp] [-rounds n] [-json file] [-md file] [-svg dir]
//	go run ./ws -list
//	go run ./ws -compare old.json -json new.json
//
// A server and its load are two processes on two processors. What is compared is the
// processor time that the server takes for a message. It needs Linux.
package main
