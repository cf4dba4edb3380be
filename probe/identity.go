package probe

import (
	"encoding/hex"
	"fmt"
	"net/netip"
)

// Identity is what a responder says about itself and about the request that it answers.
type Identity struct {
	Pod       string `json:"pod,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	UID       string `json:"uid,omitempty"`
	Node      string `json:"node,omitempty"`

	// Nonce is that of the request. Zero where the request carried none (curl, nc).
	Nonce Nonce `json:"nonce,omitzero"`
	// Source is the address that the responder saw the request come from. It differs from ours behind source NAT.
	Source netip.AddrPort `json:"source,omitzero"`
}

// Nonce marks one attempt: the prober sends it, the responder echoes and logs it. All rounds and sockets of an
// attempt carry the same nonce; their source ports tell them apart.
type Nonce [8]byte

// IsZero reports whether n is the absent nonce.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// String returns n as 16 hexadecimal digits.
func (n Nonce) String() string { return hex.EncodeToString(n[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts exactly 16 hexadecimal digits.
func (n *Nonce) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(n)) {
		return fmt.Errorf("parse nonce %q: want %d hexadecimal digits", text, hex.EncodedLen(len(n)))
	}
	if _, err := hex.Decode(n[:], text); err != nil {
		return fmt.Errorf("parse nonce %q: %w", text, err)
	}
	return nil
}
