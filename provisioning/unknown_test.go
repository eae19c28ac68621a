package provisioning_test

import (
	"fmt"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// said are unknown names as "kind name count".
func said(t *testing.T, s *provisioning.Service, p *place) []string {
	t.Helper()
	names, err := s.UnknownNames(t.Context(), p.tenant, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, n := range names {
		lines = append(lines, fmt.Sprintf("%s %s %d", n.Kind, n.Name, n.Count))
	}
	return lines
}

// TestUnknownNames: what tokens name in vain is counted, until it exists.
func TestUnknownNames(t *testing.T) {
	for name, wish := range map[string]provisioning.Settings{
		"left out": {},
		"refused":  {UnknownGroups: pointer(store.UnknownRefuse), UnknownCredits: pointer(store.UnknownRefuse)},
	} {
		t.Run(name, func(t *testing.T) {
			eachPlace(t, wish, func(t *testing.T, p *place) {
				there := p.another(t)
				open := func(s *provisioning.Service, person string, more claims) {
					t.Helper()
					token := p.anna(claims{"sub": person, "email": person + "@example.com"})
					for k, v := range more {
						token[k] = v
					}
					_, err := s.Redeem(t.Context(), p.arrive(p.token(t, token)))
					if (err != nil) != (name == "refused") {
						t.Fatalf("got error %v", err)
					}
				}
				open(p.svc, "a", claims{"groups": []string{"nobody", "staff"}})
				p.clock.advance(time.Second)
				open(p.svc, "b", claims{"credits": []any{grant("A", 9), grant("B", 9)}})
				wantSame(t, "before they are written", said(t, p.svc, p), []string{"credit 9 1", "group nobody 1"})
				wantSame(t, "seen from elsewhere", said(t, there, p), []string{})

				p.svc.WriteUnknown(t.Context())
				wantSame(t, "seen from elsewhere", said(t, there, p), []string{"credit 9 1", "group nobody 1"})
				stop := running(there)
				open(there, "c", claims{"groups": []string{"nobody"}})
				wantSame(t, "together", said(t, there, p), []string{"credit 9 1", "group nobody 2"})
				stop() // which writes what is left
				wantSame(t, "written twice", said(t, p.svc, p), []string{"credit 9 1", "group nobody 2"})

				p.mirror(t)
				for range 2 {
					wantError(t, "create", p.svc.CreateUnknown(t.Context(), p.tenant, p.ID, provisioning.KindGroup, "nobody", "", byAPI), nil)
					wantError(t, "create", p.svc.CreateUnknown(t.Context(), p.tenant, p.ID, provisioning.KindCredit, "9", "", byAPI), nil)
				}
				wantSame(t, "once they exist", said(t, p.svc, p), []string{})
				if err := p.svc.CreateUnknown(t.Context(), p.tenant, p.ID, "role", "9", "", byAPI); err == nil {
					t.Errorf("a kind of its own: got no error")
				}
				for _, never := range [][2]string{{provisioning.KindGroup, "unsaid"}, {provisioning.KindCredit, "8"}, {provisioning.KindCredit, "x"}} {
					err := p.svc.CreateUnknown(t.Context(), p.tenant, p.ID, never[0], never[1], "", byAPI)
					wantError(t, "what nobody has named", err, provisioning.ErrNotFound)
				}
				wantError(t, "an integration that there is not",
					p.svc.CreateUnknown(t.Context(), p.tenant, "x", provisioning.KindGroup, "nobody", "", byAPI), provisioning.ErrNotFound)
			})
		})
	}
}

// TestUnknownNamesAreBounded: a partner with very many names fills nothing up.
func TestUnknownNamesAreBounded(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for round := range 4 {
			names := make([]string, 1000)
			for i := range names {
				names[i] = fmt.Sprintf("g-%d-%d", round, i)
			}
			p.enter(t, p.anna(claims{"groups": names}))
			p.svc.WriteUnknown(t.Context())
			p.clock.advance(time.Second)
		}
		if got := p.count(t, "unknown_names"); got != 200 {
			t.Errorf("got %d names kept, want the newest 200", got)
		}
		for _, line := range said(t, p.svc, p) {
			var round, n int
			if _, err := fmt.Sscanf(line, "group g-%d-%d 1", &round, &n); err != nil || round != 3 {
				t.Fatalf("got %q, want names of the last round", line)
			}
		}
	})
}
