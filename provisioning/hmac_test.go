package provisioning

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// TestHMACKey holds the kept states against golang-jwt, with many tokens at once.
func TestHMACKey(t *testing.T) {
	t.Parallel()
	secret, other := []byte(testSecret), []byte(testOtherSecret)
	for _, method := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
		key := newHMACKey(method.Alg(), secret)
		var all sync.WaitGroup
		for length := range 8 {
			text := strings.Repeat("e", 1+length*300)
			all.Go(func() {
				sign := func(text string, secret []byte) []byte {
					signature, err := method.Sign(text, secret)
					if err != nil {
						t.Error(err)
					}
					return signature
				}
				good := sign(text, secret)
				last := bytes.Clone(good)
				last[len(last)-1] ^= 1
				for range 20 {
					for _, try := range []struct {
						name      string
						signature []byte
						want      bool
					}{
						{"its own", good, true},
						{"another secret's", sign(text, other), false},
						{"another text's", sign(text+"e", secret), false},
						{"one bit off", last, false},
						{"cut", good[:len(good)-1], false},
						{"stretched", append(bytes.Clone(good), 0), false},
						{"none", nil, false},
					} {
						if got := key.signed(text, try.signature); got != try.want {
							t.Errorf("%s, %d bytes, signature %s: got %t, want %t", method.Alg(), len(text), try.name, got, try.want)
						}
					}
				}
			})
		}
		all.Wait()
	}
	if key := newHMACKey("RS256", secret); key != nil {
		t.Errorf("RS256: got %v, want nil", key)
	}
}
