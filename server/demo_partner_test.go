package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
	"usher/web"
)

const partnerTestSecret = "partner-test-secret-0123456789abcdefghij"

var partnerTestNow = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func testPages(t *testing.T) *web.Pages {
	t.Helper()
	pages, err := web.New()
	if err != nil {
		t.Fatalf("web.New: %v", err)
	}
	return pages
}

func testPartner(t *testing.T) partnerConfig {
	t.Helper()
	return partnerConfig{
		UsherURL: "http://localhost:8080",
		AppURL:   "http://localhost:8082",
		AppID:    "57cc265fc1ab23cd45ef6789",
		KeyID:    "key-1",
		Secret:   partnerTestSecret,
		Groups:   []partnerGroup{{"optics", "Optics"}, {"staff", "Staff"}, {"alumni", "Alumni"}},
		Credits:  []partnerCredit{{7, "Lab day"}, {9, "Exam retake"}},
		Now:      func() time.Time { return partnerTestNow },
		Pages:    testPages(t),
	}
}

// ask fetches the partner's page for the query.
func askPartner(t *testing.T, cfg partnerConfig, query string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	newPartner(cfg).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil))
	return w.Result(), w.Body.String()
}

var openLink = regexp.MustCompile(`id="open" href="([^"]*)"`)

// shownLink is the signed link on the page, as a browser reads it.
func shownLink(t *testing.T, page string) *url.URL {
	t.Helper()
	m := openLink.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("got no signed link on the page, want one")
	}
	link, err := url.Parse(html.UnescapeString(m[1]))
	if err != nil {
		t.Fatalf("parse the link: %v", err)
	}
	return link
}

func decodePart(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got a token of %d parts, want 3", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil {
		t.Fatalf("decode part %d: %v", part, err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("decode part %d: %v", part, err)
	}
	return object
}

