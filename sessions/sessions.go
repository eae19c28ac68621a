package sessions

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/sessions/kv"
)

var (
	// ErrNone means that there is no such session: never was, ended, expired,
	// or the cookie is malformed.
	ErrNone = errors.New("sessions: no session")
	// ErrOvertaken means that the user's sessions or those of the integration
	// were ended while the sign-in was under way. It left no session.
	ErrOvertaken = errors.New("sessions: the sign-in was overtaken by an ending of sessions")
)

// Generations is where generations have their truth. It is asked only when the
// store does not know one, after a restart or an eviction.
type Generations interface {
	// Generation returns the integration's current generation.
	Generation(ctx context.Context, tenant, integration string) (int64, error)
}

// Sessions issues, checks and ends sessions. It is safe for concurrent use.
type Sessions struct {
	store       kv.Store
	generations Generations
	now         func() time.Time
}

// New returns the sessions of a store.
func New(store kv.Store, generations Generations, now func() time.Time) *Sessions {
	return &Sessions{store: store, generations: generations, now: now}
}

// Issue is what a sign-in has established.
type Issue struct {
	Tenant, User, Integration string        // ids
	Generation, Epoch         int64         // as read from the database by this sign-in
	KeyID, Spent              string        // see Session
	Idle, Absolute            time.Duration // both positive; cut to kv.MaxLife
	UserAgent, RemoteIP       string        // as the request has them
	Replaces                  string        // the request's session cookie, or ""; not of an embed
	Version                   int64         // see Session
	Authorized                []string      // see Session
	Resource                  string        // see Session; of an embed alone
}

// Issue opens a session and ends the one that the browser had, which it
// returns as previous (nil when there was none). It returns ErrOvertaken, or a
// fault of the store; then there is no cookie and no session.
func (s *Sessions) Issue(ctx context.Context, in Issue) (cookie string, session Session, previous *Session, err error) {
	replaces, _ := keyOfCookie(in.Replaces)
	made, err := s.issue(ctx, in, false, replaces)
	if err != nil {
		return "", Session{}, nil, err
	}
	if made.replaced == nil {
		return made.cookie, made.session, nil, nil
	}
	// A replaced value that cannot be read was no session.
	if old, err := decode(in.Tenant, replaces, made.replaced); err == nil && old.End().After(made.session.Created) {
		previous = &old
		if old.User != in.User {
			if err := s.endMadeFrom(ctx, old); err != nil {
				return "", Session{}, nil, errors.Join(err, s.End(ctx, made.session))
			}
		}
	}
	return made.cookie, made.session, previous, nil
}

