module github.com/tidewire/websocket

go 1.25.0