// RFC 7515, appendix A.1.
func TestSignHS256(t *testing.T) {
	t.Parallel()
	key, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if err != nil {
		t.Fatal(err)
	}
	got := signHS256(
		[]byte("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
		[]byte("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"),
		string(key))
	want := "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPartnerUsualLink(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	res, page := askPartner(t, cfg, "")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("got status %d, want 200", res.StatusCode)
	}
	link := shownLink(t, page)
	if got, want := link.Scheme+"://"+link.Host+link.Path, "http://localhost:8080/auth/callback/jwt-auth"; got != want {
		t.Errorf("got the address %q, want %q", got, want)
	}
	if got, want := link.Query().Get("go"), "http://localhost:8082/courses"; got != want {
		t.Errorf("got go %q, want %q", got, want)
	}
	token := link.Query().Get("token")
	wantHeader := map[string]any{"alg": "HS256", "typ": "JWT", "kid": "key-1"}
	if diff := cmp.Diff(wantHeader, decodePart(t, token, 0)); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	claims := decodePart(t, token, 1)
	if id, _ := claims["jti"].(string); len(id) < 20 {
		t.Errorf("got jti %q, want a long random one", id)
	}
	delete(claims, "jti")
	now := float64(partnerTestNow.Unix())
	wantClaims := map[string]any{
		"iss": "57cc265fc1ab23cd45ef6789", "sub": "lumen-1001", "email": "anna.lindqvist@lumen.example",
		"firstName": "Anna", "lastName": "Lindqvist",
		"groups":  []any{"optics", "staff"},
		"credits": []any{map[string]any{"orderId": "lumen-1001-1", "id": 7.0}},
		"meta":    map[string]any{"course": "Optics 101", "seat": 12.0},
		"iat":     now, "exp": now + 300,
	}
	if diff := cmp.Diff(wantClaims, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	parts := strings.Split(token, ".")
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if want := signHS256(header, payload, partnerTestSecret); token != want {
		t.Errorf("got the token %q, want it signed with the partner's secret: %q", token, want)
	}
	if usual, err := url.Parse(cfg.usualLink()); err != nil || usual.Path != link.Path || usual.Query().Get("go") != link.Query().Get("go") {
		t.Errorf("usualLink: got %q, %v, want one like that of the first page", usual, err)
	}
}

// Every wish of the form changes the token in its own way.
func TestPartnerWishes(t *testing.T) {
	t.Parallel()
	const absent = "absent"
	now := float64(partnerTestNow.Unix())
	tests := []struct {
		query, claim string
		want         any
	}{
		{"person=lumen-1003", "firstName", "Chloé"},
		{"person=unknown", "firstName", "Anna"},
		{"group=alumni", "groups", []any{"alumni"}},
		{"group=alumni&group=foreign", "groups", []any{"alumni"}},
		{"", "groups", []any{}},
		{"group=alumni&groupshow=empty", "groups", []any{}},
		{"group=alumni&groupshow=null", "groups", nil},
		{"group=alumni&groupshow=absent", "groups", absent},
		{"group=alumni&groupshow=wrong", "groups", "optics,staff"},
		{"group=alumni&groupshow=strange", "groups", []any{"alumni"}},
		{"credit=9", "credits", []any{map[string]any{"orderId": "lumen-1001-2", "id": 9.0}}},
		{"credit=9&person=lumen-1002", "credits", []any{map[string]any{"orderId": "lumen-1002-2", "id": 9.0}}},
		{"", "credits", []any{}},
		{"credit=9&creditshow=empty", "credits", []any{}},
		{"credit=9&creditshow=null", "credits", nil},
		{"credit=9&creditshow=absent", "credits", absent},
		{"credit=9&creditshow=wrong", "credits", []any{map[string]any{"orderId": "L-1", "id": "1"}}},
		{"meta=", "meta", absent},
		{"meta=+%0A", "meta", absent},
		{"meta=null", "meta", nil},
		{"meta=[1]", "meta", []any{1.0}},
		{"meta={\"a\":\"<b>\"}", "meta", map[string]any{"a": "<b>"}},
		{"onboard=1", "onboard", true},
		{"", "onboard", absent},
		{"iat=past", "iat", now - 600},
		{"iat=future", "iat", now + 600},
		{"iat=absent", "iat", absent},
		{"exp=past", "exp", now - 600},
		{"exp=absent", "exp", absent},
		{"id=absent", "jti", absent},
		{"id=again&last=the-last-one", "jti", "the-last-one"},
	}
	cfg := testPartner(t)
	for _, tt := range tests {
		_, page := askPartner(t, cfg, "form=1&"+strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22", "<", "%3C", ">", "%3E").Replace(tt.query))
		claims := decodePart(t, shownLink(t, page).Query().Get("token"), 1)
		got, ok := claims[tt.claim]
		if !ok {
			got = absent
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s (-want +got):\n%s", tt.query, tt.claim, diff)
		}
	}
}

func TestPartnerTokenIDs(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	_, first := askPartner(t, cfg, "")
	_, second := askPartner(t, cfg, "")
	id := decodePart(t, shownLink(t, first).Query().Get("token"), 1)["jti"]
	if again := decodePart(t, shownLink(t, second).Query().Get("token"), 1)["jti"]; id == again {
		t.Errorf("got jti %q twice, want a new one for each link", id)
	}
	if want := fmt.Sprintf(`name="last" value="%s"`, id); !strings.Contains(first, want) {
		t.Errorf("got a page without %s, want the form to carry the id", want)
	}
}

func TestPartnerGo(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	for query, want := range map[string]string{
		"go=":                             "http://localhost:8082/courses",
		"go=home":                         "/",
		"go=hostile":                      "//evil.example/phish",
		"go=absent":                       "",
		"go=typed&gotext=javascript:a%26": "javascript:a&",
		"go=typed&gotext=":                "",
	} {
		_, page := askPartner(t, cfg, "form=1&"+query)
		link := shownLink(t, page)
		if got := link.Query().Get("go"); got != want {
			t.Errorf("%q: got go %q, want %q", query, got, want)
		}
		if got := link.Query().Has("go"); got != (want != "") {
			t.Errorf("%q: got go in the link: %t, want %t", query, got, want != "")
		}
	}
}

func TestPartnerSignatures(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	for query, wantGood := range map[string]bool{"sig=": true, "sig=broken": false, "sig=secret": false, "sig=none": false} {
		_, page := askPartner(t, cfg, "form=1&"+query)
		token := shownLink(t, page).Query().Get("token")
		parts := strings.Split(token, ".")
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if got := token == signHS256(header, payload, partnerTestSecret); got != wantGood {
			t.Errorf("%q: got a good signature: %t, want %t", query, got, wantGood)
		}
		if query == "sig=none" {
			if got := decodePart(t, token, 0)["alg"]; got != "none" || parts[2] != "" {
				t.Errorf("got alg %q and signature %q, want none and nothing", got, parts[2])
			}
		} else if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil || len(parts[2]) != 43 {
			t.Errorf("%q: got the signature %q, want one that is well-formed", query, parts[2])
		}
	}
}

func TestPartnerExpectation(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	tests := []struct {
		query, reason, sentence string
	}{
		{"group=optics&group=staff&group=alumni&credit=7", "", "Anna is signed in, has exactly the groups Optics, Staff and Alumni, has exactly the credit Lab day, and goes to the application."},
		{"groupshow=empty&creditshow=absent&go=home", "", "Anna is signed in, loses every group, keeps the credits from before, and goes to Usher's start page."},
		{"groupshow=null&go=hostile", "", "Anna is signed in, keeps the groups from before, loses every credit, and goes to Usher's landing page instead of the hostile address."},
		{"onboard=1&person=lumen-1002", "", "goes to the welcome page on the very first visit, otherwise to the application."},
		{"id=again&last=x", "", "token_replayed, unless this browser still holds the session made from it."},
		{"sig=none&exp=past", "alg_not_allowed", ""},
		{"sig=broken&exp=past", "signature_invalid", ""},
		{"sig=secret", "signature_invalid", ""},
		{"exp=past&iat=past", "token_expired", ""},
		{"iat=past&groupshow=wrong", "token_too_old", "a link here lives 180 seconds"},
		{"iat=future", "issued_in_future", ""},
		{"iat=absent", "iat_missing", ""},
		{"meta=1&groupshow=wrong", "claim_invalid", "meta"},
		{"groupshow=wrong", "claim_invalid", "groups"},
		{"creditshow=wrong", "claim_invalid", "credit"},
	}
	for _, tt := range tests {
		form, err := url.ParseQuery("form=1&" + tt.query)
		if err != nil {
			t.Fatal(err)
		}
		got := cfg.expect(cfg.readWish(form))
		if got.reason != tt.reason || !strings.Contains(got.sentence, tt.sentence) {
			t.Errorf("%q: got %+v, want reason %q and %q", tt.query, got, tt.reason, tt.sentence)
		}
		_, page := askPartner(t, cfg, "form=1&"+tt.query)
		if !strings.Contains(html.UnescapeString(page), got.sentence) {
			t.Errorf("%q: got a page without %q, want it shown", tt.query, got.sentence)
		}
	}
}

// What the page foretells is what Usher's verifier does, for every mix of
// wishes that it decides on.
func TestPartnerExpectationHolds(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	ring, err := provisioning.NewKeyring(
		[]store.Integration{{ID: "i", AppID: cfg.AppID, MaxAge: partnerMaxAge, Leeway: time.Minute}},
		[]store.Key{{ID: cfg.KeyID, IntegrationID: "i", Algorithm: "HS256", SealedSecret: []byte("sealed")}},
		func(store.Key) ([]byte, error) { return []byte(cfg.Secret), nil })
	if err != nil {
		t.Fatal(err)
	}
	base := cfg.usualWish()
	questions := base.questions()
	var try func(rest []question)
	try = func(rest []question) {
		if len(rest) > 0 {
			for _, choice := range rest[0].choices {
				*rest[0].answer = choice.Value
				try(rest[1:])
			}
			return
		}
		for _, meta := range []string{"", " {} ", "null", "[]", `"a"`} {
			base.meta = meta
			_, err := provisioning.Verify(ring, provisioning.Link{Token: cfg.sign(base).token, Limit: 16 << 10}, partnerTestNow)
			got := ""
			if refusal, ok := errors.AsType[*provisioning.Refusal](err); ok {
				got = string(refusal.Reason)
			} else if err != nil {
				t.Fatalf("got %v, want a refusal or none", err)
			}
			if want := cfg.expect(base).reason; got != want {
				t.Errorf("%+v: got reason %q, want %q", base, got, want)
			}
		}
	}
	decided := slices.DeleteFunc(questions, func(q question) bool { return q.name == "go" || q.name == "id" })
	try(decided)
}

// The form comes back as it was filled in.
func TestPartnerFormIsKept(t *testing.T) {
	t.Parallel()
	_, page := askPartner(t, testPartner(t), "form=1&person=lumen-1002&group=alumni&groupshow=null&iat=past&meta=%7B%7D&gotext=%2Fx&onboard=1")
	for _, want := range []string{
		`name="person" value="lumen-1002" checked`,
		`name="group" value="alumni" checked`,
		`name="group" value="optics">`,
		`name="groupshow" value="null" checked`,
		`name="creditshow" value="" checked`,
		`name="iat" value="past" checked`,
		`name="onboard" value="1" checked`,
		`<details class="card" open>`,
		`>{}</textarea>`,
		`name="gotext" value="/x"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got a page without %s, want it", want)
		}
	}
}

func TestPartnerMetaFault(t *testing.T) {
	t.Parallel()
	for meta, want := range map[string]string{
		"{":                               "This is not JSON.",
		"<script>":                        "This is not JSON.",
		`"` + strings.Repeat("a", 5000):   "too long for a link",
		`{"a":1} {"b":2}`:                 "This is not JSON.",
		strings.Repeat(" ", maxMetaBytes): "",
	} {
		_, page := askPartner(t, testPartner(t), url.Values{"form": {"1"}, "meta": {meta}}.Encode())
		if got := openLink.MatchString(page); got != (want == "") {
			t.Errorf("meta %.20q: got a link: %t, want %t", meta, got, want == "")
		}
		if !strings.Contains(page, want) {
			t.Errorf("meta %.20q: got a page without %q, want it", meta, want)
		}
		if strings.Contains(page, "<script>") {
			t.Errorf("meta %.20q: got it on the page unescaped", meta)
		}
	}
}

// The secret stays on the partner's server.
func TestPartnerKeepsItsSecret(t *testing.T) {
	t.Parallel()
	cfg := testPartner(t)
	for _, query := range []string{
		"", "form=1", "form=1&sig=broken", "form=1&sig=secret", "form=1&sig=none", "form=1&meta=%7B",
		"form=1&groupshow=wrong&creditshow=wrong&iat=absent&exp=absent&id=absent",
	} {
		res, page := askPartner(t, cfg, query)
		if strings.Contains(page, partnerTestSecret) || strings.Contains(fmt.Sprint(res.Header), partnerTestSecret) {
			t.Errorf("%q: got the secret in the answer, want it nowhere", query)
		}
	}
}

func TestDemoSiteHeaders(t *testing.T) {
	t.Parallel()
	res, _ := askPartner(t, testPartner(t), "")
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' http://localhost:8080 http://localhost:8082; script-src 'self' http://localhost:8080; connect-src 'self' http://localhost:8080; frame-src http://localhost:8080; base-uri 'none'; frame-ancestors 'none'",
		"Content-Type":            "text/html; charset=utf-8",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "strict-origin",
		"Cache-Control":           "no-store",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("got %s %q, want %q", header, got, want)
		}
	}
	tests := []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, web.AssetPath("demo.css"), http.StatusOK},
		{http.MethodGet, "/elsewhere", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		newPartner(testPartner(t)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if w.Code != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, w.Code, tt.want)
		}
	}
}

// Whatever the query holds, the page is whole and the secret is not on it.
func FuzzPartnerForm(f *testing.F) {
	for _, seed := range []string{
		"", "form=1", "form=1&meta=%7B%22a%22%3A1%7D&id=again&last=%00%ff", "form=1&go=typed&gotext=%0d%0aX",
		"form=1&meta=%22%ff%22", "form=1&group=optics&group=optics&credit=07", "%zz&form=1;a=b",
	} {
		f.Add(seed)
	}
	pages, err := web.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		cfg := testPartner(t)
		cfg.Pages = pages
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		newPartner(cfg).ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "</html>") {
			t.Errorf("%q: got status %d and %d bytes, want a whole page", query, w.Code, w.Body.Len())
		}
		if strings.Contains(w.Body.String(), partnerTestSecret) {
			t.Errorf("%q: got the secret on the page", query)
		}
	})
}
