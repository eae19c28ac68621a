package admins

import (
	"context"
	"errors"
	"strings"
	"time"

	"usher/sql/store"
)

// How long a one-time link is good.
const (
	SetupLife = time.Hour
	LinkLife  = 24 * time.Hour
)

// Link is what lets somebody choose a password, once. The token is shown once
// and not kept.
type Link struct {
	Token   string
	Expires time.Time
}

// NewAccount is what an invitation says.
type NewAccount struct {
	Email    string
	Name     string // "" = the address, until the person chooses one
	Role     Role
	Operator bool // an owner at every tenant; given by operators only
}

// Accounts returns a page of a tenant's accounts, oldest first, and the id
// after which the next page begins ("" on the last one).
func (s *Service) Accounts(ctx context.Context, tenant Tenant, after string) (accounts []Account, next string, err error) {
	const page = 50
	if after != "" && anID(after) != nil {
		return nil, "", &Invalid{"after", "the id of an administrator"}
	}
	accounts, err = s.store.Admins(ctx, tenant.ID, after, page+1)
	if len(accounts) > page {
		accounts = accounts[:page]
		next = accounts[page-1].ID
	}
	return accounts, next, err
}

// Account returns an account of the tenant.
func (s *Service) Account(ctx context.Context, tenant Tenant, id string) (Account, error) {
	if err := anID(id); err != nil {
		return Account{}, err
	}
	return s.store.Admin(ctx, tenant.ID, id)
}

// AccountByEmail returns the account of the tenant with this address.
func (s *Service) AccountByEmail(ctx context.Context, tenant Tenant, email string) (Account, error) {
	_, key, err := s.checkEmail(email)
	if err != nil {
		return Account{}, err
	}
	return s.store.AdminByEmail(ctx, tenant.ID, key)
}

// Invite makes an account, and the link with which the person chooses a
// password. It returns *Invalid, or ErrNotAllowed for rights that the actor
// does not have himself.
func (s *Service) Invite(ctx context.Context, tenant Tenant, wish NewAccount, actor Actor, by By) (Account, Link, error) {
	a, err := s.newAccount(tenant, wish, actor)
	if err != nil {
		return Account{}, Link{}, err
	}
	link, ticket := s.newLink(a, store.TicketInvite)
	err = s.store.AddAdmin(ctx, a, &ticket, added(a, "admin_invited", by))
	return a, link, taken(err)
}

// Create makes an account that has its password from the start.
func (s *Service) Create(ctx context.Context, tenant Tenant, wish NewAccount, password string, actor Actor, by By) (Account, error) {
	a, err := s.newAccount(tenant, wish, actor)
	if err != nil {
		return Account{}, err
	}
	if a.Password, err = s.choose(ctx, password, a, tenant); err != nil {
		return Account{}, err
	}
	a.JoinedAt = &a.CreatedAt
	return a, taken(s.store.AddAdmin(ctx, a, nil, added(a, "admin_created", by)))
}

func taken(err error) error {
	if errors.Is(err, store.ErrTaken) {
		return &Invalid{"email", "an administrator of this tenant has this address already"}
	}
	return err
}

func added(a Account, action string, by By) store.Act {
	return store.Act{
		By: by, Action: action, Object: "admin " + a.ID,
		Detail: map[string]any{"role": a.Role, "operator": a.Operator},
	}
}

// newAccount checks a wish.
func (s *Service) newAccount(tenant Tenant, wish NewAccount, actor Actor) (Account, error) {
	email, key, err := s.checkEmail(wish.Email)
	if err != nil {
		return Account{}, err
	}
	if wish.Name == "" {
		wish.Name, _, _ = strings.Cut(email, "@")
	}
	name, err := checkName(wish.Name)
	if err != nil {
		return Account{}, err
	}
	if err := checkRole(wish.Role); err != nil {
		return Account{}, err
	}
	if wish.Operator && wish.Role != Owner {
		return Account{}, &Invalid{"role", "an operator is an owner"}
	}
	if !actor.covers(wish.Role, wish.Operator) {
		return Account{}, ErrNotAllowed
	}
	id, err := store.NewID()
	if err != nil {
		return Account{}, err
	}
	return Account{
		TenantID: tenant.ID, ID: id, Email: email, EmailKey: key, Name: name, Role: string(wish.Role),
		Operator: wish.Operator, CreatedAt: s.moment(),
	}, nil
}

