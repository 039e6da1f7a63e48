package contest

import (
	"bufio"
	"errors"
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsContestant answers in OnMessage, on the goroutine that reads.
func gwsContestant() *Contestant {
	return &Contestant{
		Name: "gws",
		Uses: "OnMessage and WriteMessage on the reading goroutine; CheckUtf8Enabled for text; Broadcaster",
		Listen: func(j *Job) func(net.Listener) error {
			s := gws.NewServer(&gwsHandler{job: j}, gwsOptions(j))
			s.OnError = func(nc net.Conn, err error) { nc.Close() }
			if j.Handshake {
				s.OnRequest = func(nc net.Conn, br *bufio.Reader, r *http.Request) {
					if c, err := s.GetUpgrader().UpgradeFromConn(nc, br, r); err == nil {
						c.NetConn().Close()
					}
				}
			}
			return s.RunListener
		},
		HTTP: func(j *Job) http.Handler {
			u := gws.NewUpgrader(&gwsHandler{job: j}, gwsOptions(j))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch c, err := u.Upgrade(w, r); {
				case err != nil:
				case j.Handshake:
					c.NetConn().Close()
				default:
					go c.ReadLoop()
				}
			})
		},
		Prepare: func(p []byte) (any, error) {
			return gws.NewBroadcaster(gws.OpcodeBinary, p), nil
		},
		Compression: Takeover,
	}
}

func gwsOptions(j *Job) *gws.ServerOption {
	return &gws.ServerOption{
		CheckUtf8Enabled: j.Text,
		PermessageDeflate: gws.PermessageDeflate{
			Enabled:               j.Flate,
			ServerContextTakeover: j.Takeover,
			ClientContextTakeover: j.Takeover,
			Threshold:             1, // all messages, as the others do
		},
	}
}

type gwsHandler struct {
	gws.BuiltinEventHandler
	job *Job
}

func (h *gwsHandler) OnOpen(c *gws.Conn) { h.job.Join(gwsPeer{c}) }

func (h *gwsHandler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	h.job.Work()
	c.WriteMessage(m.Opcode, m.Bytes())
}

type gwsPeer struct{ c *gws.Conn }

func (p gwsPeer) Write(m []byte) error { return p.c.WriteMessage(gws.OpcodeBinary, m) }

func (p gwsPeer) Deliver(prepared any) error {
	b, ok := prepared.(*gws.Broadcaster)
	if !ok {
		return errors.New("not prepared")
	}
	return b.Broadcast(p.c)
}
