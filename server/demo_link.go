package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/web"
)

// callbackPath is where Usher takes signed links.
const callbackPath = "/auth/callback/jwt-auth"

// partnerHeader is the token's header (RFC 7515 §4).
type partnerHeader struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Kid string `json:"kid,omitempty"`
}

// partnerClaims is what the token says. An empty raw value is left out.
type partnerClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Email     string          `json:"email"`
	FirstName string          `json:"firstName"`
	LastName  string          `json:"lastName"`
	Groups    json.RawMessage `json:"groups,omitempty"`
	Credits   json.RawMessage `json:"credits,omitempty"`
	Meta      json.RawMessage `json:"meta,omitempty"`
	Onboard   bool            `json:"onboard,omitempty"`
	IssuedAt  *int64          `json:"iat,omitempty"`
	Expires   *int64          `json:"exp,omitempty"`
	ID        string          `json:"jti,omitempty"`
}

// signedLink is a link and what it was made of.
type signedLink struct {
	header, claims []byte // JSON
	token          string
	goTo           string // "" = none
	id             string // the jti; "" = none
	callback, link string
}

// sign makes the link that the wish asks for. The token is signed by hand, as
// a partner without a JWT library would.
func (cfg partnerConfig) sign(w wish) signedLink {
	header := partnerHeader{Alg: "HS256", Typ: "JWT", Kid: cfg.KeyID}
	secret := cfg.Secret
	switch w.signature {
	case signNone:
		header.Alg = "none"
	case signWrongSecret:
		secret = rand.Text() + rand.Text()
	}
	claims := cfg.claims(w)
	link := signedLink{
		header:   encode(header),
		claims:   encode(claims),
		goTo:     cfg.goTo(w),
		id:       claims.ID,
		callback: cfg.UsherURL + callbackPath,
	}
	link.token = signHS256(link.header, link.claims, secret)
	switch w.signature {
	case signNone:
		link.token = link.token[:strings.LastIndexByte(link.token, '.')+1]
	case signBroken:
		link.token = breakSignature(link.token)
	}
	query := url.Values{"token": {link.token}}
	if link.goTo != "" {
		query.Set("go", link.goTo)
	}
	link.link = link.callback + "?" + query.Encode()
	return link
}

// claims are what the wish lets the token say.
func (cfg partnerConfig) claims(w wish) partnerClaims {
	var groups []string
	for i, g := range cfg.Groups {
		if w.groups[i] {
			groups = append(groups, g.ExternalID)
		}
	}
	type grant struct {
		OrderID string `json:"orderId"`
		ID      int64  `json:"id"`
	}
	var credits []grant
	for i, c := range cfg.Credits {
		if w.credits[i] {
			credits = append(credits, grant{OrderID: orderID(w.person, i), ID: c.ID})
		}
	}
	now := cfg.Now()
	claims := partnerClaims{
		Issuer:    cfg.AppID,
		Subject:   w.person.subject,
		Email:     w.person.email,
		FirstName: w.person.first,
		LastName:  w.person.last,
		Groups:    listClaim(w.groupsHow, groups, `"optics,staff"`),
		Credits:   listClaim(w.creditsHow, credits, `[{"orderId":"L-1","id":"1"}]`),
		Meta:      json.RawMessage(strings.TrimSpace(w.meta)),
		Onboard:   w.onboard,
	}
	claims.IssuedAt = timeClaim(w.issuedAt, now, now)
	claims.Expires = timeClaim(w.expires, now, now.Add(5*time.Minute))
	switch {
	case w.id == idAgain && w.lastID != "":
		claims.ID = w.lastID
	case w.id != idAbsent:
		claims.ID = rand.Text()
	}
	return claims
}

// orderID is the partner's number for what the person bought: the same on
// every visit, so that it stays one grant.
func orderID(p partnerPerson, index int) string {
	return fmt.Sprintf("%s-%d", p.subject, index+1)
}

func creditValue(c partnerCredit) string {
	return strconv.FormatInt(c.ID, 10)
}

func listClaim[T any](how string, list []T, wrongType string) json.RawMessage {
	switch how {
	case sendEmpty:
		return json.RawMessage("[]")
	case sendNothing:
		return nil
	case sendNull:
		return json.RawMessage("null")
	case sendWrongType:
		return json.RawMessage(wrongType)
	}
	if list == nil {
		list = []T{} // nil would be sent as null
	}
	return encode(list)
}

// timeClaim is seconds since 1970 (RFC 7519 §2, NumericDate), or nil for none.
func timeClaim(how string, now, usual time.Time) *int64 {
	t := usual
	switch how {
	case timeAbsent:
		return nil
	case timePast:
		t = now.Add(-10 * time.Minute)
	case timeFuture:
		t = now.Add(10 * time.Minute)
	}
	seconds := t.Unix()
	return &seconds
}

func (cfg partnerConfig) goTo(w wish) string {
	switch w.goTo {
	case goHome:
		return "/"
	case goHostile:
		return hostileGo
	case goAbsent:
		return ""
	case goTyped:
		return w.goText
	}
	return cfg.AppURL + "/courses"
}

// signHS256 is a compact JWS (RFC 7515 §3.1). The secret's characters are the
// key, as they stand.
func signHS256(header, claims []byte, secret string) string {
	b64 := base64.RawURLEncoding
	input := b64.EncodeToString(header) + "." + b64.EncodeToString(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + b64.EncodeToString(mac.Sum(nil))
}

// breakSignature changes the signature's first character.
func breakSignature(token string) string {
	b := []byte(token)
	at := bytes.LastIndexByte(b, '.') + 1
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// encode is v as JSON. It is for values that always have a JSON form; raw ones
// among them have been checked.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// checkMeta says why the text cannot be sent as a claim, or "". It need not be
// an object: Usher's answer to another type is worth seeing.
func checkMeta(text string) string {
	switch {
	case len(text) > maxMetaBytes:
		return fmt.Sprintf("This is longer than %d bytes, too long for a link.", maxMetaBytes)
	case strings.TrimSpace(text) != "" && !json.Valid([]byte(text)):
		return "This is not JSON."
	}
	return ""
}

// show is the link as the page shows it.
func (l signedLink) show(e expectation) *web.SignedLink {
	return &web.SignedLink{
		Accepted: e.reason == "",
		Outcome:  e.sentence,
		Header:   indent(l.header),
		Claims:   indent(l.claims),
		Link:     l.link,
		Callback: l.callback,
		Token:    l.token,
		Go:       l.goTo,
	}
}

func indent(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err) // encode made it
	}
	return b.String()
}