// issue opens a session of either kind.
func (s *Sessions) issue(ctx context.Context, in Issue, embed bool, replaces kv.Key) (opening, error) {
	if in.Idle < time.Millisecond || in.Absolute < time.Millisecond {
		return opening{}, fmt.Errorf("sessions: issue: idle life %v and absolute life %v must be positive", in.Idle, in.Absolute)
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	absolute := min(in.Absolute, kv.MaxLife).Truncate(time.Millisecond)
	draft := Session{
		Tenant: in.Tenant, User: in.User, Integration: in.Integration,
		Generation: in.Generation, Epoch: in.Epoch,
		KeyID: in.KeyID, Spent: in.Spent,
		Created: now, LastSeen: now,
		Idle: min(in.Idle, absolute).Truncate(time.Millisecond), Expires: now.Add(absolute),
		UserAgent: cutUserAgent(in.UserAgent), Network: NetworkOf(in.RemoteIP),
		Version: in.Version, Embed: embed, Authorized: in.Authorized, Resource: in.Resource,
	}
	made, err := s.open(ctx, draft, replaces)
	if err != nil && ctx.Err() == nil {
		// The token is spent by now, so a broken connection must not strand
		// the person. A second try has a cookie of its own: what the first may
		// have stored opens nothing, because nobody learns its cookie.
		made, err = s.open(ctx, draft, replaces)
	}
	if err != nil {
		return opening{}, fmt.Errorf("sessions: issue: %w", err)
	}
	generation, err := s.generation(ctx, in.Tenant, in.Integration, made.generation)
	if err != nil {
		return opening{}, errors.Join(fmt.Errorf("sessions: issue: %w", err), s.End(ctx, made.session))
	}
	if made.epoch > in.Epoch || generation > in.Generation {
		if err := s.End(ctx, made.session); err != nil {
			return opening{}, err
		}
		return opening{}, ErrOvertaken
	}
	if generation < in.Generation {
		// The ending that raised it in the database has not reached the store
		// yet, or the store has lost it.
		if err := s.EndIntegration(ctx, in.Tenant, in.Integration, in.Generation); err != nil {
			return opening{}, errors.Join(err, s.End(ctx, made.session))
		}
	}
	return made, nil
}

// opening is a session in the store and what the store said to it.
type opening struct {
	cookie            string
	session           Session
	replaced          []byte
	epoch, generation int64
}

// open stores draft under a new random cookie.
func (s *Sessions) open(ctx context.Context, draft Session, replaces kv.Key) (opening, error) {
	var random [randomSize]byte
	if _, err := rand.Read(random[:]); err != nil {
		return opening{}, err
	}
	cookie := strict.EncodeToString(random[:])
	key, _ := keyOfCookie(cookie)
	if draft.Embed {
		key, _ = EmbedSecrets{Cookie: cookie}.key()
	}
	draft.ID = idOf(key)
	replaced, epoch, generation, err := s.store.Put(ctx, draft.Tenant, draft.User, key, encode(key, draft),
		draft.End().Sub(draft.Created), draft.Integration, replaces)
	return opening{cookie, draft, replaced, epoch, generation}, err
}

// Check returns the session of a cookie, or ErrNone. Any other error is a
// fault of the store. It is one round trip, except that every few minutes a
// session's last use is recorded by another, and that an unknown generation is
// asked for.
func (s *Sessions) Check(ctx context.Context, tenant, cookie string) (Session, error) {
	key, ok := keyOfCookie(cookie)
	if !ok {
		return Session{}, ErrNone
	}
	value, generations, err := s.store.Get(ctx, tenant, key)
	if err != nil {
		return Session{}, fmt.Errorf("sessions: check: %w", err)
	}
	session, err := s.live(ctx, tenant, key, value, generations)
	if err != nil {
		return Session{}, err
	}
	if session.Embed {
		return Session{}, ErrNone
	}
	return s.touch(ctx, key, session)
}

// touchAfter is how stale LastSeen may become: each record of it doubles the
// work of a check.
const touchAfter = 5 * time.Minute

// touch records that the session was used, when the last record is old enough.
func (s *Sessions) touch(ctx context.Context, key kv.Key, session Session) (Session, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	if now.Sub(session.LastSeen) < min(touchAfter, session.Idle/4) {
		return session, nil
	}
	used := session
	used.LastSeen = now
	found, err := s.store.Replace(ctx, used.Tenant, used.User, key, encode(key, used), used.End().Sub(now))
	if err != nil {
		// A store that can be read and not written (full, failing over) ends
		// no session: the next check tries again.
		return session, nil
	}
	if !found {
		return Session{}, ErrNone
	}
	return used, nil
}

// live turns what the store has under key into a session that has not ended,
// or into ErrNone.
func (s *Sessions) live(ctx context.Context, tenant string, key kv.Key, value []byte, generations map[string]int64) (Session, error) {
	if value == nil {
		return Session{}, ErrNone
	}
	session, err := decode(tenant, key, value)
	if err != nil {
		return Session{}, err
	}
	if session.End().Sub(s.now()) < time.Millisecond {
		return Session{}, ErrNone
	}
	known, ok := generations[session.Integration]
	if !ok {
		known = -1
	}
	generation, err := s.generation(ctx, tenant, session.Integration, known)
	if err != nil {
		return Session{}, err
	}
	if generation > session.Generation {
		return Session{}, ErrNone
	}
	return session, nil
}

// generation returns known, or what the database says when known is negative,
// and tells the store.
func (s *Sessions) generation(ctx context.Context, tenant, integration string, known int64) (int64, error) {
	if known >= 0 {
		return known, nil
	}
	generation, err := s.generations.Generation(ctx, tenant, integration)
	if err != nil {
		return 0, fmt.Errorf("sessions: generation: %w", err)
	}
	if err := s.store.Raise(ctx, tenant, integration, generation); err != nil {
		return 0, fmt.Errorf("sessions: generation: %w", err)
	}
	return generation, nil
}

// Standing says which epoch a user and which generation an integration have, for
// a caller that has no session. It is one round trip. known is false when the
// store did not know the generation, after a restart or an eviction: it was
// asked for and told again, and what was remembered of the user must be too.
func (s *Sessions) Standing(ctx context.Context, tenant, user, integration string) (epoch, generation int64, known bool, err error) {
	epoch, generation, err = s.store.Counters(ctx, tenant, user, integration)
	if err != nil {
		return 0, 0, false, fmt.Errorf("sessions: standing: %w", err)
	}
	known = generation >= 0
	generation, err = s.generation(ctx, tenant, integration, generation)
	return epoch, generation, known, err
}

// End ends a session, and those of frames that were made from it. It is no error
// when it has ended before.
func (s *Sessions) End(ctx context.Context, session Session) error {
	key, ok := keyOfID(session.ID)
	if !ok {
		return errors.New("sessions: end: the session has no id")
	}
	if err := s.store.Delete(ctx, session.Tenant, session.User, key); err != nil {
		return fmt.Errorf("sessions: end: %w", err)
	}
	return s.endMadeFrom(ctx, session)
}

// endMadeFrom ends the sessions of frames that were made from a session.
func (s *Sessions) endMadeFrom(ctx context.Context, session Session) error {
	if session.Embed {
		return nil
	}
	values, _, err := s.store.List(ctx, session.Tenant, session.User)
	if err != nil {
		return fmt.Errorf("sessions: end: %w", err)
	}
	var made []kv.Key
	for key, value := range values {
		if one, err := decode(session.Tenant, key, value); err == nil && one.Embed && one.Spent == session.ID {
			made = append(made, key)
		}
	}
	if len(made) == 0 {
		return nil
	}
	if err := s.store.Delete(ctx, session.Tenant, session.User, made...); err != nil {
		return fmt.Errorf("sessions: end: %w", err)
	}
	return nil
}

// EndByID ends the session of a user that has this public id, and reports
// whether there was one. Another user's session is left alone.
func (s *Sessions) EndByID(ctx context.Context, tenant, user, id string) (bool, error) {
	key, ok := keyOfID(id)
	if !ok {
		return false, nil
	}
	value, generations, err := s.store.Get(ctx, tenant, key)
	if err != nil {
		return false, fmt.Errorf("sessions: end: %w", err)
	}
	session, err := s.live(ctx, tenant, key, value, generations)
	if errors.Is(err, ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if session.User != user {
		return false, nil
	}
	return true, s.End(ctx, session)
}

// List returns the user's sessions, the last used first.
func (s *Sessions) List(ctx context.Context, tenant, user string) ([]Session, error) {
	values, generations, err := s.store.List(ctx, tenant, user)
	if err != nil {
		return nil, fmt.Errorf("sessions: list: %w", err)
	}
	list := make([]Session, 0, len(values))
	for key, value := range values {
		session, err := s.live(ctx, tenant, key, value, generations)
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, session)
	}
	slices.SortFunc(list, func(a, b Session) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// EndUser ends all sessions of a user, and those of sign-ins under way that
// read an older epoch than epoch, the user's new one. After an error it must
// be called again: until then sessions may live on.
func (s *Sessions) EndUser(ctx context.Context, tenant, user string, epoch int64) error {
	if err := s.store.Retire(ctx, tenant, user, epoch); err != nil {
		return fmt.Errorf("sessions: end user: %w", err)
	}
	return nil
}

// EndOlder ends those sessions of a user that began under an older epoch than
// epoch. It repeats what EndUser did, or should have done, some time ago, and
// leaves alone whoever has signed in since.
func (s *Sessions) EndOlder(ctx context.Context, tenant, user string, epoch int64) error {
	values, _, err := s.store.List(ctx, tenant, user)
	if err != nil {
		return fmt.Errorf("sessions: end older: %w", err)
	}
	var older []kv.Key
	for key, value := range values {
		// A value that cannot be read opens nothing.
		if session, err := decode(tenant, key, value); err == nil && session.Epoch < epoch {
			older = append(older, key)
		}
	}
	if len(older) == 0 {
		return nil
	}
	if err := s.store.Delete(ctx, tenant, user, older...); err != nil {
		return fmt.Errorf("sessions: end older: %w", err)
	}
	return nil
}

// EndIntegration ends all sessions of an integration that began under an older
// generation than generation, its new one. After an error it must be called
// again: until then sessions may live on.
func (s *Sessions) EndIntegration(ctx context.Context, tenant, integration string, generation int64) error {
	if err := s.store.Raise(ctx, tenant, integration, generation); err != nil {
		return fmt.Errorf("sessions: end integration: %w", err)
	}
	return nil
}

// CountIntegration returns how many sessions these users have that began with
// a link of the integration. It is one round trip for each user.
func (s *Sessions) CountIntegration(ctx context.Context, tenant, integration string, users []string) (int, error) {
	count := 0
	for _, user := range users {
		list, err := s.List(ctx, tenant, user)
		if err != nil {
			return 0, err
		}
		for _, session := range list {
			if session.Integration == integration {
				count++
			}
		}
	}
	return count, nil
}
