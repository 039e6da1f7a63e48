package protocol

import "testing"

// Roles are walked by every test: each rule is tried from both sides.
var roles = []Role{Server, Client}

func TestRoleNames(t *testing.T) {
	if got := Server.String() + " " + Client.String(); got != "server client" {
		t.Errorf("got %q, want %q", got, "server client")
	}
	if (Role(0)) != Server {
		t.Error("the zero Role is not Server")
	}
}
