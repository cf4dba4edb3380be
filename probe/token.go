package probe

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
)

// Token is the secret that the two ends of one run share. It never travels in
// a hello: what travels is a keyed hash, worthless to a stranger who was knocked
// at by mistake. The empty token means that there is none.
type Token string

// String hides the secret from logs and error messages.
func (t Token) String() string {
	if t == "" {
		return "no token"
	}
	return "hidden token"
}

// GoString hides the secret from %#v.
func (t Token) GoString() string { return t.String() }

// Equal compares two tokens in constant time. Two empty tokens are not equal,
// because the absence of a secret proves nothing.
func (t Token) Equal(other Token) bool {
	return t != "" && subtle.ConstantTimeCompare([]byte(t), []byte(other)) == 1
}

// authenticatorSize is the length of an HMAC-SHA256 (RFC 2104, FIPS 180-4).
const authenticatorSize = sha256.Size

// sign returns the HMAC-SHA256 of purpose and message under the token. The
// purpose keeps a hash made for one use from being valid for another.
func (t Token) sign(purpose string, message ...[]byte) [authenticatorSize]byte {
	mac := hmac.New(sha256.New, []byte(t))
	mac.Write([]byte(purpose))
	for _, part := range message {
		mac.Write(part)
	}
	var sum [authenticatorSize]byte
	mac.Sum(sum[:0])
	return sum
}

// verifies tells whether sum is what sign returns for purpose and message. No
// hash is valid under the empty token.
func (t Token) verifies(sum [authenticatorSize]byte, purpose string, message ...[]byte) bool {
	if t == "" {
		return false
	}
	want := t.sign(purpose, message...)
	return hmac.Equal(sum[:], want[:])
}
