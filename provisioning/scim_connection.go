package provisioning

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

const (
	// scimPrefix begins every token of a directory, so that scanners for leaked
	// secrets, and people, know one when they see it.
	scimPrefix = "usc_"
	// MaxSCIMTokens is how many live tokens an integration may have: one in use,
	// and others while it is replaced.
	MaxSCIMTokens = 5
	maxSCIMLife   = 10 * 365 * 24 * time.Hour
	// scimUsedEvery is how stale a token's last use may become.
	scimUsedEvery = time.Minute
	// scimTokensShown is how many tokens of an integration are listed.
	scimTokensShown = 50
)

// SCIMSubjects lists what can become the sub of a directory's people.
func SCIMSubjects() []string {
	return []string{store.SCIMSubjectExternalID, store.SCIMSubjectUserName, store.SCIMSubjectNone}
}

// Directory is whoever has shown a SCIM token: an identity provider that keeps
// the people of one integration (RFC 7644 §2).
type Directory struct {
	IntegrationID string
	TokenID       string
	TokenName     string
	Subject       string // one of SCIMSubjects
	Rate          int64  // requests a second, see store.UsualRate
}

// ErrDirectory means that a token is none of a directory: unknown, over,
// revoked, of another tenant, or of an integration that was removed.
var ErrDirectory = errors.New("the token is not that of a directory")

// Directory returns whose a SCIM token is, or ErrDirectory.
func (s *Service) Directory(ctx context.Context, tenant Tenant, token string) (Directory, error) {
	secret, ours := strings.CutPrefix(token, scimPrefix)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(secret); !ours || err != nil || len(raw) != sha256.Size ||
		strings.ContainsAny(secret, "\r\n") {
		return Directory{}, ErrDirectory
	}
	digest := sha256.Sum256([]byte(token))
	t, connection, err := s.store.SCIMBearer(ctx, tenant.ID, digest[:])
	if errors.Is(err, ErrNotFound) {
		return Directory{}, ErrDirectory
	} else if err != nil {
		return Directory{}, err
	}
	now := s.now().UTC()
	if !t.Live(now) {
		return Directory{}, ErrDirectory
	}
	if t.UsedAt == nil || now.Sub(*t.UsedAt) >= scimUsedEvery {
		// A database that can be read and not written refuses no token.
		_ = s.store.UseSCIMToken(ctx, tenant.ID, t.ID, now)
	}
	return Directory{IntegrationID: t.IntegrationID, TokenID: t.ID, TokenName: t.Name, Subject: connection.Subject, Rate: connection.Rate}, nil
}

// SCIM returns how the directory of an installed integration is connected, and
// its newest tokens, revoked ones too, newest first.
func (s *Service) SCIM(ctx context.Context, tenant Tenant, integration string) (SCIMConnection, []SCIMToken, error) {
	n, err := s.Integration(ctx, tenant, integration)
	if err != nil {
		return SCIMConnection{}, nil, err
	}
	connection, err := s.store.SCIMConnection(ctx, tenant.ID, n.ID)
	if err != nil {
		return SCIMConnection{}, nil, err
	}
	tokens, err := s.store.SCIMTokens(ctx, tenant.ID, n.ID, "", scimTokensShown)
	return connection, tokens, err
}

// SCIMToken returns a token of an integration, whatever its state, or ErrNotFound.
func (s *Service) SCIMToken(ctx context.Context, tenant Tenant, integration, id string) (SCIMToken, error) {
	if !store.IsID(integration) || !store.IsID(id) {
		return SCIMToken{}, ErrNotFound
	}
	return s.store.SCIMToken(ctx, tenant.ID, integration, id)
}

// SCIMSettings is a wish for a directory's connection; nil keeps what is.
type SCIMSettings struct {
	Subject *string // of SCIMSubjects: what becomes the sub of people whom it makes or changes from now on
	Rate    *int64  // requests a second that one instance takes; 0 = any number, UsualRate = as the server says
}

