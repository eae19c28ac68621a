package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// trips is how often one request of a kind goes to a store and back: of
// several sent, the least and the most. What the background does now and then
// may be among the most.
type trips struct {
	Kind                  string
	SQLLeast, SQLMost     int
	RedisLeast, RedisMost int
}

// counted is what the pass through the proxies found out.
type counted struct {
	Trips []trips
	// Two sign-ins of each kind, with their statements.
	repeat, first [2]recorded
	changed       [2]recorded // out of the usual groups, and back
}

// requestsCounted is how many requests of each kind are counted.
const requestsCounted = 11

// nobody is the number of the first one of those whom the measured load does not
// meet.
const nobody = 1_000_000_000

// countTrips runs u through counting proxies and sends single requests.
func countTrips(ctx context.Context, u *usher, folder, program string, d *database, c *cache) (_ counted, err error) {
	record := &recorder{}
	sql, err := newProxy(d.url.Host, record.connection)
	if err != nil {
		return counted{}, err
	}
	defer sql.close()
	redis, err := newProxy(c.url.Host, nil)
	if err != nil {
		return counted{}, err
	}
	defer redis.close()
	if err := u.start(ctx, folder, program, "DATABASE_URL="+d.dsn(sql.address()), "REDIS_URL="+c.dsn(redis.address())); err != nil {
		return counted{}, err
	}
	defer func() { err = errors.Join(err, u.stop()) }()

	// People whom the measured load will not meet. Their numbers are so far
	// apart that they all have the same groups and credits: what differs
	// between two of them is then new with each.
	next := nobody
	cookie, err := u.signIn(ctx, next, usual)
	if err != nil {
		return counted{}, err
	}
	var result counted
	signIn := func(prepared *[2]recorded, number func() int, content func() says) func(int) error {
		return func(i int) error {
			who := number()
			record.take()
			if _, err := u.signIn(ctx, who, content()); err != nil {
				return err
			}
			if prepared != nil {
				prepared[i%2] = recorded{Name: nameOf(person, who), Calls: record.take()}
			}
			return nil
		}
	}
	fresh := func() int { next += catalogGroups; return next }
	turn := 0
	known := func() int { turn++; return nobody + turn%2*catalogGroups }
	call := u.Signer.token(person, nobody, usual, time.Now().Unix())
	unchanged := func() says { return usual }
	swaps := 0
	swapped := func() says {
		swaps++
		return says{Groups: 3, Shift: swapShift * (swaps % 2), Credits: 1}
	}
	for _, kind := range []struct {
		name string
		send func(i int) error
	}{
		{rowFirst, signIn(&result.first, fresh, unchanged)},
		{rowRepeat, signIn(&result.repeat, known, unchanged)},
		{rowChanged, signIn(&result.changed, func() int { return nobody + 2*catalogGroups }, swapped)},
		{rowForged, func(int) error {
			token := forge(u.Signer.token(person, nobody, usual, time.Now().Unix()))
			return u.want(ctx, callbackPath+"?token="+token, "", http.StatusUnauthorized)
		}},
		{"GET /auth/session", func(int) error { return u.want(ctx, "/auth/session", cookie, http.StatusOK) }},
		{rowVerify, func(int) error { return u.want(ctx, verifyPath, cookie, http.StatusNoContent) }},
		{rowCall, func(int) error { return u.called(ctx, call) }},
		{rowView, func(int) error {
			token := u.Signer.token(person, nobody, usual, time.Now().Unix())
			return u.want(ctx, viewPath+"?appId="+u.Signer.Issuer+"&user="+token, "", http.StatusOK)
		}},
	} {
		var sqlTurns, redisTurns []int
		for i := range requestsCounted + 2 {
			sqlBefore, redisBefore := sql.turns(), redis.turns()
			if err := kind.send(i); err != nil {
				return counted{}, fmt.Errorf("%s: %w", kind.name, err)
			}
			if i >= 2 { // before, statements were prepared
				sqlTurns = append(sqlTurns, sql.turns()-sqlBefore)
				redisTurns = append(redisTurns, redis.turns()-redisBefore)
			}
		}
		result.Trips = append(result.Trips, trips{
			kind.name, slices.Min(sqlTurns), slices.Max(sqlTurns), slices.Min(redisTurns), slices.Max(redisTurns),
		})
	}
	return result, nil
}

// called asks verifyPath with a token in the header.
func (u *usher) called(ctx context.Context, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.address+verifyPath, nil)
	if err != nil {
		return err
	}
	request.Host = publicHost
	request.Header.Set("Authorization", "JWT "+token)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("got %s, want 204", answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}

// want sends a request and holds its status against want.
func (u *usher) want(ctx context.Context, target, cookie string, want int) error {
	answer, err := u.get(ctx, target, cookie)
	if err == nil && answer.StatusCode != want {
		err = fmt.Errorf("got %s, want %d", answer.Status, want)
	}
	return err
}
