package provisioning_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
)

// enterValue writes what was entered of a claim, as JSON, and the claim if it is
// not there.
func (p *place) enterValue(t testing.TB, user, claim, value string) {
	t.Helper()
	p.db.Exec(t, `
INSERT INTO custom_claims (tenant_id, name, display_name, type, meta_path, revision, created_at, updated_at)
VALUES ($1, $2, $2, 'text', '', 1, $3, $3) ON CONFLICT DO NOTHING`, p.tenant.ID, claim, p.clock.now())
	p.db.Exec(t, `
INSERT INTO claim_values (tenant_id, user_id, claim, value, entered_by, updated_at) VALUES ($1, $2, $3, $4, 'person', $5)`,
		p.tenant.ID, user, claim, value, p.clock.now())
}

// entered are the entered values of everybody: "claim value".
func (p *place) entered(t testing.TB, user string) []string {
	t.Helper()
	return p.db.Rows(t, `SELECT claim, value FROM claim_values WHERE user_id = $1 AND tenant_id = $2 ORDER BY claim`, user, p.tenant.ID)
}

// TestEnteredValuesFollowTheirPerson: merged people keep what was entered for
// either, the one who stays before the other; who is erased leaves nothing; and
// an export has it all.
func TestEnteredValuesFollowTheirPerson(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		keep := p.enter(t, p.anna(nil)).UserID
		gone := p.enter(t, p.anna(claims{"sub": "anna-2", "email": "a.meier@example.com"})).UserID
		p.enterValue(t, keep, "size", `"42"`)
		p.enterValue(t, gone, "size", `"43"`)
		p.enterValue(t, gone, "hat", `"bowler"`)
		p.mirror(t)

		p.merge(t, keep, gone)
		if diff := cmp.Diff([]string{`hat|"bowler"`, `size|"42"`}, p.entered(t, keep)); diff != "" {
			t.Errorf("the one who stays:\n%s", diff)
		}
		if got := p.entered(t, gone); len(got) > 0 {
			t.Errorf("the one who is gone: got %q", got)
		}
		j := p.start(t, provisioning.JobExportUsers, nil)
		p.workOff(t)
		var lines string
		if err := p.svc.Download(t.Context(), p.tenant, p.job(t, j.ID).ID, byAPI, func(part []byte) error { lines += string(part); return nil }); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`{"claim":"hat","value":"bowler","by_person":true,`, `{"claim":"size","value":"42","by_person":true,`} {
			if !strings.Contains(lines, want) {
				t.Errorf("the export has no %s:\n%s", want, lines)
			}
		}
		if err := p.svc.Erase(t.Context(), p.tenant, keep, byAPI); err != nil {
			t.Fatal(err)
		}
		if got := p.entered(t, keep); len(got) > 0 {
			t.Errorf("who was erased: got %q", got)
		}
	})
}
