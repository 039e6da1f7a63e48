package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/tidewire/websocket"
	"github.com/tidewire/websocket/autobahn"
)

const (
	// startTimeout is how long the suite may take to listen.
	startTimeout = 30 * time.Second
	// retryPause lies between two tries to reach it.
	retryPause = 100 * time.Millisecond
	// caseTimeout bounds one case. The suite gives up after at most 480 s.
	caseTimeout = 10 * time.Minute
)

// suite is a fuzzing server and how to reach it.
type suite struct {
	base  string // ws://127.0.0.1:9001
	agent string
	opts  *websocket.ClientOptions
}

func main() {
	log.SetFlags(0)
	s := suite{opts: &websocket.ClientOptions{Conn: autobahn.Options()}}
	flag.StringVar(&s.base, "url", "ws://127.0.0.1:9001", "the suite's fuzzing server")
	flag.StringVar(&s.agent, "agent", "tidewire", "name in the report")
	ca := flag.String("ca", "", "certificate file (PEM) that a wss server is verified against")
	flag.Parse()

	if err := s.trust(*ca); err != nil {
		log.Fatal(err)
	}
	if err := s.run(); err != nil {
		log.Fatal(err)
	}
}

// trust makes the certificates in file the only ones that are accepted.
func (s *suite) trust(file string) error {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", file)
	}
	s.opts.TLS = &tls.Config{RootCAs: roots}
	return nil
}

// run goes through all cases. How a case ends is the suite's to judge; that its
// connection could not be opened is an error.
func (s *suite) run() error {
	count, err := s.countCases()
	if err != nil {
		return err
	}
	for n := 1; n <= count; n++ {
		path := fmt.Sprintf("/runCase?case=%d&agent=%s", n, url.QueryEscape(s.agent))
		if err := s.visit(path, echo); err != nil {
			return fmt.Errorf("case %d of %d: %w", n, count, err)
		}
	}
	fmt.Printf("%d cases run\n", count)
	return s.visit("/updateReports?agent="+url.QueryEscape(s.agent), echo)
}

// echo forgets how the connection ended.
func echo(ctx context.Context, c *websocket.Conn) error {
	autobahn.Echo(ctx, c)
	return nil
}

// countCases waits until the suite listens and asks it for the number of cases.
func (s *suite) countCases() (int, error) {
	var answer []byte
	read := func(ctx context.Context, c *websocket.Conn) (err error) {
		_, answer, err = c.Read(ctx)
		return err
	}
	deadline := time.Now().Add(startTimeout)
	err := s.visit("/getCaseCount", read)
	for notThere(err) && time.Now().Before(deadline) {
		time.Sleep(retryPause)
		err = s.visit("/getCaseCount", read)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(answer))
}

// notThere tells a refused TCP connection from every later failure.
func notThere(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// visit opens path, lets use have the connection, and closes it.
func (s *suite) visit(path string, use func(context.Context, *websocket.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	c, err := websocket.Dial(ctx, s.base+path, s.opts)
	if err != nil {
		return err
	}
	err = use(ctx, c)
	c.Close()
	<-c.Done()
	return err
}
