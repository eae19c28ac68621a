package provisioning_test

import (
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// TestRungs: a rung may be told before its entry is written, and to another
// instance than the one that writes it; it reaches no other user's entry.
func TestRungs(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		user, stranger := store.NobodysID[:35]+"1", store.NobodysID[:35]+"2"
		log := func(reference string) {
			arrival := p.arrive("")
			arrival.Reference = reference
			p.svc.LogSignIn(provisioning.SignInAttempt{
				Arrival: arrival, Door: provisioning.DoorEmbed, SignIn: provisioning.SignIn{UserID: user, Integration: p.Integration},
			})
		}
		for _, rung := range []string{"", "Cookie", "cookie2"} {
			if p.svc.NoteRung(p.tenant, "HERE", user, rung) {
				t.Errorf("got rung %q taken, want it turned down", rung)
			}
		}
		log("HERE")
		log("THERE")
		log("FOREIGN")
		p.svc.NoteRung(p.tenant, "HERE", user, "cookie")
		p.svc.NoteRung(p.tenant, "HERE", user, "storage-access") // the later one counts
		p.svc.NoteRung(p.tenant, "FOREIGN", stranger, "cookie")
		p.svc.NoteRung(store.Tenant{ID: store.NobodysID[:35] + "3"}, "HERE", user, "none")
		other := p.another(t)
		other.NoteRung(p.tenant, "THERE", user, "bearer")
		running(p.svc)()
		running(other)()
		for reference, want := range map[string]string{"HERE": "storage-access", "THERE": "bearer", "FOREIGN": ""} {
			r, err := p.svc.SignInByReference(t.Context(), p.tenant, reference)
			if err != nil || r.Rung != want {
				t.Errorf("%s: got rung %q, error %v; want %q", reference, r.Rung, err, want)
			}
		}
	})
}
