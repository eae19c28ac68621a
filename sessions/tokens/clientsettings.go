package tokens

import (
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// Defaults and limits of a client.
const (
	DefaultAccessTokenLife   = 3000 * time.Second
	DefaultCodeLife          = time.Minute
	DefaultIdentityTokenLife = 5 * time.Minute
	DefaultRefreshLife       = 30 * 24 * time.Hour
	DefaultRefreshIdle       = 15 * 24 * time.Hour

	minLife        = time.Minute // of all but codes
	minCodeLife    = 30 * time.Second
	maxCodeLife    = 10 * time.Minute
	maxRefreshLife = 365 * 24 * time.Hour
	// maxAllowed is how many scopes of a kind, or required claims, one client may
	// have.
	maxAllowed = 100
)

// ClientSettings is a wish for a client; nil keeps what is, and an empty list
// that is not nil is one without entries.
type ClientSettings struct {
	Kind *string // of a new client: KindApplication or KindPerson
	User *string // of a new one of KindPerson: the id of the user for whom it acts

	Name              *string
	Public            *bool
	Keys              *string  // a JSON Web Key Set (RFC 7517 §5) of public keys; "" = none
	RedirectURIs      []string // at most 50, compared letter by letter
	PostLogoutURIs    []string // the same
	Integration       *string  // the id of an installed one; "" = as GET /auth/start decides
	AskConsent        *bool
	BrowserTokens     *bool
	Grants            []string // of Grants
	APIScopes         []string // names of API scopes
	IdentityScopes    []string // names of identity scopes
	RequiredClaims    []string // names of custom claims
	AccessTokenFormat *string
	IdentityTokenAlg  *string // of Algorithms
	// Lives, in whole seconds.
	AccessTokenLife   *time.Duration // 60 s to 24 h
	CodeLife          *time.Duration // 30 s to 600 s
	IdentityTokenLife *time.Duration // 60 s to 24 h
	RefreshLife       *time.Duration // to 365 days
	RefreshIdle       *time.Duration // 60 s to RefreshLife
	Rate              *int64         // requests a second that one instance takes; 0 = any number, UsualRate = as the server says
	Disabled          *bool
}

// apply changes what the wish names. known is what there is of what it needs. The
// error joins an *Invalid for each field that cannot be accepted.
func (wish ClientSettings) apply(c *Client, known store.ClientNeeds) error {
	var errs []error
	if wish.Kind != nil && *wish.Kind != c.Kind {
		errs = append(errs, invalid("kind", "it stays what the client was made as"))
	}
	if wish.User != nil && *wish.User != c.User {
		errs = append(errs, invalid("user_id", "it stays what the client was made with"))
	}
	if wish.Name != nil {
		name, err := checkName("name", *wish.Name)
		c.Name, errs = name, append(errs, err)
	}
	set(&c.Public, wish.Public)
	set(&c.AskConsent, wish.AskConsent)
	set(&c.BrowserTokens, wish.BrowserTokens)
	set(&c.Disabled, wish.Disabled)
	errs = append(errs, wish.applyKeys(c), wish.applyURIs(c), wish.applyIntegration(c, known), wish.applyNames(c, known),
		wish.applyFormat(c), wish.applyAlgorithm(c), wish.applyLives(c), setRate(&c.Rate, wish.Rate))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return consistent(*c)
}

func set[T any](to *T, wish *T) {
	if wish != nil {
		*to = *wish
	}
}

func (wish ClientSettings) applyKeys(c *Client) error {
	if wish.Keys == nil {
		return nil
	}
	keys, err := publicKeys(*wish.Keys)
	if err == nil {
		c.Keys = keys
	}
	return err
}

func (wish ClientSettings) applyURIs(c *Client) error {
	var errs []error
	for _, list := range []struct {
		field string
		wish  []string
		to    *[]string
	}{
		{"redirect_uris", wish.RedirectURIs, &c.RedirectURIs},
		{"post_logout_redirect_uris", wish.PostLogoutURIs, &c.PostLogoutURIs},
	} {
		if list.wish != nil {
			uris, err := checkURIs(list.field, list.wish)
			*list.to, errs = uris, append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// applyIntegration lets the one stay that is: it may have been removed since.
func (wish ClientSettings) applyIntegration(c *Client, known store.ClientNeeds) error {
	if wish.Integration == nil || *wish.Integration == c.Integration {
		return nil
	}
	if c.Integration = *wish.Integration; c.Integration != known.Integration {
		return invalid("integration", "the id of an installed integration, or nothing")
	}
	return nil
}

// applyNames takes over the lists of names.
func (wish ClientSettings) applyNames(c *Client, known store.ClientNeeds) error {
	var errs []error
	for _, list := range []struct {
		field, what string
		wish, known []string
		to          *[]string
	}{
		{"grants", "of these: " + strings.Join(Grants(), ", "), wish.Grants, Grants(), &c.Grants},
		{"api_scopes", "names of API scopes that there are", wish.APIScopes, known.APIScopes, &c.APIScopes},
		{
			"identity_scopes", "names of identity scopes that there are; offline_access goes with the grant refresh_token",
			wish.IdentityScopes, append(builtInScopeNames(), known.IdentityScopes...), &c.IdentityScopes,
		},
		{"required_claims", "names of custom claims that there are", wish.RequiredClaims, known.RequiredClaims, &c.RequiredClaims},
	} {
		if list.wish == nil {
			continue
		}
		*list.to = sorted(list.wish)
		if len(*list.to) > maxAllowed {
			errs = append(errs, invalid(list.field, "at most %d", maxAllowed))
		} else if slices.ContainsFunc(*list.to, func(name string) bool { return !slices.Contains(list.known, name) }) {
			errs = append(errs, invalid(list.field, "%s", list.what))
		}
	}
	return errors.Join(errs...)
}

func (wish ClientSettings) applyFormat(c *Client) error {
	if wish.AccessTokenFormat == nil {
		return nil
	}
	if c.AccessTokenFormat = *wish.AccessTokenFormat; !slices.Contains(Formats(), c.AccessTokenFormat) {
		return invalid("access_token_format", "%s, %s or %s", FormatJWT, FormatAccessTokenJWT, FormatReference)
	}
	return nil
}

func (wish ClientSettings) applyAlgorithm(c *Client) error {
	if wish.IdentityTokenAlg == nil {
		return nil
	}
	if c.IdentityTokenAlg = *wish.IdentityTokenAlg; !slices.Contains(Algorithms(), c.IdentityTokenAlg) {
		return invalid("identity_token_algorithm", "%s, %s or %s", ES256, ES384, RS256)
	}
	return nil
}

func (wish ClientSettings) applyLives(c *Client) error {
	var errs []error
	for _, life := range []struct {
		field       string
		wish        *time.Duration
		least, most time.Duration
		to          *time.Duration
	}{
		{"access_token_life", wish.AccessTokenLife, minLife, MaxTokenLife, &c.AccessTokenLife},
		{"code_life", wish.CodeLife, minCodeLife, maxCodeLife, &c.CodeLife},
		{"identity_token_life", wish.IdentityTokenLife, minLife, MaxTokenLife, &c.IdentityTokenLife},
		{"refresh_life", wish.RefreshLife, minLife, maxRefreshLife, &c.RefreshLife},
		{"refresh_idle", wish.RefreshIdle, minLife, maxRefreshLife, &c.RefreshIdle},
	} {
		if life.wish == nil {
			continue
		}
		*life.to = *life.wish
		if *life.to < life.least || *life.to > life.most || *life.to%time.Second != 0 {
			errs = append(errs, invalid(life.field, "%d to %d seconds", life.least/time.Second, life.most/time.Second))
		}
	}
	return errors.Join(errs...)
}

// consistent reports what settings of a client do not go together.
func consistent(c Client) error {
	var errs []error
	if c.Public && slices.Contains(c.Grants, GrantClientCredentials) {
		errs = append(errs, invalid("grants", "a public client cannot prove who it is, and so cannot speak for itself: leave %s out", GrantClientCredentials))
	}
	if c.Public && c.Keys != "" {
		errs = append(errs, invalid("jwks", "a public client proves nothing: leave its keys out"))
	}
	if c.Public && c.Kind != KindApplication {
		errs = append(errs, invalid("public", "only an application can be public"))
	}
	if slices.Contains(c.Grants, GrantRefreshToken) && c.Kind != KindPerson && // which gets them by its own credentials
		!slices.Contains(c.Grants, GrantAuthorizationCode) && !slices.Contains(c.Grants, GrantJWTBearer) {
		errs = append(errs, invalid("grants", "%s continues what another grant has begun: it needs %s or %s",
			GrantRefreshToken, GrantAuthorizationCode, GrantJWTBearer))
	}
	if c.RefreshIdle > c.RefreshLife {
		errs = append(errs, invalid("refresh_idle", "not longer than refresh_life, which is %d seconds", c.RefreshLife/time.Second))
	}
	return errors.Join(errs...)
}

// sorted returns each text once, in order.
func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
