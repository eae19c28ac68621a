package sessions

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"usher/sessions/kv"
)

// EmbedCookieName is the cookie of a frame on a partner's page.
const EmbedCookieName = "__Host-usher-embed"

// NewEmbedCookie carries EmbedSecrets.Cookie. Partitioned keeps it to frames on
// one site's pages (CHIPS, draft-cutler-httpbis-partitioned-cookies), which is
// what browsers that block third-party cookies accept.
func NewEmbedCookie(value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // frames are on partners' sites
		Name: EmbedCookieName, Value: value, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: true,
	}
}

// ClearEmbedCookie makes the browser forget the cookie.
func ClearEmbedCookie() *http.Cookie {
	cookie := NewEmbedCookie("") //nolint:gosec // the attributes are set there
	cookie.MaxAge = -1
	return cookie
}

// ReadEmbedCookie is ReadCookie for the cookie of a frame.
func ReadEmbedCookie(r *http.Request) string { return readCookie(r, EmbedCookieName) }

// EmbedSecrets open the session of a frame. Each is made from the one before
// by SHA-256, and the session's key from the last, so that whoever is given a
// later one learns none before it:
//
//	Cookie  for the browser's cookie jar alone
//	Bearer  for the memory of our own script in the frame
//	Ticket  for the address of the framed content, which is not ours
//
// All have 43 characters of base64url. "" = not known.
type EmbedSecrets struct{ Cookie, Bearer, Ticket string }

// Complete fills in what follows from the first that is there. It reports
// false when there is none or that one is malformed.
func (e EmbedSecrets) Complete() (EmbedSecrets, bool) {
	first := e.Ticket
	switch {
	case e.Cookie != "":
		first = e.Cookie
		e.Bearer = derive("bearer", e.Cookie)
		e.Ticket = derive("ticket", e.Bearer)
	case e.Bearer != "":
		first = e.Bearer
		e.Ticket = derive("ticket", e.Bearer)
	}
	if _, ok := keyOfCookie(first); !ok {
		return EmbedSecrets{}, false
	}
	return e, true
}

func derive(what, from string) string {
	sum := sha256.Sum256([]byte("usher embed " + what + "\x00" + from))
	return strict.EncodeToString(sum[:])
}

// key is where the session is stored. It differs from where keyOfCookie would
// look, so that none of the secrets is a session cookie.
func (e EmbedSecrets) key() (kv.Key, bool) {
	whole, ok := e.Complete()
	if !ok {
		return kv.Key{}, false
	}
	return sha256.Sum256([]byte("usher embed session\x00" + whole.Ticket)), true
}

// IssueEmbed opens the session of a frame. It lasts for in.Absolute, used or
// not; in.Idle counts for nothing. Other sessions of the browser stay: two
// frames on a page share a cookie. It returns ErrOvertaken as Issue does.
func (s *Sessions) IssueEmbed(ctx context.Context, in Issue) (EmbedSecrets, Session, error) {
	in.Idle = in.Absolute
	made, err := s.issue(ctx, in, true, kv.Key{})
	if err != nil {
		return EmbedSecrets{}, Session{}, err
	}
	secrets, _ := EmbedSecrets{Cookie: made.cookie}.Complete()
	return secrets, made.session, nil
}

// CheckEmbed returns the session of a frame by one of its secrets, or ErrNone.
// Any other error is a fault of the store. It is one round trip.
func (s *Sessions) CheckEmbed(ctx context.Context, tenant string, by EmbedSecrets) (Session, error) {
	key, ok := by.key()
	if !ok {
		return Session{}, ErrNone
	}
	value, generations, err := s.store.Get(ctx, tenant, key)
	if err != nil {
		return Session{}, fmt.Errorf("sessions: check: %w", err)
	}
	session, err := s.live(ctx, tenant, key, value, generations)
	if err == nil && !session.Embed {
		err = ErrNone
	}
	if err != nil {
		return Session{}, err
	}
	return session, nil
}

// Extend gives the session of a frame a later end, in place: its secrets stay.
// An end before the present one leaves that as it is. Version and Authorized
// are stored as they are in session: those of the fresh token hold from now on.
// It returns ErrNone when the session is gone.
func (s *Sessions) Extend(ctx context.Context, session Session, end time.Time) (Session, error) {
	key, ok := keyOfID(session.ID)
	if !ok || !session.Embed {
		return Session{}, fmt.Errorf("sessions: extend: not the session of a frame")
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	if latest := now.Add(kv.MaxLife); end.After(latest) {
		end = latest
	}
	end = end.UTC().Truncate(time.Millisecond)
	if end.Before(session.Expires) {
		end = session.Expires
	}
	if end.Sub(now) < time.Millisecond {
		return Session{}, ErrNone
	}
	session.LastSeen, session.Expires, session.Idle = now, end, end.Sub(now)
	found, err := s.store.Replace(ctx, session.Tenant, session.User, key, encode(key, session), end.Sub(now))
	if err != nil {
		return Session{}, fmt.Errorf("sessions: extend: %w", err)
	}
	if !found {
		return Session{}, ErrNone
	}
	return session, nil
}
