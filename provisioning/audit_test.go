package provisioning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// verified is what verifying finds: "whole at NUMBER", or the fault.
func (p *place) verified(t testing.TB, noted *provisioning.AuditMark) string {
	t.Helper()
	report, err := p.svc.VerifyAudit(context.WithoutCancel(t.Context()), p.tenant, noted)
	return found(t, report, err)
}

func found(t testing.TB, report provisioning.AuditReport, err error) string {
	t.Helper()
	if broken, ok := errors.AsType[*provisioning.AuditFault](err); ok {
		return fmt.Sprintf("broken at %d", broken.Seq)
	}
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return fmt.Sprintf("whole at %d", report.Head.Seq)
}

func (p *place) mark(t testing.TB) *provisioning.AuditMark {
	t.Helper()
	head, err := p.svc.AuditHead(t.Context(), p.tenant)
	if err != nil {
		t.Fatal(err)
	}
	return &provisioning.AuditMark{Seq: head.Seq, Hash: head.Hash}
}

func TestAuditTampering(t *testing.T) {
	where := ` WHERE tenant_id = $1 AND seq = 4`
	var scenarios []scenario
	tamper := func(name, want string, statements ...string) {
		scenarios = append(scenarios, scenario{name: name, run: func(t *testing.T, p *place) {
			p.mirror(t)
			noted := p.mark(t) // 8 rows: the tenant, three groups, three credits, an integration
			p.addGroup(t, "one more")
			if got := p.verified(t, noted); got != "whole at 9" {
				t.Fatalf("got %s before, want whole at 9", got)
			}
			for _, statement := range statements {
				p.db.Exec(t, statement, p.tenant.ID)
			}
			if got := p.verified(t, noted); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}})
	}
	for column, value := range map[string]string{
		"at": "at + 1", "actor": "'x'", "actor_name": "actor_name || ' '", "action": "'x'", "object": "'x'",
		"detail": "'{}'", "reference": "'x'",
	} {
		tamper("column "+column, "broken at 4", `UPDATE audit_log SET `+column+` = `+value+where)
	}
	tamper("its hash", "broken at 4", `UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE tenant_id = $1 AND seq = 3)`+where)
	tamper("a row goes", "broken at 4", `DELETE FROM audit_log`+where)
	tamper("the first row goes", "broken at 1", `DELETE FROM audit_log WHERE tenant_id = $1 AND seq = 1`)
	tamper("two rows change places", "broken at 4",
		`UPDATE audit_log SET seq = 100`+where, `UPDATE audit_log SET seq = 4 WHERE tenant_id = $1 AND seq = 5`,
		`UPDATE audit_log SET seq = 5 WHERE tenant_id = $1 AND seq = 100`)
	tamper("the end is cut", "broken at 9", `DELETE FROM audit_log WHERE tenant_id = $1 AND seq = 9`)
	tamper("the end is cut with the head", "broken at 8", `DELETE FROM audit_log WHERE tenant_id = $1 AND seq > 7`, `
UPDATE audit_heads SET seq = 7, hash = (SELECT hash FROM audit_log WHERE tenant_id = $1 AND seq = 7) WHERE tenant_id = $1`)
	tamper("the head has another hash", "broken at 9",
		`UPDATE audit_heads SET hash = (SELECT hash FROM audit_log WHERE tenant_id = $1 AND seq = 8) WHERE tenant_id = $1`)
	tamper("the head is gone", "broken at 9", `UPDATE audit_heads SET seq = 8, hash = (SELECT hash FROM audit_log WHERE tenant_id = $1 AND seq = 8) WHERE tenant_id = $1`)
	tamper("the beginning is cut as if by retention", "broken at 8", `DELETE FROM audit_log WHERE tenant_id = $1 AND seq < 9`, `
UPDATE audit_heads SET base_seq = 8 WHERE tenant_id = $1`)
	play(t, scenarios)
}

