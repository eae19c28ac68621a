package admins

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"usher/sql/store"
)

// ErrProvider means that the company's provider does not answer, or not as
// OpenID Connect asks for.
var ErrProvider = errors.New("admins: the sign-in provider does not answer as it should")

// Provider is the company's own OpenID provider, with which administrators
// sign in. It is safe for concurrent use.
type Provider struct {
	config ProviderConfig
	client *http.Client

	mu   sync.Mutex
	seen *oidc.Provider // nil until the provider has answered once
}

// ProviderConfig says where the provider is, and what we are to it.
type ProviderConfig struct {
	Issuer, ClientID, ClientSecret string
	// DefaultRole is the role of people whom the provider knows and we do not;
	// "" lets in accounts that exist alone.
	DefaultRole Role
}

// providerTimeout bounds each question to the provider; a request as a whole
// has three seconds.
const providerTimeout = 2 * time.Second

// NewProvider describes a provider. It is asked for the first time when
// somebody signs in with it: it need not be up when we start.
func NewProvider(config ProviderConfig) *Provider {
	return &Provider{config: config, client: &http.Client{Timeout: providerTimeout}}
}

// Name is the provider's host, for people.
func (p *Provider) Name() string {
	u, err := url.Parse(p.config.Issuer)
	if err != nil {
		return p.config.Issuer
	}
	return u.Host
}

// discover reads the provider's metadata (OpenID Connect Discovery §4), once.
func (p *Provider) discover() (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen != nil {
		return p.seen, nil
	}
	// The context goes on to fetch keys long after this request.
	seen, err := oidc.NewProvider(oidc.ClientContext(context.Background(), p.client), p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	p.seen = seen
	return seen, nil
}

func (p *Provider) oauth(seen *oidc.Provider, callback string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: seen.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// ProviderCookieName is the cookie of a browser that is at the provider.
const ProviderCookieName = "__Host-usher-admin-oidc"

// ProviderLife is how long it may stay there.
const ProviderLife = 10 * time.Minute

// Provider returns the host of the provider, or "" when there is none.
func (s *Service) Provider() string {
	if s.provider == nil {
		return ""
	}
	return s.provider.Name()
}

// Journey is a way to the provider and back. Everything that has to fit when
// the browser comes back is derived from a secret in its cookie, so that
// nothing need be kept here, and no other browser can end what this one began.
type Journey struct{ secret, next string }

// ReadJourney reads the cookie's value.
func ReadJourney(value string) (Journey, bool) {
	secret, encoded, _ := strings.Cut(value, ".")
	next, err := strict.DecodeString(encoded)
	return Journey{secret, string(next)}, err == nil && wellFormed(secret)
}

// Cookie is the journey as a cookie's value.
func (j Journey) Cookie() string { return j.secret + "." + strict.EncodeToString([]byte(j.next)) }

// Next is where the person was going.
func (j Journey) Next() string { return j.next }

// derive makes one of the journey's values: 256 bits in base64url, as a state,
// a nonce or a code verifier (RFC 7636 §4.1) may look.
func (j Journey) derive(use string) string {
	sum := sha256.Sum256([]byte("usher admin oidc " + use + " " + j.secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// BeginJourney returns where to send the browser, and what it has to keep.
// callback is our address to which it comes back. The error is ErrProvider.
func (s *Service) BeginJourney(callback, next string) (location string, j Journey, err error) {
	if s.provider == nil {
		return "", Journey{}, ErrNotFound
	}
	seen, err := s.provider.discover()
	if err != nil {
		return "", Journey{}, err
	}
	secret, _ := newSecret()
	j = Journey{secret, next}
	return s.provider.oauth(seen, callback).AuthCodeURL(j.derive("state"),
		oidc.Nonce(j.derive("nonce")), oauth2.S256ChallengeOption(j.derive("verifier"))), j, nil
}

// identity is what the provider says of a person.
type identity struct {
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
}

// EndJourney takes the browser's query, and opens a session for the account
// that has the verified address which the provider names. It is ErrWrong
// whatever does not fit, or ErrProvider. newcomers says whether the default
// role counts at this tenant.
func (s *Service) EndJourney(ctx context.Context, tenant Tenant, j Journey, callback string, query url.Values, newcomers bool, client Client, by By) (cookie string, err error) {
	if s.provider == nil {
		return "", ErrNotFound
	}
	said, err := s.provider.ask(ctx, j, callback, query, s.now)
	if err != nil {
		return "", err
	}
	key, err := s.emailKey(said.Email)
	if err != nil || !said.EmailVerified {
		return "", ErrWrong
	}
	a, err := s.store.AdminAt(ctx, tenant.ID, key)
	if errors.Is(err, ErrNotFound) && newcomers && s.provider.config.DefaultRole != "" {
		a, err = s.welcome(ctx, tenant, said, by)
	}
	if errors.Is(err, ErrNotFound) || err == nil && a.Disabled {
		return "", ErrWrong
	} else if err != nil {
		return "", err
	}
	return s.open(ctx, tenant, a, "oidc", client, byAccount(a, by))
}

// welcome makes an account for somebody whom only the provider knows.
func (s *Service) welcome(ctx context.Context, tenant Tenant, said identity, by By) (Account, error) {
	name := said.Name
	if _, err := checkName(name); err != nil {
		name = ""
	}
	a, err := s.newAccount(tenant, NewAccount{Email: said.Email, Name: name, Role: s.provider.config.DefaultRole}, Command())
	if err != nil {
		return Account{}, err
	}
	a.JoinedAt = &a.CreatedAt
	err = s.store.AddAdmin(ctx, a, nil, added(a, "admin_joined", byAccount(a, by)))
	if errors.Is(err, store.ErrTaken) { // the person's other window was faster
		return s.store.AdminAt(ctx, tenant.ID, a.EmailKey)
	}
	return a, err
}

// ask trades the code of the query for what the provider says of the person.
func (p *Provider) ask(ctx context.Context, j Journey, callback string, query url.Values, now func() time.Time) (identity, error) {
	state, code, issuer := query["state"], query["code"], query["iss"]
	if len(state) != 1 || subtle.ConstantTimeCompare([]byte(state[0]), []byte(j.derive("state"))) != 1 {
		return identity{}, ErrWrong
	}
	if len(code) != 1 || code[0] == "" || query.Has("error") {
		return identity{}, ErrWrong
	}
	if len(issuer) > 1 || len(issuer) == 1 && issuer[0] != p.config.Issuer { // RFC 9207 §2.4
		return identity{}, ErrWrong
	}
	seen, err := p.discover()
	if err != nil {
		return identity{}, err
	}
	tokens, err := p.oauth(seen, callback).Exchange(oidc.ClientContext(ctx, p.client), code[0], oauth2.VerifierOption(j.derive("verifier")))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil && refused.Response.StatusCode < 500 {
		return identity{}, ErrWrong
	} else if err != nil {
		return identity{}, ErrProvider // the cause may quote the answer
	}
	raw, _ := tokens.Extra("id_token").(string)
	verifier := seen.Verifier(&oidc.Config{
		ClientID: p.config.ClientID, Now: now,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA, oidc.PS256, oidc.RS512, oidc.ES384},
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(j.derive("nonce"))) != 1 {
		return identity{}, ErrWrong
	}
	var said identity
	if err := token.Claims(&said); err != nil {
		return identity{}, ErrWrong
	}
	return said, nil
}
