package protocol

// Role is the side of the opening handshake that a connection was on. It
// decides who masks (RFC 6455, section 5.1) and who closes TCP first
// (RFC 6455, section 7.1.1).
type Role uint8

const (
	Server Role = iota // receives masked frames, sends bare ones
	Client             // receives bare frames, sends masked ones
)

// String returns "server" or "client".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}
