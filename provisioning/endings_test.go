package provisioning_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/provisioning"
)

// TestFinishEndings: whatever ends sessions and does not reach the session
// store is carried through later, by any instance, once.
func TestFinishEndings(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		anna := p.enter(t, p.anna(nil))
		second := p.anna(nil)
		second["sub"], second["email"] = "second", "second@example.com"
		gone := p.enter(t, second)
		there := p.another(t)
		user := func(id string, epoch int64) string { return fmt.Sprintf("older %s %d", id, epoch) }
		integration := func(generation int64) string { return fmt.Sprintf("integration %s %d", p.ID, generation) }
		for _, test := range []struct {
			name string
			act  func() error
			want string
		}{
			{"signed out", func() error { return p.svc.SignOut(ctx, p.tenant, anna.UserID, byAPI) }, user(anna.UserID, anna.Epoch+1)},
			{"merged", func() error {
				m, err := p.svc.PlanMerge(ctx, p.tenant, anna.UserID, gone.UserID)
				if err != nil {
					t.Fatal(err)
				}
				_, err = p.svc.Merge(ctx, p.tenant, anna.UserID, gone.UserID, m.Seen, byAPI)
				return err
			}, user(gone.UserID, gone.Epoch+1)},
			{"disabled", func() error { return p.svc.SetDisabled(ctx, p.tenant, anna.UserID, true, byAPI) }, user(anna.UserID, anna.Epoch+2)},
			{"erased", func() error { return p.svc.Erase(ctx, p.tenant, anna.UserID, byAPI) }, user(anna.UserID, anna.Epoch+3)},
			{"integration signed out", func() error {
				return p.svc.SignEveryoneOut(ctx, p.tenant, p.ID, byAPI)
			}, integration(anna.Generation + 1)},
			{"integration removed", func() error { return p.svc.Remove(ctx, p.tenant, p.ID, byAPI) }, integration(anna.Generation + 2)},
		} {
			fault := errors.New("no session store")
			p.ender.fail(fault)
			wantError(t, test.name, test.act(), fault)
			p.clock.advance(time.Minute)
			there.FinishEndings(ctx) // fails too, and keeps what it could not do
			p.ender.fail(nil)
			before := len(p.ender.all())
			there.FinishEndings(ctx)
			there.FinishEndings(ctx)
			wantSame(t, test.name, p.ender.all()[before:], []string{test.want})
		}

		// Those who have just acted tell the session store themselves.
		p.disable(t, anna.UserID)
		before := len(p.ender.all())
		there.FinishEndings(ctx)
		wantSame(t, "just now", p.ender.all()[before:], []string{})
	})
}

// TestSCIMDeletedAgain: a directory that sends a deletion again ends the sessions
// that the first could not, and hears then that the person is gone.
func TestSCIMDeletedAgain(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		d := p.directory(t)
		anna := p.provision(t, d, saying("anna"))
		remove := func() error { return p.svc.DeleteSCIMUser(t.Context(), p.tenant, d, anna.ID, byDirectory) }
		fault := errors.New("no session store")
		p.ender.fail(fault)
		wantError(t, "the first time", remove(), fault)
		wantError(t, "the second time", remove(), fault)
		p.ender.fail(nil)
		before := len(p.ender.all())
		wantError(t, "the third time", remove(), provisioning.ErrNotFound)
		wantSame(t, "told", p.ender.all()[before:], []string{"user " + anna.ID + " 1"})
	})
}

// TestEnablingEndsWhatIsOwed: sessions that a disabling could not end do not come
// back to life with the user, whoever enables.
func TestEnablingEndsWhatIsOwed(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		d := p.directory(t)
		fault := errors.New("no session store")
		for name, setDisabled := range map[string]func(user string, disabled bool) error{
			"an administrator": func(user string, disabled bool) error {
				return p.svc.SetDisabled(ctx, p.tenant, user, disabled, byAPI)
			},
			"a directory": func(user string, disabled bool) error {
				_, err := p.svc.ChangeSCIMUser(ctx, p.tenant, d, user, active(!disabled), byAPI)
				return err
			},
		} {
			anna := p.provision(t, d, saying("anna"))
			opens := func() (provisioning.SignIn, error) {
				return p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com"})
			}
			signedIn, err := opens()
			if err != nil {
				t.Fatal(err)
			}
			p.ender.fail(fault)
			wantError(t, name+" disables", setDisabled(anna.ID, true), fault)
			wantError(t, name+" enables", setDisabled(anna.ID, false), fault)
			_, err = opens()
			wantRefused(t, err, provisioning.UserDisabled)
			p.ender.fail(nil)
			before := len(p.ender.all())
			if err := setDisabled(anna.ID, false); err != nil {
				t.Fatalf("%s enables: %v", name, err)
			}
			wantSame(t, name, p.ender.all()[before:], []string{fmt.Sprintf("older %s %d", anna.ID, signedIn.Epoch+1)})
			if _, err := opens(); err != nil {
				t.Errorf("%s has enabled: got %v, want a sign-in", name, err)
			}
			if err := p.svc.Erase(ctx, p.tenant, anna.ID, byAPI); err != nil {
				t.Fatal(err)
			}
			if err := p.svc.SetDisabled(ctx, p.tenant, anna.ID, false, byAPI); err != nil { // lets her come again
				t.Fatal(err)
			}
		}
	})
}
