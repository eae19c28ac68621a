package provisioning

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"usher/sql/store"
)

// Settings are what may be chosen for an integration; a nil field is left as
// it is, or takes the default when installing. Durations are whole seconds.
type Settings struct {
	Name            *string
	Issuer          *string   // "" = none
	MaxAge          *int64    // seconds; 0 = none
	Leeway          *int64    // seconds, 0–300
	LandingPage     *string   // a path on our origin; "" = "/"
	SignInURL       *string   // the partner's page that makes links; "" = none
	RequireNonce    *bool     // needs a SignInURL
	ReturnOrigins   *[]string // https origins (http for loopback hosts)
	EmbedOrigins    *[]string
	EmbedMaxAge     *int64    // seconds, of a token presented to an embed or beside a call; 0 = none, at most a day
	ContentOrigins  *[]string // where the content of embeds may lie
	LinkPolicy      *string
	AutoCreate      *bool
	SingleUse       *bool
	UnknownGroups   *string
	UnknownCredits  *string
	GroupScope      *string
	MetaMode        *string
	SessionIdle     *int64  // seconds
	SessionAbsolute *int64  // seconds
	DriftGuard      *bool   // hold removals back when one sync after another empties groups
	DriftThreshold  *int64  // people whose groups may be emptied within an hour, 1–1000
	JWKSURL         *string // where the partner publishes its keys; "" = nowhere
	AllowDisable    *bool   // the partner may disable its people by a signed token
	SignInRate      *int64  // tokens a second that one instance takes; 0 = any number
}

// Empty reports whether nothing is chosen.
func (w Settings) Empty() bool { return w == Settings{} }

// apply checks the fields that are given and writes them to n. Nothing is
// written when one is refused.
func (w Settings) apply(to *store.Integration) error {
	n := *to
	var errs []error
	text := func(value *string, field string, kept *string, check func(string) (string, error)) {
		if value == nil {
			return
		}
		checked, err := check(*value)
		if err != nil {
			var named *Invalid
			if !errors.As(err, &named) {
				err = invalid(field, "%s", err)
			}
			errs = append(errs, err)
			return
		}
		*kept = checked
	}
	span := func(value *int64, field string, kept *time.Duration, low, high time.Duration) {
		if value == nil {
			return
		}
		d := time.Duration(*value) * time.Second
		if *value < 0 || *value > int64(high/time.Second) || d < low {
			errs = append(errs, invalid(field, "a whole number of seconds from %d to %d", int(low.Seconds()), int(high.Seconds())))
			return
		}
		*kept = d
	}
	oneOf := func(allowed ...string) func(string) (string, error) {
		return func(value string) (string, error) {
			if !slices.Contains(allowed, value) {
				return "", fmt.Errorf("one of %s", strings.Join(allowed, ", "))
			}
			return value, nil
		}
	}
	origins := func(value *[]string, field string, kept *[]string) {
		if value == nil {
			return
		}
		checked, err := checkOrigins(*value)
		if err != nil {
			errs = append(errs, invalid(field, "%s", err))
			return
		}
		*kept = checked
	}

	text(w.Name, "name", &n.Name, checkName)
	text(w.Issuer, "issuer", &n.Issuer, checkIssuer)
	span(w.MaxAge, "max_age", &n.MaxAge, 0, maxMaxAge)
	span(w.Leeway, "leeway", &n.Leeway, 0, maxLeeway)
	text(w.LandingPage, "landing_page", &n.LandingPage, func(page string) (string, error) {
		return page, CheckLanding(page)
	})
	text(w.SignInURL, "sign_in_url", &n.SignInURL, checkSignInURL)
	text(w.JWKSURL, "jwks_url", &n.JWKSURL, checkJWKSURL)
	origins(w.ReturnOrigins, "return_origins", &n.ReturnOrigins)
	origins(w.EmbedOrigins, "embed_origins", &n.EmbedOrigins)
	span(w.EmbedMaxAge, "embed_max_age", &n.EmbedMaxAge, 0, maxEmbedMaxAge)
	origins(w.ContentOrigins, "content_origins", &n.ContentOrigins)
	text(w.LinkPolicy, "link_policy", &n.LinkPolicy, oneOf(store.LinkUnclaimed, store.LinkTrusted, store.LinkNever))
	text(w.UnknownGroups, "unknown_groups", &n.UnknownGroups,
		oneOf(store.UnknownIgnore, store.UnknownCreate, store.UnknownRefuse))
	text(w.UnknownCredits, "unknown_credits", &n.UnknownCredits,
		oneOf(store.UnknownPark, store.UnknownRefuse, store.UnknownIgnore))
	text(w.GroupScope, "group_scope", &n.GroupScope, oneOf(store.ScopeAll, store.ScopeOwned))
	text(w.MetaMode, "meta_mode", &n.MetaMode, oneOf(store.MetaMerge, store.MetaReplace))
	span(w.SessionIdle, "session_idle", &n.SessionIdle, minSession, maxSessionAbsolute)
	span(w.SessionAbsolute, "session_absolute", &n.SessionAbsolute, minSession, maxSessionAbsolute)
	if w.DriftThreshold != nil {
		if *w.DriftThreshold < 1 || *w.DriftThreshold > maxDriftThreshold {
			errs = append(errs, invalid("drift_threshold", "a whole number from 1 to %d", maxDriftThreshold))
		} else {
			n.DriftThreshold = *w.DriftThreshold
		}
	}
	if w.SignInRate != nil {
		if *w.SignInRate < 0 || *w.SignInRate > maxSignInRate {
			errs = append(errs, invalid("sign_in_rate", "a whole number from 0 to %d", maxSignInRate))
		} else {
			n.SignInRate = *w.SignInRate
		}
	}
	if w.AllowDisable != nil {
		n.AllowDisable = *w.AllowDisable
	}
	if w.DriftGuard != nil {
		n.DriftGuard = *w.DriftGuard
	}
	if w.AutoCreate != nil {
		n.AutoCreate = *w.AutoCreate
	}
	if w.SingleUse != nil {
		n.SingleUse = *w.SingleUse
	}
	if w.RequireNonce != nil {
		n.RequireNonce = *w.RequireNonce
	}
	if n.RequireNonce && n.SignInURL == "" {
		errs = append(errs, invalid("require_nonce", "needs a sign_in_url: a link that nobody asked for has no nonce"))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	*to = n
	return nil
}

func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxNameRunes || strings.ContainsFunc(name, isControl) {
		return "", invalid("name", "1 to %d characters, no control characters", maxNameRunes)
	}
	return name, nil
}