// ChangeSCIM changes how a directory is connected. The errors are ErrNotFound,
// ErrChanged, and *Invalid, which may be joined.
func (s *Service) ChangeSCIM(ctx context.Context, tenant Tenant, integration string, wish SCIMSettings, by By) (SCIMConnection, error) {
	var errs []error
	if wish.Subject != nil && !slices.Contains(SCIMSubjects(), *wish.Subject) {
		errs = append(errs, invalid("subject", "one of %s", strings.Join(SCIMSubjects(), ", ")))
	}
	if wish.Rate != nil && !store.IsRate(*wish.Rate) {
		errs = append(errs, invalid("rate", "a whole number from 0 to %d, or none", store.MaxRate))
	}
	if err := errors.Join(errs...); err != nil {
		return SCIMConnection{}, err
	}
	n, err := s.Integration(ctx, tenant, integration)
	if err != nil {
		return SCIMConnection{}, err
	}
	return s.store.ChangeSCIMConnection(ctx, tenant.ID, n.ID, func(c *SCIMConnection, _ int) (store.SCIMChange, error) {
		detail := map[string]any{}
		before := *c
		if wish.Subject != nil {
			c.Subject = *wish.Subject
		}
		if wish.Rate != nil {
			c.Rate = *wish.Rate
		}
		noteChange(detail, "subject", before.Subject, c.Subject)
		if before.Rate != c.Rate {
			detail["rate"] = map[string]any{"from": store.OwnRate(before.Rate), "to": store.OwnRate(c.Rate)}
		}
		return store.SCIMChange{Act: changed(by, "scim_changed", "integration "+n.ID, detail)}, nil
	})
}

// NewSCIMToken is what a new token shall be.
type NewSCIMToken struct {
	Name    string
	Expires *time.Time // nil = never
}

// MakeSCIMToken makes a token for an integration's directory and returns it in
// clear, this once. The errors are ErrNotFound, ErrChanged and *Invalid.
func (s *Service) MakeSCIMToken(ctx context.Context, tenant Tenant, integration string, wish NewSCIMToken, by By) (SCIMToken, string, error) {
	name, err := checkName(wish.Name)
	if err != nil {
		return SCIMToken{}, "", err
	}
	n, err := s.Integration(ctx, tenant, integration)
	if err != nil {
		return SCIMToken{}, "", err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	t := SCIMToken{TenantID: tenant.ID, IntegrationID: n.ID, Name: name, CreatedAt: now}
	if wish.Expires != nil {
		at := wish.Expires.UTC().Truncate(time.Microsecond)
		if !at.After(now) || at.Sub(now) > maxSCIMLife {
			return SCIMToken{}, "", invalid("expires_at", "a time to come, at most ten years away")
		}
		t.ExpiresAt = &at
	}
	if t.ID, err = store.NewID(); err != nil {
		return SCIMToken{}, "", err
	}
	var random [sha256.Size]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	token := scimPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	digest := sha256.Sum256([]byte(token))
	t.Digest, t.Ending = digest[:], token[len(token)-4:]
	_, err = s.store.ChangeSCIMConnection(ctx, tenant.ID, n.ID, func(_ *SCIMConnection, live int) (store.SCIMChange, error) {
		if live >= MaxSCIMTokens {
			return store.SCIMChange{}, invalid("tokens", "at most %d live ones: revoke one first", MaxSCIMTokens)
		}
		made := act(by, "scim_token_made", "integration "+n.ID, map[string]any{"token": t.ID, "expires_at": t.ExpiresAt})
		made.SecretOf = t.ID
		return store.SCIMChange{Add: &t, Act: made}, nil
	})
	if err != nil {
		return SCIMToken{}, "", err
	}
	return t, token, nil
}

// RevokeSCIMToken ends a token: from the return on no instance accepts it, and
// nothing is being written in its name. It is ErrNotFound when the integration has
// no such token, or it was revoked before.
func (s *Service) RevokeSCIMToken(ctx context.Context, tenant Tenant, integration, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	n, err := s.Integration(ctx, tenant, integration)
	if err != nil {
		return err
	}
	_, err = s.store.ChangeSCIMConnection(ctx, tenant.ID, n.ID, func(*SCIMConnection, int) (store.SCIMChange, error) {
		return store.SCIMChange{
			Revoke: id, Act: act(by, "scim_token_revoked", "integration "+n.ID, map[string]any{"token": id}),
		}, nil
	})
	return err
}
