package store_test

import (
	"fmt"
	"testing"
	"time"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// BenchmarkLogSignIns writes batches of 500 entries of people who were let in
// unchanged, which is what most entries are; the figures are per entry.
func BenchmarkLogSignIns(b *testing.B) {
	for _, kind := range testenv.Databases() {
		b.Run(kind, func(b *testing.B) {
			s := storetest.Open(b, kind, time.Now)
			tenant := addTenant(b, s)
			integration, made := newID(b), time.Now()
			n := 0
			batch := func(size int) []store.SignIn {
				rows := make([]store.SignIn, size)
				for i := range rows {
					n++
					at := made.Add(time.Duration(n) * time.Millisecond)
					id, err := store.LogID(at)
					if err != nil {
						b.Fatal(err)
					}
					person := fmt.Sprintf("person-%d", n*7919%10_000)
					rows[i] = store.SignIn{
						TenantID: tenant.ID, ID: id, Reference: id[24:], At: at, Door: store.DoorGet, Outcome: store.SignedIn,
						IntegrationID: integration, KeyID: "k1", UserID: newID(b), Email: person + "@example.com",
						EmailKey: person + "@example.com", Subject: person, IssuedAt: &made,
						Header: `{"alg":"HS256","typ":"JWT","kid":"k1"}`,
						Payload: `{"iss":"https://partner.example","sub":"` + person + `","email":"` + person + `@example.com","firstName":"Anna",` +
							`"groups":["staff","readers","g42"],"credits":[{"orderId":"A-1","id":7}],"iat":1773500966,"jti":"0f8fad5b"}`,
						Target: "/", Network: "192.0.2.0/24", UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", Count: 1,
					}
				}
				return rows
			}
			count := []store.SignInCount{{TenantID: tenant.ID, Hour: 1, IntegrationID: integration, KeyID: "k1", Count: 500}}
			b.ReportAllocs()
			for left := b.N; left > 0; left -= 500 {
				b.StopTimer()
				rows := batch(min(500, left))
				b.StartTimer()
				if err := s.LogSignIns(b.Context(), rows, count); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
