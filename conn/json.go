package conn

import (
	"context"
	"encoding/json"
	"fmt"
)

// ReadJSON reads the next message, of either type, as JSON. A message that is no T
// is an error of this call; the message is gone and the connection goes on.
func ReadJSON[T any](ctx context.Context, c *Conn) (T, error) {
	var v T
	m := message{lend: true}
	if _, err := c.readMessage(ctx, &m); err != nil {
		return v, err
	}
	err := json.Unmarshal(m.b, &v)
	m.giveBack(false)
	if err != nil {
		return v, fmt.Errorf("websocket: read JSON: %w", err)
	}
	return v, nil
}

// WriteJSON sends v as JSON in a text message. A v that JSON cannot express is an
// error of this call, and nothing is sent.
func WriteJSON(ctx context.Context, c *Conn, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("websocket: write JSON: %w", err)
	}
	// A json.RawMessage or a Marshaler may hold any bytes, so the text is checked,
	// here and only here.
	return c.Write(ctx, Text, p)
}
