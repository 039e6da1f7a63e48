module github.com/tidewire/websocket/e2e

go 1.25.0

require github.com/tidewire/websocket v0.0.0

replace github.com/tidewire/websocket => ../
