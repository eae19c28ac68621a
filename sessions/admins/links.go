package admins

import (
	"context"
	"errors"

	"usher/sql/store"
)

// SetupLink makes a link that opens a tenant's admin to its first owner. There
// is none, and no error, once the tenant has an owner.
func (s *Service) SetupLink(ctx context.Context, tenant Tenant) (Link, error) {
	exists, err := s.store.HasOwner(ctx, tenant.ID)
	if err != nil || exists {
		return Link{}, err
	}
	token, digest := newSecret()
	now := s.moment()
	link := Link{Token: token, Expires: now.Add(SetupLife)}
	return link, s.store.AddTicket(ctx, store.Ticket{
		TenantID: tenant.ID, Digest: digest, Kind: store.TicketSetup, CreatedAt: now, ExpiresAt: link.Expires,
	})
}

// Ownerless reports whether nobody owns the tenant yet.
func (s *Service) Ownerless(ctx context.Context, tenant Tenant) (bool, error) {
	exists, err := s.store.HasOwner(ctx, tenant.ID)
	return !exists, err
}

// OpenSetupLinks counts the setup links of a tenant that are good still.
func (s *Service) OpenSetupLinks(ctx context.Context, tenant Tenant) (int, error) {
	return s.store.OpenTickets(ctx, tenant.ID, store.TicketSetup)
}

// LinkKind is what a one-time link is for.
type LinkKind string

// The kinds of links.
const (
	LinkSetup  LinkKind = store.TicketSetup
	LinkInvite LinkKind = store.TicketInvite
	LinkReset  LinkKind = store.TicketReset
)

// ReadLink says what a link is for, and whose it is (nobody's, for the setup).
// It is ErrNotFound when it is not good, or not any more. Nothing changes.
func (s *Service) ReadLink(ctx context.Context, tenant Tenant, token string) (LinkKind, Account, error) {
	if !wellFormed(token) {
		return "", Account{}, ErrNotFound
	}
	ticket, err := s.store.TicketByDigest(ctx, tenant.ID, digestOf(token))
	if err != nil {
		return "", Account{}, err
	}
	switch kind := LinkKind(ticket.Kind); kind {
	case LinkSetup:
		return kind, Account{}, nil
	case LinkInvite, LinkReset:
		if ticket.AdminID == nil {
			return "", Account{}, ErrNotFound
		}
		a, err := s.store.Admin(ctx, tenant.ID, *ticket.AdminID)
		if err == nil && a.Disabled {
			err = ErrNotFound
		}
		return kind, a, err
	}
	return "", Account{}, ErrNotFound
}

// Setup redeems a setup link: it makes the first owner, who is an
// operator too, and signs the browser in. It is ErrNotFound when the link is not
// good, or somebody was faster.
func (s *Service) Setup(ctx context.Context, tenant Tenant, token string, wish NewAccount, password string, client Client, by By) (cookie string, err error) {
	if !wellFormed(token) {
		return "", ErrNotFound
	}
	wish.Role, wish.Operator = Owner, true
	a, err := s.newAccount(tenant, wish, Command())
	if err != nil {
		return "", err
	}
	// Nobody without a link is let near the hashing of passwords.
	if kind, _, err := s.ReadLink(ctx, tenant, token); err != nil || kind != LinkSetup {
		return "", errors.Join(err, notSetup(kind))
	}
	if a.Password, err = s.choose(ctx, password, a, tenant); err != nil {
		return "", err
	}
	a.JoinedAt = &a.CreatedAt
	by = byAccount(a, by)
	if err := s.store.AddFirstOwner(ctx, a, digestOf(token), added(a, "admin_set_up", by)); err != nil {
		return "", taken(err)
	}
	return s.open(ctx, tenant, a, "link", client, by)
}

func notSetup(kind LinkKind) error {
	if kind == LinkSetup {
		return nil
	}
	return ErrNotFound
}

// Accept redeems an invitation or a reset: it sets the password, with an
// invitation the name as well, ends what sessions there are, and signs the
// browser in. It is ErrNotFound when the link is not good, or not any more.
func (s *Service) Accept(ctx context.Context, tenant Tenant, token, name, password string, client Client, by By) (cookie string, err error) {
	kind, a, err := s.ReadLink(ctx, tenant, token)
	if err != nil {
		return "", err
	}
	if kind == LinkSetup {
		return "", ErrNotFound
	}
	if kind == LinkInvite {
		if a.Name, err = checkName(name); err != nil {
			return "", err
		}
	}
	chosenName := a.Name
	hash, err := s.choose(ctx, password, a, tenant)
	if err != nil {
		return "", err
	}
	action := "admin_password_reset"
	if kind == LinkInvite {
		action = "admin_joined"
	}
	a, err = s.store.AcceptLink(ctx, tenant.ID, digestOf(token), string(kind), func(a *Account) (store.Act, error) {
		a.Name, a.Password = chosenName, hash
		if a.JoinedAt == nil {
			now := s.moment()
			a.JoinedAt = &now
		}
		return store.Act{By: byAccount(*a, by), Action: action, Object: "admin " + a.ID}, nil
	})
	if err != nil {
		return "", err
	}
	return s.open(ctx, tenant, a, "link", client, byAccount(a, by))
}
