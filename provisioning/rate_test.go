package provisioning_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/provisioning"
)

// TestSignInRate: a burst of ten seconds' worth, then the rate; what is refused
// leaves nothing, and another integration is not touched.
func TestSignInRate(t *testing.T) {
	rate := int64(2)
	eachPlace(t, provisioning.Settings{SignInRate: &rate}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		next := 0
		enter := func() error {
			next++
			_, err := p.redeem(t, p.anna(claims{"sub": fmt.Sprint(next), "email": fmt.Sprintf("p%d@example.com", next), "jti": fmt.Sprint(next)}))
			return err
		}
		for i := range 20 {
			if err := enter(); err != nil {
				t.Fatalf("link %d of the burst: %v", i, err)
			}
		}
		refusal := p.refused(t, p.anna(claims{"jti": "late"}), provisioning.RateLimited)
		if refusal.After != time.Second {
			t.Errorf("got %s to wait, want a second", refusal.After)
		}
		if _, err := p.svc.Revoke(t.Context(), p.arrive(p.token(t, p.event("logout", nil)))); err == nil {
			t.Error("an event token: got it done, want it refused as well")
		}
		other.enter(t, other.anna(claims{"sub": "o", "email": "o@example.com"}))
		strange := p.arrive(mint(t, p.key.ID, "not the secret of this partner, at all", p.anna(nil)))
		var bad *provisioning.Refusal
		if _, err := p.svc.Redeem(t.Context(), strange); !errors.As(err, &bad) || bad.Reason != provisioning.SignatureInvalid {
			t.Errorf("a bad signature: got %v, want signature_invalid", err)
		}
		p.clock.advance(time.Second)
		for i := range 3 {
			if err := enter(); (err == nil) != (i < 2) {
				t.Errorf("link %d of the next second: got %v, want two to pass", i, err)
			}
		}
		p.enter(t, p.anna(claims{"jti": "late", "iat": p.clock.now().Add(5 * time.Second).Unix()}).after(p))
	})
}

// after lets a second pass before a link is used.
func (c claims) after(p *place) claims {
	p.clock.advance(time.Second)
	return c
}

// TestOneLinkHasARateOfItsOwn: somebody who reloads a link takes nothing from
// the others.
func TestOneLinkHasARateOfItsOwn(t *testing.T) {
	rate := int64(50)
	eachPlace(t, provisioning.Settings{SignInRate: &rate}, func(t *testing.T, p *place) {
		link, limited := p.arrive(p.token(t, p.anna(claims{"jti": "one"}))), 0
		for range 250 {
			_, err := p.svc.Redeem(t.Context(), link)
			var refusal *provisioning.Refusal
			if errors.As(err, &refusal) && refusal.Reason == provisioning.RateLimited {
				limited++
			}
		}
		if limited != 150 {
			t.Errorf("got %d of 250 uses limited, want all but a hundred", limited)
		}
		p.enter(t, p.anna(claims{"sub": "ben-1", "email": "ben@example.com", "jti": "two"}))
	})
}
