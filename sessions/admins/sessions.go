package admins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"usher/sql/store"
)

// How long a session lives.
const (
	SessionIdle     = 12 * time.Hour
	SessionAbsolute = 7 * 24 * time.Hour
	// seenEvery is how stale a session's last use may become.
	seenEvery = 5 * time.Minute
)

// How often somebody may try a password in a window of time: with one address,
// from one network.
const (
	attemptWindow      = 15 * time.Minute
	attemptsPerAddress = 10
	attemptsPerNetwork = 60
)

// Client is the browser that signs in.
type Client struct {
	UserAgent string
	IP        string
	Cookie    string // the session that it had; "" = none
}

// SignIn checks an address and a password, and opens a session. It returns
// ErrWrong whatever was wrong, *TooMany, or ErrBusy.
func (s *Service) SignIn(ctx context.Context, tenant Tenant, email, password string, client Client, by By) (cookie string, err error) {
	key, err := s.emailKey(strings.TrimSpace(email))
	if err != nil {
		key = "" // goes through all the same
	}
	// The network comes first: one that has tried too often leaves no more rows.
	if err := s.countAttempt(ctx, tenant, "network", networkOf(client.IP), attemptsPerNetwork); err != nil {
		return "", err
	}
	if err := s.countAttempt(ctx, tenant, "address", key, attemptsPerAddress); err != nil {
		return "", err
	}
	a, err := s.store.AdminAt(ctx, tenant.ID, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if len(password) > maxPasswordBytes {
		password = "" // no one's
	}
	good, stale, err := s.verify(ctx, a.Password, password)
	if err != nil {
		return "", err
	}
	if !good || a.Disabled {
		return "", ErrWrong
	}
	cookie, err = s.open(ctx, tenant, a, "password", client, byAccount(a, by))
	if err != nil {
		return "", err
	}
	// Neither may undo a sign-in that has worked.
	_ = s.store.ForgetAttempts(ctx, tenant.ID, bucket("address", key))
	if stale {
		if fresh, err := s.hash(ctx, password); err == nil {
			_ = s.store.RehashAdmin(ctx, a.TenantID, a.ID, a.Password, fresh)
		}
	}
	return cookie, nil
}

func bucket(kind, name string) []byte {
	sum := sha256.Sum256([]byte(kind + " " + name))
	return sum[:]
}

// countAttempt counts a try, and returns *TooMany when it is one too many.
func (s *Service) countAttempt(ctx context.Context, tenant Tenant, kind, name string, most int64) error {
	count, until, err := s.store.CountAttempt(ctx, tenant.ID, bucket(kind, name), attemptWindow)
	if err != nil {
		return err
	}
	if count > most {
		return &TooMany{Wait: max(until.Sub(s.now()), time.Second)}
	}
	return nil
}

// open makes a session of an account whose right to it has been shown. An
// account that has been disabled since, or has another password, gets ErrWrong.
func (s *Service) open(ctx context.Context, tenant Tenant, a Account, method string, client Client, by By) (cookie string, err error) {
	cookie, digest := newSecret()
	now := s.moment()
	session := Session{
		TenantID: tenant.ID, Digest: digest, HomeID: a.TenantID, AdminID: a.ID, Method: method,
		UserAgent: cutText(client.UserAgent, 200), Network: networkOf(client.IP),
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(SessionAbsolute),
	}
	var replaces []byte
	if wellFormed(client.Cookie) {
		replaces = digestOf(client.Cookie)
	}
	err = s.store.OpenAdminSession(ctx, session, replaces, func(locked Account) (store.Act, error) {
		if locked.Disabled || locked.Password != a.Password || !(locked.TenantID == tenant.ID || locked.Operator) {
			return store.Act{}, ErrWrong
		}
		return store.Act{
			By: by, Action: "admin_signed_in", Object: "admin " + a.ID, Detail: map[string]any{"method": method},
		}, nil
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrWrong
	}
	if err != nil {
		return "", err
	}
	return cookie, nil
}

// Check returns who a cookie speaks for at this tenant, or ErrNone. Rights are
// those that the account has now.
func (s *Service) Check(ctx context.Context, tenant Tenant, cookie string) (Actor, Session, error) {
	if !wellFormed(cookie) {
		return Actor{}, Session{}, ErrNone
	}
	now := s.moment()
	session, a, err := s.store.AdminSession(ctx, tenant.ID, digestOf(cookie), now.Add(-SessionIdle))
	if errors.Is(err, ErrNotFound) {
		return Actor{}, Session{}, ErrNone
	} else if err != nil {
		return Actor{}, Session{}, err
	}
	if now.Sub(session.SeenAt) >= seenEvery {
		// A database that can be read and not written ends no session.
		_ = s.store.SeeAdminSession(ctx, tenant.ID, session.Digest, now)
	}
	return actorOf(a), session, nil
}

// SignOut ends the session of a cookie. It is no error when there is none.
func (s *Service) SignOut(ctx context.Context, tenant Tenant, cookie string) error {
	if !wellFormed(cookie) {
		return nil
	}
	return s.store.EndAdminSession(ctx, tenant.ID, digestOf(cookie))
}

// SessionID is how a session is called where it must not be opened.
func SessionID(session Session) string { return hex.EncodeToString(session.Digest[:8]) }

// networkOf cuts an address to its network: /24, or /48 for IPv6.
func networkOf(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	address = address.Unmap().WithZone("")
	bits := 24
	if address.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(address, bits).Masked().String()
}

// cutText shortens a text of a request, and makes it one that both databases
// store.
func cutText(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