// TestAuditRewritten: a chain that was made anew is whole, and only a noted
// head tells.
func TestAuditRewritten(t *testing.T) {
	play(t, []scenario{{name: "rewritten", run: func(t *testing.T, p *place) {
		noted := p.mark(t)
		rows, err := p.store.AuditAfter(t.Context(), p.tenant.ID, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		previous := []byte{}
		for _, row := range rows {
			row.ActorName = "somebody else"
			previous = row.HashAfter(p.tenant.ID, previous)
			p.db.Exec(t, `UPDATE audit_log SET actor_name = $1, hash = $2 WHERE tenant_id = $3 AND seq = $4`, row.ActorName, previous, p.tenant.ID, row.Seq)
		}
		p.db.Exec(t, `UPDATE audit_heads SET hash = $1 WHERE tenant_id = $2`, previous, p.tenant.ID)
		if got := p.verified(t, nil); got != "whole at 8" {
			t.Errorf("got %s without a noted head, want whole at 8", got)
		}
		if got := p.verified(t, noted); got != "broken at 8" {
			t.Errorf("got %s with the noted head, want broken at 8", got)
		}
	}}})
}

func TestAuditExport(t *testing.T) {
	play(t, []scenario{{name: "export", run: func(t *testing.T, p *place) {
		var export bytes.Buffer
		if err := p.svc.ExportAudit(t.Context(), p.tenant, &export); err != nil {
			t.Fatal(err)
		}
		noted := p.mark(t)
		verify := func(text string) string {
			report, err := provisioning.VerifyAuditFile(strings.NewReader(text), noted)
			return found(t, report, err)
		}
		if got := verify(export.String()); got != "whole at 8" {
			t.Errorf("got %s, want whole at 8", got)
		}
		lines := strings.SplitAfter(export.String(), "\n")
		for name, test := range map[string]struct{ text, want string }{
			"a letter":         {strings.Replace(export.String(), "group_added", "group_addee", 1), "broken at 2"},
			"a line goes":      {strings.Join(slices.Concat(lines[:3], lines[4:]), ""), "broken at 3"},
			"a line twice":     {strings.Join(slices.Concat(lines[:3], lines[2:]), ""), "broken at 2"},
			"the end":          {strings.Join(lines[:8], ""), "broken at 8"},
			"spelled anew":     {strings.Replace(export.String(), `"seq":3`, `"SEQ":3`, 1), "broken at 3"},
			"more members":     {strings.Replace(export.String(), `{"seq":3`, `{"x":1,"seq":3`, 1), "broken at 3"},
			"half a line":      {export.String()[:export.Len()-20], "broken at 8"},
			"something behind": {export.String() + "x", "broken at 9"},
		} {
			if got := verify(test.text); got != test.want {
				t.Errorf("%s: got %s, want %s", name, got, test.want)
			}
		}
		for _, none := range []string{"", "\n", "{}", "x", lines[1], strings.Repeat("x", 2<<20)} {
			if _, err := provisioning.VerifyAuditFile(strings.NewReader(none), nil); err == nil {
				t.Errorf("%.20q: got no error, want one", none)
			} else if _, isFault := errors.AsType[*provisioning.AuditFault](err); isFault {
				t.Errorf("%.20q: got error %v, want that it is no export", none, err)
			}
		}
	}}})
}

func FuzzVerifyAuditFile(f *testing.F) {
	row := store.AuditRow{Seq: 1, At: 1, Actor: "a", Action: "b", Detail: "{}"}
	row.Hash = row.HashAfter("t", nil)
	line, err := json.Marshal(row)
	if err != nil {
		f.Fatal(err)
	}
	hash := fmt.Sprintf("%x", []byte(row.Hash))
	good := `{"format":"usher audit 1","tenant":"t","base_seq":0,"base_hash":"","seq":1,"hash":"` + hash + "\"}\n" + string(line) + "\n"
	if _, err := provisioning.VerifyAuditFile(strings.NewReader(good), nil); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "{}\n{}", good + string(line), strings.Replace(good, `"a"`, `"é"`, 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		report, err := provisioning.VerifyAuditFile(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		// What is called whole is written in one way alone.
		if n := int64(strings.Count(strings.TrimRight(text, "\r\n"), "\n")); n != report.Rows {
			t.Errorf("got %d rows in %d lines after the header", report.Rows, n)
		}
		mark := provisioning.AuditMark{Seq: report.Head.Seq, Hash: append([]byte{1}, make([]byte, 31)...)}
		if _, err := provisioning.VerifyAuditFile(strings.NewReader(text), &mark); err == nil && report.Rows > 0 {
			t.Errorf("got a chain whole that misses the noted head")
		}
	})
}

// TestActorNames wants the name that an actor had last, and none from another
// tenant.
func TestActorNames(t *testing.T) {
	play(t, []scenario{{name: "names", run: func(t *testing.T, p *place) {
		changes := []provisioning.Change{{}, {}, {}, {}}
		for n, actor := range []string{"admin 1", "admin 1", "admin 2"} {
			changes[n].Actor = actor
		}
		for n, name := range []string{"Olga", "Olga Petrova"} {
			by := provisioning.By{Actor: "admin 1", Name: name}
			if _, err := p.svc.AddGroup(t.Context(), p.tenant, fmt.Sprintf("named-%d", n), "Named", by); err != nil {
				t.Fatal(err)
			}
		}
		other, err := p.svc.AddTenant(t.Context(), "Other", []string{newID(t) + ".example"}, provisioning.Way{}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name   string
			tenant store.Tenant
			want   map[string]string
		}{
			{"here", p.tenant, map[string]string{"admin 1": "Olga Petrova"}},
			{"elsewhere", other, map[string]string{}},
		} {
			got, err := p.svc.ActorNames(t.Context(), test.tenant, changes)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, test.name, got, test.want)
		}
	}}})
}

