package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"usher/handlers/admin"
	"usher/provisioning"
	"usher/sessions/tokens"
	"usher/sql/store"
)

// mostTenants is how many tenants a check looks at, and mostTold how many lines it
// prints.
const (
	mostTenants = 200
	mostTold    = 20
)

// eachTenant looks at the tenants, oldest first. looked is how many it came to.
func (p *patient) eachTenant(do func(t store.Tenant) error) (looked int, err error) {
	for _, t := range p.tenants[:min(len(p.tenants), mostTenants)] {
		if err := do(t); err != nil {
			return looked, err
		}
		looked++
	}
	return looked, nil
}

// finish ends a check of all tenants: it says what kept it from looking further,
// or that all is well when it has found nothing.
func (p *patient) finish(r result, looked int, err error, well string) result {
	switch {
	case errors.Is(err, context.DeadlineExceeded) && looked > 0, err == nil && looked < len(p.tenants):
		r.add(doubtful, fmt.Sprintf("%d of %d tenants were looked at, for want of time", looked, len(p.tenants)), "")
	case err != nil:
		r.add(failing, "it cannot be read: "+cause(err), "Look at the lines about the database.")
	case len(r.findings) == 0:
		r.add(sound, well, "")
	}
	if more := len(r.findings) - mostTold; more > 0 {
		r.findings = r.findings[:mostTold]
		r.add(doubtful, fmt.Sprintf("there are %d lines more", more), "Mend these first.")
	}
	return r
}

// of names a tenant where there is more than one.
func (p *patient) of(t store.Tenant) string {
	if len(p.tenants) < 2 {
		return ""
	}
	return "tenant " + strconv.QuoteToGraphic(t.Name) + ": "
}

// lookAtMasterKey opens every secret that links are verified with, and every
// private key that tokens are signed with.
func lookAtMasterKey(ctx context.Context, p *patient) result {
	var opened, broken int
	var weak []string
	looked, err := p.eachTenant(func(t store.Tenant) error {
		secrets, err := p.provisioning.TrySecrets(ctx, t)
		if err != nil {
			return err
		}
		keys, err := p.tokens.TryKeys(ctx, t.ID)
		if err != nil {
			return err
		}
		opened += secrets.Opened
		broken += len(secrets.Broken) + len(keys.Broken)
		opened += keys.Opened
		weak = append(weak, secrets.Weak...)
		return nil
	})
	var r result
	uses, usesErr := p.provisioning.MasterKeys(ctx, false)
	err = errors.Join(err, usesErr)
	sealed, elsewhere, ids := sealedValues(uses)
	switch {
	case errors.Is(p.keyFault, fs.ErrPermission):
		r.add(failing, p.keyFault.Error(), "Let the user that runs Usher own the file; run the doctor as that user.")
	case p.keyFault != nil && sealed > 0:
		r.add(failing, fmt.Sprintf("%s, and %s sealed under one", p.keyFault, counted(sealed, "secret is", "secrets are")),
			"Put the master key back that the data was made with: Usher does not start without it.")
	case p.keyFault != nil:
		r.add(doubtful, p.keyFault.Error(), "The next start makes one; nothing is sealed yet.")
	case elsewhere > 0:
		r.add(failing, fmt.Sprintf("%d of %s sealed under another master key: %s", elsewhere, counted(sealed, "secret is", "secrets are"), strings.Join(ids, ", ")),
			"Start with the master key that the data was made with, or name it in USHER_MASTER_KEY_PREVIOUS. docs/operations.md says what to do when it is lost.")
	default:
		r.findings = append(r.findings, previousMasterKeys(uses)...)
	}
	if broken > 0 && p.keyFault == nil {
		r.add(failing, fmt.Sprintf("%d of %s damaged", broken, counted(sealed, "sealed secret is", "sealed secrets are")),
			"Restore a backup, or add new keys to the integrations.")
	}
	if len(weak) > 0 {
		r.add(failing, "too weak to be a secret, so links signed with it are refused: key "+strings.Join(weak, ", "),
			"“usher integration rotate ID”, and give the partner the new key.")
	}
	return p.finish(r, looked, err, fmt.Sprintf("opens what is sealed under it: %s", counted(opened, "secret", "secrets")))
}

// sealedValues are how many values last, how many of them no configured master key
// opens, and the ids of those that would.
func sealedValues(uses []provisioning.MasterKeyUse) (all, elsewhere int, ids []string) {
	for _, k := range uses {
		all += int(k.Lasting)
		if k.ID != "" && !k.Configured {
			elsewhere += int(k.Lasting)
			ids = append(ids, k.ID)
		}
	}
	return all, elsewhere, ids
}

// previousMasterKeys says how far the replacement of the master key has come.
func previousMasterKeys(uses []provisioning.MasterKeyUse) []finding {
	var r result
	for _, k := range uses {
		if k.Configured && !k.Present && k.Lasting > 0 {
			r.add(doubtful, fmt.Sprintf("%s still sealed under the master key %s of USHER_MASTER_KEY_PREVIOUS",
				counted(int(k.Lasting), "value is", "values are"), k.ID),
				"“usher master-key rotate”, once every instance has the new one as USHER_MASTER_KEY.")
		}
	}
	return r.findings
}

