package client

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strconv"
)

// Numbers of SOCKS version 5 (RFC 1928, sections 3 to 6) and of its user and password (RFC 1929, section 2).
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksPassword    = 2
	socksNoneOfThese = 0xff
	socksConnectTo   = 1
	socksIPv4        = 1
	socksName        = 3
	socksIPv6        = 4
	passwordVersion  = 1
)

// socksReplies are the meanings of a reply (RFC 1928, section 6).
var socksReplies = [...]string{
	1: "general failure", 2: "not allowed by the rules", 3: "network unreachable", 4: "host unreachable",
	5: "connection refused", 6: "TTL expired", 7: "command not supported", 8: "address type not supported",
}

// checkSocksUser: each of user and password is announced by one byte (RFC 1929, section 2). The RFC wants one byte at
// least of both; an empty password is common and is let through.
func checkSocksUser(user *url.Userinfo) error {
	if user == nil {
		return nil
	}
	password, _ := user.Password()
	if n := len(user.Username()); n == 0 || n > 255 || len(password) > 255 {
		return errors.New("websocket: user or password of a proxy is empty or longer than 255 bytes (RFC 1929, section 2)")
	}
	return nil
}

// socksConnect asks a SOCKS5 proxy for a connection to the server. It reads exactly what the proxy answers and nothing of
// the tunnel.
func socksConnect(nc io.ReadWriter, host, port string, user *url.Userinfo) error {
	if err := socksGreet(nc, user); err != nil {
		return err
	}
	if _, err := nc.Write(appendSocksRequest(nil, host, port)); err != nil {
		return err
	}
	return readSocksReply(nc)
}

// socksGreet agrees on a method (RFC 1928, section 3) and logs in if the proxy wants it.
func socksGreet(nc io.ReadWriter, user *url.Userinfo) error {
	methods := []byte{socksNoAuth}
	if user != nil {
		methods = append(methods, socksPassword)
	}
	var answer [2]byte
	if err := ask(nc, append([]byte{socksVersion, byte(len(methods))}, methods...), answer[:]); err != nil {
		return err
	}
	switch version, method := answer[0], answer[1]; {
	case version != socksVersion:
		return fmt.Errorf("answers with SOCKS version %d, want 5 (RFC 1928, section 3)", version)
	case method == socksNoAuth:
		return nil
	case method == socksPassword && user != nil:
		return socksLogin(nc, user)
	case method == socksNoneOfThese:
		return errors.New("accepts none of our ways to log in (RFC 1928, section 3)")
	default:
		return fmt.Errorf("chose login method %d, which was not offered (RFC 1928, section 3)", method)
	}
}

// socksLogin sends user and password (RFC 1929, section 2).
func socksLogin(nc io.ReadWriter, user *url.Userinfo) error {
	name := user.Username()
	password, _ := user.Password()
	b := append([]byte{passwordVersion, byte(len(name))}, name...)
	b = append(append(b, byte(len(password))), password...)
	var answer [2]byte
	if err := ask(nc, b, answer[:]); err != nil {
		return err
	}
	if answer[0] != passwordVersion || answer[1] != 0 {
		return errors.New("refused user and password (RFC 1929, section 2)")
	}
	return nil
}

// ask sends b and reads all of answer.
func ask(nc io.ReadWriter, b, answer []byte) error {
	if _, err := nc.Write(b); err != nil {
		return err
	}
	return readFull(nc, answer)
}

// readFull is io.ReadFull for answers that must come.
func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendSocksRequest appends VER CMD RSV ATYP DST.ADDR DST.PORT (RFC 1928, section 4). A name goes out as a name: the
// proxy resolves it. handshake.ParseURL has judged host and port; no name is longer than 255 bytes.
func appendSocksRequest(b []byte, host, port string) []byte {
	b = append(b, socksVersion, socksConnectTo, 0)
	if ip, err := netip.ParseAddr(host); err != nil {
		b = append(append(b, socksName, byte(len(host))), host...)
	} else if ip.Is4() {
		b = append(append(b, socksIPv4), ip.AsSlice()...)
	} else {
		b = append(append(b, socksIPv6), ip.AsSlice()...)
	}
	n, _ := strconv.Atoi(port)
	return append(b, byte(n>>8), byte(n))
}

// readSocksReply reads VER REP RSV ATYP BND.ADDR BND.PORT (RFC 1928, section 6). The bound address interests nobody.
func readSocksReply(r io.Reader) error {
	var b [4 + 1 + 255 + 2]byte
	if err := readFull(r, b[:4]); err != nil {
		return err
	}
	if b[0] != socksVersion {
		return fmt.Errorf("answers with SOCKS version %d, want 5 (RFC 1928, section 6)", b[0])
	}
	if rep := int(b[1]); rep != 0 {
		if rep < len(socksReplies) {
			return fmt.Errorf("cannot connect: %s (RFC 1928, section 6)", socksReplies[rep])
		}
		return fmt.Errorf("cannot connect: reply %d (RFC 1928, section 6)", rep)
	}
	length := 0
	switch b[3] {
	case socksIPv4:
		length = 4
	case socksIPv6:
		length = 16
	case socksName:
		if err := readFull(r, b[4:5]); err != nil {
			return err
		}
		length = int(b[4])
	default:
		return fmt.Errorf("answers with address type %d (RFC 1928, section 5)", b[3])
	}
	return readFull(r, b[5:5+length+2])
}
