package admins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"usher/sql/store"
)

// Site is where a browser stands: a passkey is good at the host that it was
// made at alone.
type Site struct {
	Host   string // the relying party's id (WebAuthn §4)
	Origin string // scheme, host and port
	Name   string // shown by some authenticators
}

// Ceremony is what the browser needs to use or to make a passkey.
type Ceremony struct {
	Ticket string // sent back with the browser's answer; good once, for ceremonyLife
	// Options is the JSON form of PublicKeyCredentialRequestOptions, or of
	// PublicKeyCredentialCreationOptions (WebAuthn §5.1.8, §5.1.9).
	Options string
}

const (
	ceremonyLife = 5 * time.Minute
	maxPasskeys  = 20
	// maxCredential bounds the browser's answer, in bytes.
	maxCredential = 32 << 10
)

// relyingParty checks what authenticators say at a site. The person has to be
// verified, by a fingerprint or a PIN: a passkey stands for a password.
func relyingParty(site Site) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{
		RPID: site.Host, RPDisplayName: site.Name, RPOrigins: []string{site.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("admins: passkeys: %w", err)
	}
	return w, nil
}

// holder is an account as WebAuthn sees it. Its handle is the account's id,
// which says nothing about the person.
type holder struct {
	account  Account
	passkeys []Passkey
}

func (h holder) WebAuthnID() []byte          { return handleOf(h.account.ID) }
func (h holder) WebAuthnName() string        { return h.account.Email }
func (h holder) WebAuthnDisplayName() string { return h.account.Name }

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, 0, len(h.passkeys))
	for _, p := range h.passkeys {
		all = append(all, webauthn.Credential{
			ID: p.CredentialID, PublicKey: p.PublicKey,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: p.Backup},
			Authenticator: webauthn.Authenticator{SignCount: uint32(p.SignCount)}, //nolint:gosec // came from one
		})
	}
	return all
}

func handleOf(id string) []byte {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil
	}
	return parsed[:]
}

// begin keeps what a ceremony has to be held against.
func (s *Service) begin(ctx context.Context, tenant, kind string, admin *string, options any, data *webauthn.SessionData) (Ceremony, error) {
	shown, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("admins: passkeys: %w", err)
	}
	kept, err := json.Marshal(data)
	if err != nil {
		return Ceremony{}, fmt.Errorf("admins: passkeys: %w", err)
	}
	ticket, digest := newSecret()
	now := s.moment()
	return Ceremony{Ticket: ticket, Options: string(shown)}, s.store.AddTicket(ctx, store.Ticket{
		TenantID: tenant, Digest: digest, Kind: kind, AdminID: admin, Data: string(kept),
		CreatedAt: now, ExpiresAt: now.Add(ceremonyLife),
	})
}

// resume takes what begin has kept. It is ErrWrong for a ticket that is not
// good, or not any more.
func (s *Service) resume(ctx context.Context, tenant, kind, ticket string) (store.Ticket, webauthn.SessionData, error) {
	var data webauthn.SessionData
	if !wellFormed(ticket) {
		return store.Ticket{}, data, ErrWrong
	}
	t, err := s.store.TakeTicket(ctx, tenant, digestOf(ticket), kind)
	if errors.Is(err, ErrNotFound) {
		return t, data, ErrWrong
	} else if err != nil {
		return t, data, err
	}
	if err := json.Unmarshal([]byte(t.Data), &data); err != nil {
		return t, data, fmt.Errorf("admins: passkeys: %w", err)
	}
	return t, data, nil
}

// BeginPasskey begins to add a passkey to the actor's account, who gives the
// password again: whoever finds a browser open must not stay for good. It
// returns *Invalid, *TooMany or ErrBusy.
func (s *Service) BeginPasskey(ctx context.Context, tenant Tenant, actor Actor, password string, site Site) (Ceremony, error) {
	a, err := s.Own(ctx, actor)
	if err != nil {
		return Ceremony{}, err
	}
	if a.Password != "" {
		if err := s.countAttempt(ctx, tenant, "change", a.ID, attemptsPerAddress); err != nil {
			return Ceremony{}, err
		}
		good, _, err := s.verify(ctx, a.Password, password)
		if err != nil {
			return Ceremony{}, err
		}
		if !good {
			return Ceremony{}, &Invalid{"own_password", "this is not your password"}
		}
		_ = s.store.ForgetAttempts(ctx, tenant.ID, bucket("change", a.ID))
	}
	passkeys, err := s.store.Passkeys(ctx, a.TenantID, a.ID)
	if err != nil {
		return Ceremony{}, err
	}
	if len(passkeys) >= maxPasskeys {
		return Ceremony{}, &Invalid{"passkey", fmt.Sprintf("you have %d already, remove one first", maxPasskeys)}
	}
	party, err := relyingParty(site)
	if err != nil {
		return Ceremony{}, err
	}
	whose := holder{a, passkeys}
	known := webauthn.Credentials(whose.WebAuthnCredentials()).CredentialDescriptors()
	options, data, err := party.BeginRegistration(whose, webauthn.WithExclusions(known))
	if err != nil {
		return Ceremony{}, fmt.Errorf("admins: passkeys: %w", err)
	}
	return s.begin(ctx, a.TenantID, store.TicketAdding, &a.ID, options.Response, data)
}