// moment is now, as exactly as both databases keep it.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// newLink makes a one-time link for an account.
func (s *Service) newLink(a Account, kind string) (Link, store.Ticket) {
	token, digest := newSecret()
	now := s.moment()
	link := Link{Token: token, Expires: now.Add(LinkLife)}
	return link, store.Ticket{
		TenantID: a.TenantID, Digest: digest, Kind: kind, AdminID: &a.ID, CreatedAt: now, ExpiresAt: link.Expires,
	}
}

// MakeLink makes a new one-time link for an account: an invitation for who has
// never been in, else one that sets another password. Older ones are dead.
func (s *Service) MakeLink(ctx context.Context, tenant Tenant, id string, actor Actor, by By) (Link, error) {
	a, err := s.Account(ctx, tenant, id)
	if err != nil {
		return Link{}, err
	}
	if !actor.covers(Role(a.Role), a.Operator) {
		return Link{}, ErrNotAllowed
	}
	if a.Disabled {
		return Link{}, &Invalid{"disabled", "enable the account first"}
	}
	kind, action := store.TicketReset, "admin_reset_link_made"
	if a.JoinedAt == nil {
		kind, action = store.TicketInvite, "admin_invited_again"
	}
	link, ticket := s.newLink(a, kind)
	return link, s.store.AddLink(ctx, ticket, store.Act{By: by, Action: action, Object: "admin " + a.ID})
}

// Changes of an account; nil leaves a field as it is.
type Changes struct {
	Name     *string
	Role     *Role
	Operator *bool
	Disabled *bool
}

// Change changes an account. Besides *Invalid it returns ErrNotAllowed, and
// ErrLastOwner when nobody would be left to run the tenant.
func (s *Service) Change(ctx context.Context, tenant Tenant, id string, changes Changes, actor Actor, by By) (Account, error) {
	if err := anID(id); err != nil {
		return Account{}, err
	}
	var changed Account
	err := s.store.ChangeAdmin(ctx, tenant.ID, id, nil, func(a *Account) (store.Act, error) {
		detail, err := changes.apply(a, actor)
		changed = *a
		return store.Act{By: by, Action: "admin_changed", Object: "admin " + id, Detail: detail}, err
	})
	return changed, err
}

// apply changes a, and says what it did.
func (w Changes) apply(a *Account, actor Actor) (map[string]any, error) {
	// Both what is and what will be has to be the actor's to give.
	if !actor.covers(Role(a.Role), a.Operator) {
		return nil, ErrNotAllowed
	}
	detail := map[string]any{}
	if w.Name != nil {
		name, err := checkName(*w.Name)
		if err != nil {
			return nil, err
		}
		if name != a.Name {
			a.Name, detail["name"] = name, "changed"
		}
	}
	if w.Role != nil && string(*w.Role) != a.Role {
		if err := checkRole(*w.Role); err != nil {
			return nil, err
		}
		detail["role"] = map[string]any{"from": a.Role, "to": string(*w.Role)}
		a.Role = string(*w.Role)
	}
	if w.Operator != nil && *w.Operator != a.Operator {
		a.Operator, detail["operator"] = *w.Operator, *w.Operator
	}
	if a.Operator && a.Role != string(Owner) {
		return nil, &Invalid{"role", "an operator is an owner"}
	}
	if !actor.covers(Role(a.Role), a.Operator) {
		return nil, ErrNotAllowed
	}
	if w.Disabled != nil && *w.Disabled != a.Disabled {
		a.Disabled, detail["disabled"] = *w.Disabled, *w.Disabled
	}
	return detail, nil
}

// Remove takes an account away: its sessions end, its passkeys and links are
// dead. What it did stays in the audit log.
func (s *Service) Remove(ctx context.Context, tenant Tenant, id string, actor Actor, by By) error {
	if err := anID(id); err != nil {
		return err
	}
	return s.store.RemoveAdmin(ctx, tenant.ID, id, func(a Account) (store.Act, error) {
		if !actor.covers(Role(a.Role), a.Operator) {
			return store.Act{}, ErrNotAllowed
		}
		return store.Act{By: by, Action: "admin_removed", Object: "admin " + id, Detail: map[string]any{"role": a.Role}}, nil
	})
}