func TestParseAuditMark(t *testing.T) {
	t.Parallel()
	good := "12:" + strings.Repeat("0f", 32)
	if mark, err := provisioning.ParseAuditMark(good); err != nil || mark.String() != good {
		t.Errorf("got %v, error %v, want %s", mark, err, good)
	}
	for _, wrong := range []string{"", "12", "12:", "0:" + good[3:], "-1:" + good[3:], "+12:" + good[3:], "012:" + good[3:], good + "00", "x" + good} {
		if mark, err := provisioning.ParseAuditMark(wrong); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, mark)
		}
	}
}

// TestRetention drops what is too old, of one tenant, by two instances at once,
// and the audit log stays verifiable.
func TestRetention(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{})
		other := w.place(t, provisioning.Settings{})
		p.enter(t, p.anna(nil))
		other.enter(t, other.anna(nil))
		if _, err := p.svc.ChangeTenant(t.Context(), p.tenant.ID, provisioning.TenantWish{
			JournalDays: pointer(30), AuditDays: pointer(90),
		}, provisioning.Way{}, byAPI); err != nil {
			t.Fatal(err)
		}
		noted := p.mark(t)
		before := []int{other.count(t, "journal"), other.count(t, "audit_log")}
		second := w.another(t)
		retain := func() {
			t.Helper()
			var all sync.WaitGroup
			for _, svc := range []*provisioning.Service{p.svc, second} {
				all.Go(func() { svc.Retain(t.Context()) })
			}
			all.Wait()
		}
		retain()
		if p.count(t, "journal") == 0 || p.count(t, "audit_log") != 9 {
			t.Errorf("got %d journal and %d audit rows at once, want all", p.count(t, "journal"), p.count(t, "audit_log"))
		}
		w.clock.advance(60 * 24 * time.Hour)
		p.addGroup(t, "later")
		retain()
		if p.count(t, "journal") != 0 || p.count(t, "audit_log") != 10 {
			t.Errorf("got %d journal and %d audit rows after 60 days, want 0 and 10", p.count(t, "journal"), p.count(t, "audit_log"))
		}
		w.clock.advance(31 * 24 * time.Hour)
		shortened := func(id string, days int) []provisioning.Shortening {
			t.Helper()
			got, err := p.svc.ShortenedLogs(t.Context(), id, provisioning.TenantWish{
				SignInLogDays: pointer(200), JournalDays: pointer(days), AuditDays: pointer(90),
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		wantSame(t, "shorter at the tenant", shortened(p.tenant.ID, 29), []provisioning.Shortening{{Field: "journal_days", Days: 29}})
		wantSame(t, "longer at the tenant", shortened(p.tenant.ID, 31), []provisioning.Shortening(nil))
		wantSame(t, "shorter at the other", shortened(other.tenant.ID, 29), []provisioning.Shortening{
			{Field: "journal_days", Days: 29, Entries: before[0]}, {Field: "audit_days", Days: 90, Entries: before[1]},
		})
		retain()
		if got := p.db.Rows(t, `SELECT seq FROM audit_log WHERE tenant_id = $1`, p.tenant.ID); !slices.Equal(got, []string{"10"}) {
			t.Errorf("got audit rows %v after 91 days, want 10 alone", got)
		}
		if got := p.verified(t, nil); got != "whole at 10" {
			t.Errorf("got %s after retention, want whole at 10", got)
		}
		if got := p.verified(t, noted); got != "whole at 10" {
			t.Errorf("got %s with a head at the last row dropped, want whole at 10", got)
		}
		var export bytes.Buffer
		if err := p.svc.ExportAudit(t.Context(), p.tenant, &export); err != nil {
			t.Fatal(err)
		}
		if report, err := provisioning.VerifyAuditFile(&export, p.mark(t)); err != nil || report.Rows != 1 || report.Base.Seq != 9 {
			t.Errorf("got %+v, error %v, want one row behind 9", report, err)
		}
		p.addGroup(t, "latest")
		if got := p.verified(t, nil); got != "whole at 11" {
			t.Errorf("got %s after another act, want whole at 11", got)
		}
		if after := []int{other.count(t, "journal"), other.count(t, "audit_log")}; !slices.Equal(before, after) {
			t.Errorf("got %v rows of the other tenant, want %v", after, before)
		}
	})
}

