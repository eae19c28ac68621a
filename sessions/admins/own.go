package admins

import (
	"context"
	"errors"

	"usher/sql/store"
)

// Own returns the account behind an actor.
func (s *Service) Own(ctx context.Context, actor Actor) (Account, error) {
	if actor.Kind != KindAdmin {
		return Account{}, ErrNotFound
	}
	return s.store.Admin(ctx, actor.Home, actor.ID)
}

// Rename gives the actor's own account another name.
func (s *Service) Rename(ctx context.Context, actor Actor, name string, by By) error {
	name, err := checkName(name)
	if err != nil {
		return err
	}
	return s.store.ChangeAdmin(ctx, actor.Home, actor.ID, digestOf(""), func(a *Account) (store.Act, error) {
		a.Name = name
		return store.Act{By: by, Action: "admin_changed", Object: "admin " + a.ID, Detail: map[string]any{"name": "changed"}}, nil
	})
}

// ChangePassword sets another password when the old one is right, and ends
// every session but the one of this cookie. tenant is where the actor is signed
// in. It returns *Invalid, *TooMany or ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, tenant Tenant, actor Actor, old, fresh, cookie string, by By) error {
	a, err := s.Own(ctx, actor)
	if err != nil {
		return err
	}
	if err := s.countAttempt(ctx, tenant, "change", a.ID, attemptsPerAddress); err != nil {
		return err
	}
	if a.Password != "" { // who came by passkey or OIDC may have none
		good, _, err := s.verify(ctx, a.Password, old)
		if err != nil {
			return err
		}
		if !good {
			return &Invalid{"old_password", "this is not your password"}
		}
	}
	hash, err := s.choose(ctx, fresh, a, tenant)
	if err != nil {
		return err
	}
	verified := a.Password
	err = s.store.ChangeAdmin(ctx, a.TenantID, a.ID, digestOf(cookie), func(a *Account) (store.Act, error) {
		if a.Password != verified {
			return store.Act{}, &Invalid{"old_password", "the password has been changed meanwhile"}
		}
		a.Password = hash
		return store.Act{By: by, Action: "admin_password_changed", Object: "admin " + a.ID}, nil
	})
	if err == nil {
		_ = s.store.ForgetAttempts(ctx, tenant.ID, bucket("change", a.ID))
	}
	return err
}

// OwnSessions returns the actor's sessions, the last used first.
func (s *Service) OwnSessions(ctx context.Context, actor Actor) ([]Session, error) {
	const most = 100
	return s.store.AdminSessions(ctx, actor.Home, actor.ID, s.moment().Add(-SessionIdle), most)
}

// EndOthers ends the actor's sessions but the one of this cookie.
func (s *Service) EndOthers(ctx context.Context, actor Actor, cookie string, by By) error {
	if !wellFormed(cookie) {
		return errors.New("admins: ending sessions without the own cookie")
	}
	_, err := s.store.EndAdminSessions(ctx, actor.Home, actor.ID, digestOf(cookie),
		store.Act{By: by, Action: "admin_sessions_ended", Object: "admin " + actor.ID})
	return err
}
