package contest

import (
	"net"
	"net/http"
	"os"
	"runtime"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioContestant has the package's own poller and its pool of goroutines for handlers, as
// its documentation advises for many connections.
func nbioContestant() *Contestant {
	return nbioIn("nbio", "its engine (behind net/http with UpgradeAndTransferConnToPoller), OnMessage and WriteMessage on its pool of goroutines, ReleaseWebsocketPayload, no KeepaliveTime, frames up to 1 MiB", nil)
}

// nbioInline answers on the goroutine that polls. That saves the way to another one, as
// long as no handler takes its time.
func nbioInline() *Contestant {
	c := nbioIn("nbio-inline", "nbio with a ServerExecutor that calls: OnMessage on the goroutine that polls", func(conf *nbhttp.Config) {
		conf.ServerExecutor = func(f func()) { f() }
	})
	c.Variant, c.Groups = true, []string{"echo", "echo-2p", "paced", "text", "slow"}
	return c
}

// nbioBlocking has a goroutine for each connection, as the package's documentation advises
// where there are few.
func nbioBlocking() *Contestant {
	c := nbioIn("nbio-blocking", "nbio in IOModBlocking, reads up to 64 KiB, without BlockingModAsyncWrite", func(conf *nbhttp.Config) {
		conf.IOMod = nbhttp.IOModBlocking
		conf.BlockingReadBufferSize = 64 << 10
	})
	c.Variant, c.Groups = true, []string{"echo", "echo-2p", "paced", "text"}
	return c
}

// nbioIn makes a contestant of a configuration.
func nbioIn(name, uses string, change func(*nbhttp.Config)) *Contestant {
	return &Contestant{
		Name: name,
		Uses: uses,
		// The engine has a parser of requests of its own.
		Listen: func(j *Job) func(net.Listener) error {
			return func(ln net.Listener) error {
				s := newNbio(j, change, func(conf *nbhttp.Config) {
					conf.Addrs = []string{ln.Addr().String()}
					conf.Listen = func(string, string) (net.Listener, error) { return ln, nil }
				})
				if err := s.engine.Start(); err != nil {
					return err
				}
				select {} // the engine accepts
			}
		},
		// Sockets that net/http has accepted go to the engine's poller.
		HTTP: func(j *Job) http.Handler {
			s := newNbio(j, change, func(*nbhttp.Config) {})
			s.transfer = true
			if err := s.engine.Start(); err != nil {
				panic(err) // without an epoll descriptor there is nothing to measure
			}
			return s
		},
		Compression: Alone,
	}
}

type nbioServer struct {
	job      *Job
	engine   *nbhttp.Engine
	upgrader *websocket.Upgrader
	transfer bool
}

func newNbio(j *Job, changes ...func(*nbhttp.Config)) *nbioServer {
	s := &nbioServer{job: j, upgrader: websocket.NewUpgrader()}
	conf := nbhttp.Config{
		Network:                      "tcp",
		NPoller:                      runtime.GOMAXPROCS(0),
		Handler:                      s,
		SupportServerOnly:            true,
		ReleaseWebsocketPayload:      true,
		MaxWebsocketFramePayloadSize: 1 << 20, // a message is one frame
	}
	for _, change := range changes {
		if change != nil {
			change(&conf)
		}
	}
	s.engine = nbhttp.NewEngine(conf)

	u := s.upgrader
	u.Engine = s.engine
	u.KeepaliveTime = 0 // the others look at no clock for a message
	u.BlockingModAsyncWrite = false
	u.EnableCompression(j.Flate)
	u.OnOpen(func(c *websocket.Conn) {
		if !j.Handshake {
			j.Join(nbioPeer{c})
		}
	})
	u.OnMessage(func(c *websocket.Conn, t websocket.MessageType, p []byte) {
		j.Work()
		c.WriteMessage(t, p)
	})
	return s
}

func (s *nbioServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := s.upgrader.Upgrade(w, r, nil, s.transfer)
	if err == nil && s.job.Handshake {
		c.Close()
	}
}

type nbioPeer struct{ c *websocket.Conn }

func (p nbioPeer) Write(m []byte) error { return p.c.WriteMessage(websocket.BinaryMessage, m) }

func (p nbioPeer) Deliver(prepared any) error { return writeBytes(p, prepared) }

// dismissNbio ends the engine for clients that the package makes as soon as a program has
// it: every collection in the processes of all contestants would look through its queues.
// The engine has not been started, so it has no pollers to stop. Nothing goes to standard
// output, either, which is for answers.
func dismissNbio() {
	if websocket.DefaultEngine == nil {
		return
	}
	logging.Output = os.Stderr
	logging.SetLevel(logging.LevelWarn)
	websocket.DefaultEngine.Engine.NPoller = 0
	websocket.DefaultEngine.Stop()
	websocket.DefaultEngine = nil
}
