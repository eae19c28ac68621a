package tokens_test

import (
	"fmt"
	"testing"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// BenchmarkIntrospect is one question about a client's token by an API connection
// with its secret, sixteen at a time: about one that is remembered, and about one
// that was never asked about before.
func BenchmarkIntrospect(b *testing.B) {
	for _, kind := range testenv.Databases() {
		m := newMachines(b, storetest.New(b, kind))
		_, secret, err := m.first.AddConnection(b.Context(), m.tenant, tokens.NewConnection{Name: "asking"}, byTest)
		if err != nil {
			b.Fatal(err)
		}
		ask := func(token string) {
			caller, err := m.second.AuthenticateConnection(b.Context(), m.tenant, "asking", secret)
			if err == nil {
				caller.Connection = m.library
				_, err = m.second.Introspect(b.Context(), m.tenant, issuer, caller, token)
			}
			if err != nil {
				b.Error(err)
			}
		}
		for _, format := range []string{tokens.FormatReference, tokens.FormatJWT} {
			known := make([]string, 64)
			for i := range known {
				known[i] = m.issue(b, format, "library")
			}
			b.Run(fmt.Sprintf("%s/%s/known", kind, format), func(b *testing.B) {
				for range 3 {
					for _, token := range known {
						ask(token)
					}
				}
				b.ReportAllocs()
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						ask(known[i%len(known)])
					}
				})
			})
			b.Run(fmt.Sprintf("%s/%s/new", kind, format), func(b *testing.B) {
				fresh := make(chan string, b.N)
				for range b.N {
					fresh <- m.issue(b, format, "library")
				}
				b.ReportAllocs()
				b.SetParallelism(8)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						ask(<-fresh)
					}
				})
			})
		}
	}
}
