package provisioning

import (
	"testing"

	"usher/sql/store"
)

// benchAssertion is what the token of benchPayload says.
func benchAssertion(b *testing.B) Assertion {
	b.Helper()
	payload, err := readJSON(benchPayload())
	if err != nil {
		b.Fatal(err)
	}
	a, err := readClaims(payload, false)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func BenchmarkFingerprint(b *testing.B) {
	a := benchAssertion(b)
	b.ReportAllocs()
	for b.Loop() {
		fingerprint(&a, &store.Integration{})
	}
}

// BenchmarkDecide plans a first sign-in, and one that changes two groups of
// three and adds the credit.
func BenchmarkDecide(b *testing.B) {
	a := benchAssertion(b)
	n := &store.Integration{ID: "integration", AutoCreate: true, UnknownGroups: store.UnknownIgnore, UnknownCredits: store.UnknownPark}
	state := store.State{Revision: 1, CatalogRevision: 1, Credits: []int64{7}}
	for _, name := range *a.Groups {
		state.Groups = append(state.Groups, store.Group{ID: "id-" + name, ExternalID: name, Name: name})
	}
	known := state
	key := a.EmailKey
	known.Users = []store.User{{ID: "user", Version: 4, Status: store.StatusActive, UserRow: store.UserRow{
		Email: a.Email, EmailKey: &key, FirstName: "Anna", LastName: "Berg", Meta: "{}",
	}}}
	known.Identities = []store.Identity{{ID: "identity", IntegrationID: "integration", UserID: "user", Subject: &a.Subject, EmailKey: &key}}
	known.BySubject, known.ByEmail = &known.Identities[0], &known.Identities[0]
	for _, name := range []string{"staff", "chairs", "readers-before"} {
		known.Members = append(known.Members, store.Member{UserID: "user", GroupID: "id-" + name, ExternalID: name, Source: "integration"})
	}
	for name, st := range map[string]store.State{"first": state, "changed": known} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := decide(&a, n, &st, store.NewID)
				if err != nil || !p.changes.User.Changed || len(p.changes.Join) == 0 {
					b.Fatalf("got %+v, error %v, want changes", p.changes, err)
				}
			}
		})
	}
}
