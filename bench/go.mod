module github.com/tidewire/websocket/bench

go 1.25.0

require (
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794
	github.com/klauspost/compress v1.20.3
	github.com/tidewire/websocket v0.0.0
)

require golang.org/x/sys v0.45.0

replace github.com/tidewire/websocket => ../
