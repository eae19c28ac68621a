package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPopulationOf(t *testing.T) {
	t.Parallel()
	for _, users := range []int{minPeople, 4001, 20_000, 1_000_000} {
		p := populationOf(users)
		next := 1
		for _, part := range []span{p.Repeat, p.Raw, p.Swapped, p.Changed, p.Rich} {
			if part.First != next || part.Count < 50 {
				t.Errorf("%d people: got %+v, want spans of at least 50 that follow each other", users, p)
			}
			next = part.end()
		}
		if next != users+1 || p.Repeat.Count < 64 {
			t.Errorf("%d people: got %+v, want all of them, and 64 for the sessions", users, p)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := signer{Issuer: "app", KeyID: "key", Secret: strings.Repeat("s", 32)}
	token := s.token("person", 58, says{Groups: 3, Shift: 1, Credits: 2}, 1_700_000_000)
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3", len(parts))
	}
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); parts[2] != want {
		t.Errorf("got signature %s, want %s", parts[2], want)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	if id, _ := claims["jti"].(string); len(id) != 32 {
		t.Errorf("got jti %q, want 32 characters", id)
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "app", "sub": "person-58", "email": "person-58@example.com", "firstName": "Anna", "lastName": "Lindqvist 58",
		"groups":  []any{"g59", "g0", "g1"},
		"credits": []any{map[string]any{"orderId": "A-58", "id": 19.0}, map[string]any{"orderId": "A-58", "id": 20.0}},
		"meta":    map[string]any{"plan": "gold", "seats": 3.0}, "iat": 1.7e9,
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if forged := forge(token); !strings.HasPrefix(forged, parts[0]+"."+parts[1]+".") || forged == token || len(forged) != len(token) {
		t.Errorf("got forged token %s, want another signature of the same length", forged)
	}
}

func TestScatter(t *testing.T) {
	t.Parallel()
	hit := make(map[int]bool)
	for n := range 10_000 {
		place := scatter(n, 1000)
		if place < 0 || place >= 1000 {
			t.Fatalf("got %d, want 0 to 999", place)
		}
		hit[place] = true
	}
	if len(hit) < 900 {
		t.Errorf("got %d places of 1000 used, want nearly all", len(hit))
	}
}

// TestApart meets everybody once, and no neighbours one after the other.
func TestApart(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 2, 60, 61, 1000, 4001} {
		hit := make(map[int]bool)
		for n := range count {
			place := apart(n, count)
			if place < 0 || place >= count || hit[place] {
				t.Fatalf("%d of %d: got %d, want a new one", n, count, place)
			}
			hit[place] = true
		}
	}
}
