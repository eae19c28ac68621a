package provisioning

import (
	"crypto/sha256"
	"time"

	"usher/sql/store"
)

// A token that an embed's address or an API call carries is presented: shown as
// often as there are views and calls, and never spent. It is held to the rules
// of a sign-in, with these differences:
//
//	maximum age   Integration.EmbedMaxAge
//	iss           required, and exactly the integration's app id
//	app id        beside the token, if there is one, the same
//	e-mail        may be absent or empty; then sub is required
//	jti, nonce    of good form, and mean nothing
//	data          applied only when newer than what was applied last

// checkPresenter ties a presented token to its integration: by iss, and by the
// app id beside it. A kid may have found another integration than that names.
func (v *verification) checkPresenter() error {
	app := v.entry.integration.AppID
	iss := v.claims.member("iss")
	switch {
	case !iss.exists():
		return refuse(IssuerMismatch, "no iss; a token that is presented has the app id there")
	case iss.kind() != jsonString:
		return claimInvalid("iss", "a string")
	case iss.text() != app:
		return refuse(IssuerMismatch, "iss is %s; a token that is presented has the integration's app id there", quoted(iss.text()))
	case v.link.AppID != "" && v.link.AppID != app:
		return refuse(IssuerMismatch, "the app id beside the token is not that of the integration that signed")
	}
	return nil
}

// presentKey stands for a presented token among those of its integration. Its
// first byte keeps it from standing for one that is spent: the same token can
// sign in once and be presented besides. A jti does not count.
func presentKey(signed string) [sha256.Size]byte {
	return sumOf(3, signed)
}

// presentedUntil is when a presented token ends: at exp or at the maximum age,
// whichever is earlier; zero = never. A token that arrives within the tolerance
// behind its end is good as long as that.
func (d dates) presentedUntil(n *store.Integration, now time.Time) time.Time {
	end := d.expiresAt
	if n.EmbedMaxAge > 0 {
		if byAge := d.issuedAt.Add(n.EmbedMaxAge); end.IsZero() || byAge.Before(end) {
			end = byAge
		}
	}
	if !end.IsZero() && !now.Before(end) {
		end = end.Add(n.Leeway)
	}
	return end
}

// rememberedUntil is until when a presented token has to be remembered, in
// microseconds since 1970; nil = for ever. One with iat can be forgotten: the
// newest iat is kept with the identity.
func rememberedUntil(a *Assertion, n *store.Integration) *int64 {
	end := a.ExpiresAt
	if !a.IssuedAt.IsZero() {
		age := n.EmbedMaxAge
		if age == 0 {
			age = maxEmbedMaxAge
		}
		if byAge := a.IssuedAt.Add(age); end.IsZero() || byAge.Before(end) {
			end = byAge
		}
	}
	if end.IsZero() {
		return nil
	}
	micro := end.Add(maxLeeway).UnixMicro()
	return &micro
}

// installedAfter is the moment before which no presented token may have been
// issued: that of the installation, if its key may have been in use before.
// What else raises AcceptAfter, a loosened limit, concerns tokens that can be
// spent, and how presented ones are ordered (see unordered).
func installedAfter(n *store.Integration) time.Time {
	if n.AcceptAfter.After(n.CreatedAt) {
		return n.CreatedAt
	}
	return n.AcceptAfter
}

// unordered reports whether a presented token is so old that nobody can tell
// whether a newer one was used: used tokens are remembered for as long as the
// callback would take them.
func unordered(a *Assertion, n *store.Integration, now time.Time) bool {
	if a.IssuedAt.IsZero() {
		return false
	}
	return n.MaxAge > 0 && now.Sub(a.IssuedAt) > n.MaxAge+maxLeeway ||
		a.IssuedAt.Before(n.AcceptAfter.Truncate(time.Second))
}
