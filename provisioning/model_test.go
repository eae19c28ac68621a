package provisioning_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"usher/provisioning"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// model is what one person's tokens add up to, told without a database.
type model struct {
	groups  map[string]bool
	credits map[string]bool
	meta    map[string]any
	name    string
	newest  int // the greatest iat used
}

// apply is the whole of spec 2 for one known person of one integration.
func (m *model) apply(c claims, iat int) {
	if iat < m.newest {
		return
	}
	m.newest = iat
	if groups, ok := c["groups"].([]string); ok {
		m.groups = map[string]bool{}
		for _, g := range groups {
			if g != "unknown" {
				m.groups[g] = true
			}
		}
	}
	if credits, ok := c["credits"].([]any); ok {
		m.credits = map[string]bool{}
		for _, g := range credits {
			pair, _ := g.(map[string]any)
			m.credits[fmt.Sprintf("%v/%v", pair["orderId"], pair["id"])] = true
		}
	}
	if meta, ok := c["meta"].(map[string]any); ok {
		for key, value := range meta {
			if value == nil {
				delete(m.meta, key)
			} else {
				m.meta[key] = value
			}
		}
	}
	if name, ok := c["name"].(string); ok {
		m.name = name
	}
}

func (m *model) person() person {
	meta, _ := json.Marshal(m.meta)
	return person{
		Email: "anna@example.com", Meta: string(meta),
		Groups: slices.Sorted(maps.Keys(m.groups)), Credits: slices.Sorted(maps.Keys(m.credits)),
	}
}

// TestModel compares random sequences of tokens with the model.
func TestModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t, testenv.SQLite))
	p := w.place(t, provisioning.Settings{UnknownGroups: pointer(store.UnknownIgnore)})
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		subject, email := fmt.Sprint("anna-", runs), fmt.Sprintf("anna%d@example.com", runs)
		m := &model{meta: map[string]any{}, newest: -1}
		user := ""
		for range rapid.IntRange(1, 8).Draw(r, "tokens") {
			iat := rapid.IntRange(0, 5).Draw(r, "iat")
			c := p.anna(claims{"sub": subject, "email": email, "iat": p.clock.now().Unix() + int64(iat)})
			if rapid.Bool().Draw(r, "with groups") {
				c["groups"] = rapid.SliceOfN(rapid.SampledFrom([]string{"staff", "readers", "admins", "unknown"}), 0, 4).Draw(r, "groups")
			}
			if rapid.Bool().Draw(r, "with credits") {
				credits := []any{}
				for _, pair := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(r, "credits") {
					credits = append(credits, grant(fmt.Sprint("o", pair/3), int64(pair%3+1)))
				}
				c["credits"] = credits
			}
			if rapid.Bool().Draw(r, "with meta") {
				meta := map[string]any{}
				for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(r, "keys") {
					meta[key] = rapid.SampledFrom([]any{nil, 1, "x", true}).Draw(r, "value")
				}
				c["meta"] = meta
			}
			if rapid.Bool().Draw(r, "with name") {
				c["name"] = rapid.SampledFrom([]string{"", "A", "B"}).Draw(r, "name")
			}
			signIn, err := p.redeem(t, c)
			if err != nil || (user != "" && signIn.UserID != user) {
				r.Fatalf("got user %s, error %v, want user %s", signIn.UserID, err, user)
			}
			user = signIn.UserID
			m.apply(c, iat)
			got, want := p.person(t, user), m.person()
			got.Email = want.Email
			if !slices.Equal(got.Groups, want.Groups) || !slices.Equal(got.Credits, want.Credits) || got.Meta != want.Meta ||
				p.profile(t, user).Name != m.name {
				r.Fatalf("after %v: got %+v, want %+v", c, got, want)
			}
		}
	})
}
