package server

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tidewire/websocket/handshake"
)

// Refusal is an error of [Options.Authorize] that says how to refuse.
type Refusal struct {
	Status int         // 300 to 599, but 304; any other is sent as 500
	Header http.Header // further fields of the response, such as WWW-Authenticate or Location; may be nil
	Body   string      // text/plain unless Header has a Content-Type; empty: the name of the status
}

// Error is "websocket: refused with status 401".
func (e *Refusal) Error() string {
	return fmt.Sprintf("websocket: refused with status %d", e.Status)
}

// answer says which response refuses with err. The text of an error of ours is for our log and not for the peer.
func answer(err error) (status int, h http.Header, body string) {
	var refusal *Refusal
	var broken *handshake.Error
	switch {
	case errors.As(err, &refusal):
		status, h, body = refusal.Status, refusal.Header, refusal.Body
	case errors.As(err, &broken):
		status, h = broken.Status, broken.Header
		if status != http.StatusInternalServerError {
			body = broken.Error() + "\n"
		}
	default:
		status = http.StatusForbidden
	}
	if status < 300 || status > 599 || status == http.StatusNotModified {
		status = http.StatusInternalServerError
	}
	if body == "" {
		body = http.StatusText(status) + "\n"
	}
	return status, h, body
}

// refuse writes the complete response that refuses with err through net/http.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, header, body := answer(err)
	h := w.Header()
	// What earlier handlers said about a body is not about this one.
	for _, name := range []string{"Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(name)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, values := range header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Del("Transfer-Encoding")
	// The client may have sent frames behind its request, and nobody may take them for the next one; "close" comes
	// first because net/http looks at the first value. Upgrade is named in Connection (RFC 9110, section 7.8).
	// HTTP/2 has neither field (RFC 9113, section 8.2.2).
	h.Del("Connection")
	if r.ProtoMajor < 2 {
		h.Set("Connection", "close")
		if h.Get("Upgrade") != "" {
			h.Add("Connection", "Upgrade")
		}
	}
	w.WriteHeader(status)
	w.Write([]byte(body)) // the client has gone if it fails; err tells the caller enough
}