func checkIssuer(issuer string) (string, error) {
	if len(issuer) > maxIssuerBytes || !utf8.ValidString(issuer) || strings.ContainsFunc(issuer, isControl) {
		return "", fmt.Errorf("at most %d bytes, no control characters", maxIssuerBytes)
	}
	return issuer, nil
}

// checkSignInURL accepts an absolute https URL without fragment (http for
// loopback hosts): the parameters are added to its query.
func checkSignInURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > maxGoBytes || u.User != nil || u.Fragment != "" || u.Opaque != "" || checkGoBytes(text) != nil {
		return "", errors.New("a URL like https://partner.example/sign-in, without user name and fragment")
	}
	if _, err := ParseOrigin(u.Scheme + "://" + u.Host); err != nil {
		return "", err
	}
	return u.String(), nil
}

func checkOrigins(list []string) ([]string, error) {
	if len(list) > maxOrigins {
		return nil, fmt.Errorf("at most %d origins", maxOrigins)
	}
	checked := []string{}
	for _, text := range list {
		origin, err := ParseOrigin(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if !slices.Contains(checked, origin.String()) {
			checked = append(checked, origin.String())
		}
	}
	return checked, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) }

// chosen are an integration's settings under the names that the API gives them.
func chosen(n store.Integration) map[string]any {
	return map[string]any{
		"name": n.Name, "issuer": n.Issuer, "max_age": wholeSeconds(n.MaxAge), "leeway": wholeSeconds(n.Leeway),
		"landing_page": n.LandingPage, "sign_in_url": n.SignInURL, "require_nonce": n.RequireNonce,
		"return_origins": n.ReturnOrigins, "embed_origins": n.EmbedOrigins, "link_policy": n.LinkPolicy,
		"auto_create": n.AutoCreate, "single_use": n.SingleUse, "unknown_groups": n.UnknownGroups,
		"unknown_credits": n.UnknownCredits, "group_scope": n.GroupScope, "meta_mode": n.MetaMode,
		"session_idle": wholeSeconds(n.SessionIdle), "session_absolute": wholeSeconds(n.SessionAbsolute),
		"drift_guard": n.DriftGuard, "drift_threshold": n.DriftThreshold,
		"embed_max_age": wholeSeconds(n.EmbedMaxAge), "content_origins": n.ContentOrigins,
		"jwks_url": n.JWKSURL, "allow_disable": n.AllowDisable, "sign_in_rate": n.SignInRate,
	}
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// differences says which settings changed, from what to what.
func differences(before, after store.Integration) map[string]any {
	was, is := chosen(before), chosen(after)
	changed := map[string]any{}
	for name, value := range is {
		if !sameJSON(was[name], value) {
			changed[name] = map[string]any{"from": was[name], "to": value}
		}
	}
	return changed
}