// TestAuditVerifiedBesideActs: acts and retention in flight are no fault.
func TestAuditVerifiedBesideActs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{})
		var all sync.WaitGroup
		for n := range 3 {
			all.Go(func() {
				for turn := range 8 {
					p.addGroup(t, fmt.Sprint(n, turn))
				}
			})
		}
		all.Go(func() {
			for range 8 {
				if got := p.verified(t, nil); !strings.HasPrefix(got, "whole") {
					t.Errorf("got %s beside acts", got)
				}
			}
		})
		all.Go(func() {
			for range 8 {
				if _, err := p.store.ForgetAudit(t.Context(), p.tenant.ID, w.clock.now().Add(time.Hour), 2); err != nil {
					t.Errorf("ForgetAudit: %v", err)
				}
			}
		})
		all.Wait()
		if got := p.verified(t, nil); got != "whole at 32" {
			t.Errorf("got %s at the end, want whole at 32", got)
		}
	})
}

func TestChangeTenant(t *testing.T) {
	play(t, []scenario{{name: "hosts", run: func(t *testing.T, p *place) {
		ctx, own := t.Context(), p.tenant.Hosts[0]
		change := func(way provisioning.Way, hosts ...string) error {
			_, err := p.svc.ChangeTenant(ctx, p.tenant.ID, provisioning.TenantWish{Hosts: &hosts}, way, byAPI)
			return err
		}
		here := provisioning.Way{Host: own, OurHosts: []string{"public.example"}}
		var invalid *provisioning.Invalid
		for name, err := range map[string]error{
			"locked out":   change(here, "other-"+own),
			"bad host":     change(here, own, "a b"),
			"too many":     change(here, strings.Split(strings.Repeat("a"+own+",", 21), ",")...),
			"other's host": change(provisioning.Way{}, w2host(t, p)),
		} {
			if !errors.As(err, &invalid) || invalid.Field != "hosts" {
				t.Errorf("%s: got error %v, want an *Invalid about hosts", name, err)
			}
		}
		if err := change(here, own, "EXTRA-"+own, "extra-"+own); err != nil {
			t.Fatal(err)
		}
		now, err := p.svc.Tenant(ctx, p.tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "hosts", now.Hosts, []string{own, "extra-" + own})
		if got, err := p.svc.TenantByHost(ctx, "extra-"+own, nil); err != nil || got.ID != p.tenant.ID {
			t.Errorf("got %v, error %v at the new host", got.ID, err)
		}
		for _, wish := range []provisioning.TenantWish{
			{Name: pointer("")},
			{SignInLogDays: pointer(-1)},
			{JournalDays: pointer(3651)},
			{AuditDays: pointer(89)},
		} {
			if _, err := p.svc.ChangeTenant(ctx, p.tenant.ID, wish, here, byAPI); !errors.As(err, &invalid) {
				t.Errorf("got error %v, want an *Invalid", err)
			}
		}
		stale := byAPI
		stale.IfMatch = []int64{1}
		_, err = p.svc.ChangeTenant(ctx, p.tenant.ID, provisioning.TenantWish{Name: pointer("x")}, here, stale)
		wantErrorIs(t, err, provisioning.ErrChanged)
		_, err = p.svc.ChangeTenant(ctx, newID(t), provisioning.TenantWish{Name: pointer("x")}, here, byAPI)
		wantErrorIs(t, err, provisioning.ErrNotFound)
	}}})
}

// w2host is a host of another tenant.
func w2host(t *testing.T, p *place) string {
	t.Helper()
	return p.world.place(t, provisioning.Settings{}).tenant.Hosts[0]
}

// TestHostlessTenants: no two changes leave two tenants without hosts, of which
// one could not be reached.
func TestHostlessTenants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		places := []*place{w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})}
		var all sync.WaitGroup
		for _, p := range places {
			all.Go(func() {
				_, err := w.svc.ChangeTenant(t.Context(), p.tenant.ID, provisioning.TenantWish{Hosts: &[]string{}}, provisioning.Way{}, byAPI)
				var invalid *provisioning.Invalid
				if err != nil && !errors.As(err, &invalid) {
					t.Errorf("got error %v", err)
				}
			})
		}
		all.Wait()
		if got := w.db.Rows(t, `SELECT count(*) FROM tenants WHERE id NOT IN (SELECT tenant_id FROM tenant_hosts)`); got[0] != "1" {
			t.Errorf("got %s tenants without hosts, want 1", got[0])
		}
	})
}
