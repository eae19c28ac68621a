package provisioning

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"
)

// hmacKey is a shared secret as HS256, HS384 and HS512 use it (RFC 7518 §3.2).
// It keeps states into which the secret has been worked already: most of an HMAC
// over a short token is that. It is safe for concurrent use.
type hmacKey struct {
	size   int       // of a signature, in bytes
	states sync.Pool // of *hmacState
}

// hmacState is one HMAC under way.
type hmacState struct {
	mac  hash.Hash
	part [512]byte // room for a part of what is signed
	sum  []byte    // room for the signature
}

// newHMACKey takes one of the three algorithms, or returns nil for any other.
func newHMACKey(algorithm string, secret []byte) *hmacKey {
	var of func() hash.Hash
	size := 0
	switch algorithm {
	case "HS256":
		of, size = sha256.New, sha256.Size
	case "HS384":
		of, size = sha512.New384, sha512.Size384
	case "HS512":
		of, size = sha512.New, sha512.Size
	default:
		return nil
	}
	key := &hmacKey{size: size}
	key.states.New = func() any {
		state := &hmacState{mac: hmac.New(of, secret)}
		state.mac.Reset() // keeps the worked-in secret for the next ones
		return state
	}
	return key
}

// signed reports whether signature is the whole HMAC of text. How long that
// takes tells nothing of where the two differ.
func (k *hmacKey) signed(text string, signature []byte) bool {
	if len(signature) != k.size {
		return false
	}
	state := k.states.Get().(*hmacState) //nolint:forcetypeassert // there is nothing else in it
	defer k.states.Put(state)
	state.mac.Reset()
	for len(text) > 0 {
		n := copy(state.part[:], text)
		state.mac.Write(state.part[:n])
		text = text[n:]
	}
	state.sum = state.mac.Sum(state.sum[:0])
	return hmac.Equal(state.sum, signature)
}
