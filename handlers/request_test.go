package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// TestRequestIsItsContext: it ends with the client, at its deadline, and when it
// has been answered, whoever asks and whenever they begin to.
func TestRequestIsItsContext(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		name string
		act  func(r *request, hangUp context.CancelFunc)
		late time.Duration // after the beginning
		want error
	}{
		{"under way", func(*request, context.CancelFunc) {}, 0, nil},
		{"hung up", func(_ *request, hangUp context.CancelFunc) { hangUp() }, 0, context.Canceled},
		{"hung up after somebody has asked", func(r *request, hangUp context.CancelFunc) {
			r.Done()
			hangUp()
		}, 0, context.Canceled},
		{"too late", func(r *request, _ context.CancelFunc) { r.Done() }, requestDeadline, context.DeadlineExceeded},
		{"answered", func(r *request, _ context.CancelFunc) {
			r.Done()
			r.end()
		}, 0, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			outside, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			r := &request{outside: outside, id: "reference", begun: now, now: func() time.Time { return now.Add(test.late) }}
			defer r.end()
			test.act(r, hangUp)
			if err := r.Err(); !errors.Is(err, test.want) {
				t.Errorf("got error %v before anybody waits, want %v", err, test.want)
			}
			below, cancel := context.WithTimeout(r, time.Hour)
			defer cancel()
			for name, ctx := range map[string]context.Context{"itself": r, "below": below} {
				over := false
				select {
				case <-ctx.Done():
					over = true
				default:
				}
				if err := ctx.Err(); over != (test.want != nil) || !errors.Is(err, test.want) {
					t.Errorf("%s: got over %v, error %v; want %v", name, over, err, test.want)
				}
				if id := RequestID(ctx); id != "reference" {
					t.Errorf("%s: got id %q, want the request's", name, id)
				}
			}
			if end, ok := below.Deadline(); !ok || end.After(time.Now().Add(requestDeadline)) {
				t.Errorf("got deadline %v, %v below, want the request's", end, ok)
			}
			if kept := context.WithoutCancel(r); kept.Err() != nil || RequestID(kept) != "reference" {
				t.Errorf("got error %v and id %q without its end, want none and the request's", kept.Err(), RequestID(kept))
			}
		})
	}
}

func TestRequestContextInParallel(t *testing.T) {
	t.Parallel()
	r := &request{outside: t.Context(), begun: time.Now(), now: time.Now}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if RequestID(r) != "" || r.Err() != nil && !errors.Is(r.Err(), context.Canceled) {
				t.Errorf("got id %q, error %v", RequestID(r), r.Err())
			}
			if first, second := r.Done(), r.Done(); first != second {
				t.Error("got two channels")
			}
			r.end()
			<-r.Done()
		})
	}
	all.Wait()
}

// TestRequestApart: a goroutine beside the one that answers notes nothing on the
// request's own line.
func TestRequestApart(t *testing.T) {
	t.Parallel()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	Note(c, slog.String("tenant", "t"))
	beside := c.Copy()
	beside.Request = c.Request.WithContext(requestOf(c).apart(t.Context()))
	Note(beside, slog.String("user", "u"), slog.String("tenant", "other"))
	if notes := requestOf(c).notes; len(notes) != 1 || notes[0].Value.String() != "t" {
		t.Errorf("got notes %v, want the tenant alone", notes)
	}
}
