package sessions

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
)

func BenchmarkRecord(b *testing.B) {
	key := sha256.Sum256([]byte("a"))
	session := sample(key)
	stored := encode(key, session)
	b.Run("encode", func(b *testing.B) {
		b.ReportMetric(float64(len(stored)), "record-bytes")
		b.ReportAllocs()
		for b.Loop() {
			encode(key, session)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode(session.Tenant, key, stored); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCookie reads the session's cookie among three, and writes one.
func BenchmarkCookie(b *testing.B) {
	value := base64.RawURLEncoding.EncodeToString(make([]byte, randomSize))
	request := &http.Request{Header: http.Header{"Cookie": {"theme=dark; " + CookieName + "=" + value + "; lang=sv"}}}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := keyOfCookie(ReadCookie(request)); !ok {
				b.Fatal("got no key")
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if NewCookie(value).String() == "" {
				b.Fatal("got no cookie")
			}
		}
	})
}
