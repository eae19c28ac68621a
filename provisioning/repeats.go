package provisioning

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"usher/sql/store"
)

// Errors of BeginRequest, and of acts under what By demands.
var (
	// ErrOtherRequest means that the key was used for another request.
	ErrOtherRequest = errors.New("this Idempotency-Key belongs to another request")
	// ErrInProgress means that the request is being carried out.
	ErrInProgress = errors.New("a request with this Idempotency-Key is under way")
	// ErrAnswerLost means that the request was carried out, but the program
	// ended before it could keep the answer.
	ErrAnswerLost = errors.New("the request was carried out, its answer is lost")
	// ErrAnswerSpent means that the request was carried out, and that its
	// answer showed a secret that has been destroyed since.
	ErrAnswerSpent = errors.New("the request was carried out, its answer is not kept any more")
	// ErrOvertaken means that a repetition has taken the request over.
	ErrOvertaken = store.ErrOvertaken
	// ErrChanged means that the object has another revision than By.IfMatch says.
	ErrChanged = store.ErrChanged
)

const (
	// requestLife is how long an Idempotency-Key is remembered.
	requestLife = 24 * time.Hour
	// requestBusy is how long a run has to act before a repetition may take
	// over. It is longer than any request lives; a run that comes later yet
	// finds its attempt replaced and writes nothing.
	requestBusy = 30 * time.Second
)

// Attempt is one run of a request with an Idempotency-Key; see By.
type Attempt = store.Attempt

// Repeatable is a request with an Idempotency-Key: 1 to 128 visible ASCII
// characters, of which each actor has its own.
type Repeatable struct {
	Key     string
	Actor   string
	Route   string // method and pattern, for whoever reads the table
	Request []byte // everything that makes it the same request
}

// BeginRequest says what is to be done with a request: carry it out under the
// attempt, which goes into By; or, when attempt is nil, give the kept answer
// again. The errors are *Invalid for the key, ErrOtherRequest, ErrInProgress,
// ErrAnswerLost and ErrAnswerSpent.
func (s *Service) BeginRequest(ctx context.Context, tenant store.Tenant, r Repeatable) (attempt *Attempt, answer []byte, err error) {
	if !isRequestKey(r.Key) {
		return nil, nil, invalid("Idempotency-Key", "1 to %d letters, digits or other visible ASCII characters", maxRequestKey)
	}
	id, err := store.NewID()
	if err != nil {
		return nil, nil, err
	}
	now := s.now().UTC()
	mine := store.KeptRequest{
		Attempt: store.Attempt{
			TenantID: tenant.ID, Key: s.sealer.Digest(r.Key, tenant.ID, "idempotency", "key", r.Actor), ID: id,
		},
		Actor: r.Actor, Route: r.Route,
		// Keyed, because a body may hold a secret that somebody could guess.
		Request:   s.sealer.Digest(string(r.Request), tenant.ID, "idempotency", "request"),
		BusyUntil: now.Add(requestBusy), ExpiresAt: now.Add(requestLife),
	}
	kept, ok, err := s.store.StartRequest(ctx, mine)
	switch {
	case err != nil:
		return nil, nil, err
	case ok:
		return &mine.Attempt, nil, nil
	case !bytes.Equal(kept.Request, mine.Request):
		return nil, nil, ErrOtherRequest
	case kept.State == store.RequestAnswered:
		answer, err := s.sealer.Open(kept.Answer, placeOfAnswer(kept.Attempt)...)
		if err != nil { // the master key has changed since
			return nil, nil, ErrAnswerLost
		}
		return nil, answer, nil
	case kept.State == store.RequestSpent:
		return nil, nil, ErrAnswerSpent
	case kept.State == store.RequestActed && kept.BusyUntil.Before(now):
		return nil, nil, ErrAnswerLost
	}
	return nil, nil, ErrInProgress
}

// KeepAnswer keeps the answer of a request that was carried out, sealed: it may
// hold a secret that is shown once.
func (s *Service) KeepAnswer(ctx context.Context, attempt Attempt, answer []byte) error {
	return s.store.KeepAnswer(ctx, attempt, s.sealer.Seal(answer, placeOfAnswer(attempt)...))
}

// ReleaseRequest frees the key of a request that was refused: sent again,
// corrected or not, it is looked at anew.
func (s *Service) ReleaseRequest(ctx context.Context, attempt Attempt) error {
	return s.store.ReleaseRequest(ctx, attempt)
}

func placeOfAnswer(a store.Attempt) []string {
	return []string{a.TenantID, "idempotency", hex.EncodeToString(a.Key), "answer"}
}

func isRequestKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxRequestKey
}