// lookAtSigningKeys sees that each algorithm of a tenant has a key that signs,
// and that keys are replaced in time.
func lookAtSigningKeys(ctx context.Context, p *patient) result {
	var r result
	var all []string
	now := p.now()
	looked, err := p.eachTenant(func(t store.Tenant) error {
		found, err := p.tokens.TryKeys(ctx, t.ID)
		if err != nil {
			return err
		}
		states := map[string]map[tokens.KeyState]tokens.SigningKey{}
		for _, k := range found.Keys {
			if states[k.Algorithm] == nil {
				states[k.Algorithm] = map[tokens.KeyState]tokens.SigningKey{}
			}
			if _, newer := states[k.Algorithm][k.State]; !newer {
				states[k.Algorithm][k.State] = k
			}
		}
		for _, algorithm := range tokens.Algorithms() {
			keys, used := states[algorithm]
			if !used {
				continue
			}
			active, signs := keys[tokens.KeyActive]
			_, waits := keys[tokens.KeyNext]
			age := now.Sub(active.ActiveAt)
			switch {
			case !signs && !waits:
				r.add(doubtful, p.of(t)+algorithm+" has no key that signs", "It is made at its first use; or run “usher signing-key rotate”.")
			case !signs:
				all = append(all, p.of(t)+algorithm+" begins to sign within an hour")
			case age > tokens.KeyLife+24*time.Hour && !waits:
				r.add(doubtful, fmt.Sprintf("%s%s signs with a key of %s, which should have been replaced", p.of(t), algorithm, days(age)),
					"A server replaces it within a minute: look whether “usher serve” runs, and at its log.")
			case waits:
				all = append(all, fmt.Sprintf("%s%s signs since %s, with the next key ready", p.of(t), algorithm, days(age)))
			default:
				all = append(all, fmt.Sprintf("%s%s signs since %s", p.of(t), algorithm, days(age)))
			}
		}
		return nil
	})
	well := "none yet: they are made at their first use"
	if len(all) > 0 {
		well = strings.Join(all[:min(len(all), mostTold)], "; ")
	}
	return p.finish(r, looked, err, well)
}

func lookAtAdmins(ctx context.Context, p *patient) result {
	var r result
	looked, err := p.eachTenant(func(t store.Tenant) error {
		none, err := p.admins.Ownerless(ctx, t)
		if err != nil {
			return err
		}
		links, err := p.admins.OpenSetupLinks(ctx, t)
		if err != nil {
			return err
		}
		const fix = "Open the setup link that “usher serve” prints at its start, or “usher admin create --role owner --email …”."
		switch {
		case none && links > 0:
			r.add(doubtful, fmt.Sprintf("%snobody owns it, and %s: whoever has one becomes the owner", p.of(t), counted(links, "setup link is good still", "setup links are good still")), fix)
		case none:
			r.add(doubtful, p.of(t)+"nobody owns it", fix)
		}
		return nil
	})
	return p.finish(r, looked, err, counted(looked, "tenant has an owner", "tenants have owners"))
}

// lookAtIntegrations says what the admin's overview would, for all tenants.
func lookAtIntegrations(ctx context.Context, p *patient) result {
	var r result
	n := 0
	looked, err := p.eachTenant(func(t store.Tenant) error {
		reports, err := p.provisioning.Health(ctx, t)
		if err != nil {
			return err
		}
		for _, h := range reports {
			n++
			for _, alert := range h.Alerts {
				text, _ := admin.AlertText(h, alert)
				r.add(doubtful, p.of(t)+strconv.QuoteToGraphic(h.Name)+": "+text, "The admin's overview leads to what mends it.")
			}
		}
		return nil
	})
	well := counted(n, "integration", "integrations") + ", and nothing that needs attention"
	if n == 0 {
		well = "none is installed"
	}
	return p.finish(r, looked, err, well)
}

// jobIdle is for how long a job may wait for an instance to work on it.
const jobIdle = 10 * time.Minute

func lookAtJobs(ctx context.Context, p *patient) result {
	var r result
	looked, err := p.eachTenant(func(t store.Tenant) error {
		n, oldest, err := p.provisioning.WaitingJobs(ctx, t, jobIdle)
		if n > 0 {
			r.add(doubtful, fmt.Sprintf("%s%s for an instance to work on it, since %s", p.of(t), counted(n, "job waits", "jobs wait"), oldest.Format(time.RFC3339)),
				"Look whether “usher serve” runs, and at its log.")
		}
		return err
	})
	return p.finish(r, looked, err, "none waits")
}

// logSlack is for how long an entry may outlast its time: it goes within minutes.
const logSlack = 6 * time.Hour

func lookAtSignInLog(ctx context.Context, p *patient) result {
	var r result
	looked, err := p.eachTenant(func(t store.Tenant) error {
		state, err := p.provisioning.SignInLogState(ctx, t)
		if state.Lost > 0 {
			r.add(doubtful, fmt.Sprintf("%sof the last day %s counted and not kept: the database was too slow or down", p.of(t), counted(int(state.Lost), "attempt was", "attempts were")),
				"Look at the database's load in that time.")
		}
		if state.Overdue > logSlack {
			r.add(doubtful, fmt.Sprintf("%sits oldest entry should have gone %s ago", p.of(t), days(state.Overdue)),
				"A server deletes what is too old: look whether “usher serve” runs, and at its log.")
		}
		return err
	})
	return p.finish(r, looked, err, "written and emptied in time")
}
