package provisioning_test

import (
	"errors"
	"testing"

	"usher/provisioning"
)

// TestSCIMRate: a directory has the rate that it is given, with whichever token it
// asks, and the usual one else; what is no rate changes nothing.
func TestSCIMRate(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		is := func(what string, want int64) {
			t.Helper()
			for range 2 {
				_, token, err := p.svc.MakeSCIMToken(ctx, p.tenant, p.ID, provisioning.NewSCIMToken{Name: "Okta"}, byAPI)
				if err != nil {
					t.Fatal(err)
				}
				d, err := p.svc.Directory(ctx, p.tenant, token)
				if err != nil || d.Rate != want || d.Subject != "external_id" {
					t.Errorf("%s: got %+v, error %v, want the rate %d", what, d, err, want)
				}
				if err := p.svc.RevokeSCIMToken(ctx, p.tenant, p.ID, d.TokenID, byAPI); err != nil {
					t.Fatal(err)
				}
			}
		}
		is("none said", provisioning.UsualRate)
		for _, rate := range []int64{7, 0, 100_000, provisioning.UsualRate, 5} {
			c, err := p.svc.ChangeSCIM(ctx, p.tenant, p.ID, provisioning.SCIMSettings{Rate: &rate}, byAPI)
			if err != nil || c.Rate != rate {
				t.Fatalf("got %+v, error %v", c, err)
			}
			is("changed", rate)
		}
		for _, rate := range []int64{provisioning.UsualRate - 1, 100_001} {
			var invalid *provisioning.Invalid
			if _, err := p.svc.ChangeSCIM(ctx, p.tenant, p.ID, provisioning.SCIMSettings{Rate: &rate}, byAPI); !errors.As(err, &invalid) || invalid.Field != "rate" {
				t.Errorf("the rate %d: got error %v, want it refused", rate, err)
			}
		}
		is("after what was refused", 5)
		other := p.install(t, provisioning.Settings{})
		if c, _, err := p.svc.SCIM(ctx, p.tenant, other.ID); err != nil || c.Rate != provisioning.UsualRate {
			t.Errorf("another integration: got %+v, error %v", c, err)
		}
	})
}
