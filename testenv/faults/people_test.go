//go:build linux

package faults

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// tenant is a tenant with one integration; every world has two.
type tenant struct {
	host   string
	appID  string
	keyID  string
	secret string
}

// person signs in with one link after another. Version v of the partner's
// record says: in the groups groupsAt(v), the orders ordersAt(v), v as first
// name and in meta. So the database shows which version it holds, and whether
// whole.
type person struct {
	at     *tenant
	number int // of the tenant, in the world
	name   string
	steady bool     // every link says what the first one said
	tokens []*token // version 1, 2, …
	cookie string   // of the newest session; "" = none
}

// token is a link that a person was given, and what became of it.
type token struct {
	version int
	text    string
	state   state
}

type state int

const (
	unsent       state = iota
	acknowledged       // 303 and a session
	unavailable        // 503: it must be as good as new
	unknown            // no whole answer came
	spent              // it was unknown, and is used
)

func groupsAt(version int) []string {
	return []string{"g" + fmt.Sprint(version%4), "h" + fmt.Sprint(version/4%4)}
}

func ordersAt(version int) []string {
	return []string{fmt.Sprint("o", version), fmt.Sprint("o", version-1)}
}

func (p *person) email() string { return p.name + "@faults.example" }

// next gives the person a new link.
func (p *person) next() *token {
	version, number := len(p.tokens)+1, len(p.tokens)+1
	if p.steady {
		version = 1
	}
	var credits []map[string]any
	for _, order := range ordersAt(version) {
		credits = append(credits, map[string]any{"orderId": order, "id": 1})
	}
	now := time.Now()
	t := &token{version: version, text: p.at.sign(map[string]any{
		"sub": p.name, "email": p.email(), "firstName": fmt.Sprint("v", version),
		"iat": float64(now.UnixMicro()) / 1e6, "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprint(p.name, "-", number),
		"groups": groupsAt(version), "credits": credits, "meta": map[string]any{"v": version},
	})}
	p.tokens = append(p.tokens, t)
	return t
}

// current is the newest link where it is still as good as new, and else a new
// one: who gets a 503 tries again.
func (p *person) current() *token {
	if n := len(p.tokens); n > 0 && (p.tokens[n-1].state == unsent || p.tokens[n-1].state == unavailable) {
		return p.tokens[n-1]
	}
	return p.next()
}

// sign is a compact JWS under HS256 (RFC 7515 §3.1).
func (n *tenant) sign(claims map[string]any) string {
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := encode(map[string]string{"alg": "HS256", "typ": "JWT", "kid": n.keyID}) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(n.secret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