// AddPasskey adds the passkey that the browser has made. response is the JSON
// form of its PublicKeyCredential. It returns *Invalid, or ErrWrong when what
// the browser says does not fit what was begun.
func (s *Service) AddPasskey(ctx context.Context, actor Actor, site Site, ticket, name, response string, by By) error {
	name, err := checkName(name)
	if err != nil {
		return err
	}
	a, err := s.Own(ctx, actor)
	if err != nil {
		return err
	}
	t, data, err := s.resume(ctx, a.TenantID, store.TicketAdding, ticket)
	if err != nil {
		return err
	}
	if t.AdminID == nil || *t.AdminID != a.ID || len(response) > maxCredential {
		return ErrWrong
	}
	party, err := relyingParty(site)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return ErrWrong
	}
	credential, err := party.CreateCredential(holder{account: a}, data, parsed)
	if err != nil {
		return ErrWrong
	}
	id, err := store.NewID()
	if err != nil {
		return err
	}
	err = s.store.AddPasskey(ctx, Passkey{
		TenantID: a.TenantID, ID: id, AdminID: a.ID, Host: site.Host, CredentialID: credential.ID,
		PublicKey: credential.PublicKey, SignCount: int64(credential.Authenticator.SignCount),
		Backup: credential.Flags.BackupEligible, Name: name, CreatedAt: s.moment(),
	}, store.Act{By: by, Action: "admin_passkey_added", Object: "admin " + a.ID, Detail: map[string]any{"passkey": id}})
	if errors.Is(err, ErrTaken) {
		return ErrWrong
	}
	return err
}

// BeginPasskeySignIn begins a sign-in with whichever passkey the browser has
// for this site. It returns *TooMany.
func (s *Service) BeginPasskeySignIn(ctx context.Context, tenant Tenant, site Site, client Client) (Ceremony, error) {
	if err := s.countAttempt(ctx, tenant, "passkey network", networkOf(client.IP), attemptsPerNetwork); err != nil {
		return Ceremony{}, err
	}
	party, err := relyingParty(site)
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("admins: passkeys: %w", err)
	}
	return s.begin(ctx, tenant.ID, store.TicketSignIn, nil, options.Response, data)
}

// PasskeySignIn checks the browser's answer, the JSON form of its
// PublicKeyCredential, and opens a session. It is ErrWrong whatever was wrong.
func (s *Service) PasskeySignIn(ctx context.Context, tenant Tenant, site Site, ticket, response string, client Client, by By) (cookie string, err error) {
	_, data, err := s.resume(ctx, tenant.ID, store.TicketSignIn, ticket)
	if err != nil {
		return "", err
	}
	if len(response) > maxCredential {
		return "", ErrWrong
	}
	party, err := relyingParty(site)
	if err != nil {
		return "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return "", ErrWrong
	}
	var whose holder
	var broken error // of the database: not the person's fault
	credential, err := party.ValidateDiscoverableLogin(func(id, handle []byte) (webauthn.User, error) {
		whose, broken = s.holderOf(ctx, tenant, site, id)
		if broken == nil && !bytes.Equal(handle, whose.WebAuthnID()) {
			return nil, ErrWrong
		}
		return whose, broken
	}, data, parsed)
	if broken != nil && !errors.Is(broken, ErrNotFound) {
		return "", broken
	}
	// A count that did not grow is a copy of the authenticator, or a replay.
	if err != nil || credential.Authenticator.CloneWarning || whose.account.Disabled {
		return "", ErrWrong
	}
	now := s.moment()
	err = s.store.UsePasskey(ctx, whose.passkeys[0], int64(credential.Authenticator.SignCount), now)
	if errors.Is(err, ErrNotFound) {
		return "", ErrWrong
	} else if err != nil {
		return "", err
	}
	return s.open(ctx, tenant, whose.account, "passkey", client, byAccount(whose.account, by))
}

// holderOf returns who signs in at the tenant with a credential.
func (s *Service) holderOf(ctx context.Context, tenant Tenant, site Site, credential []byte) (holder, error) {
	p, err := s.store.PasskeyAt(ctx, tenant.ID, site.Host, credential)
	if err != nil {
		return holder{}, err
	}
	a, err := s.store.Admin(ctx, p.TenantID, p.AdminID)
	return holder{a, []Passkey{p}}, err
}

// Passkeys returns the actor's passkeys, oldest first.
func (s *Service) Passkeys(ctx context.Context, actor Actor) ([]Passkey, error) {
	return s.store.Passkeys(ctx, actor.Home, actor.ID)
}

// RemovePasskey takes one of the actor's passkeys away.
func (s *Service) RemovePasskey(ctx context.Context, actor Actor, id string, by By) error {
	if err := anID(id); err != nil {
		return err
	}
	return s.store.RemovePasskey(ctx, actor.Home, actor.ID, id,
		store.Act{By: by, Action: "admin_passkey_removed", Object: "admin " + actor.ID, Detail: map[string]any{"passkey": id}})
}
