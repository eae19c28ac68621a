package handlers

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

// noon is when the requests of these tests arrive.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

const (
	back          = "https://lumen.example/back"
	goodChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636, appendix B
)

func askingClient() tokens.Client {
	return tokens.Client{ID: "1", ClientID: "lumen", Grants: []string{tokens.GrantAuthorizationCode}, RedirectURIs: []string{back}}
}

// readText reads a request as it stands in an address.
func readText(t testing.TB, client tokens.Client, query string) (authorizeRequest, *authorizeError) {
	t.Helper()
	values, err := url.ParseQuery("client_id=lumen&redirect_uri=" + url.QueryEscape(back) + "&" + query)
	if err != nil {
		t.Fatal(err)
	}
	return readAuthorize(values, client, back, connectRules, noon)
}

func TestReadAuthorize(t *testing.T) {
	t.Parallel()
	usual := func(change func(*authorizeRequest)) authorizeRequest {
		r := authorizeRequest{client: askingClient(), redirectURI: back, responseType: "code", mode: "query"}
		change(&r)
		return r
	}
	for query, want := range map[string]authorizeRequest{
		"response_type=code": usual(func(*authorizeRequest) {}),
		"response_type=code&state=a%26b&scope=openid++profile&nonce=n&login_hint=x&ui_locales=de&acr_values=y&display=popup": usual(func(r *authorizeRequest) {
			r.state, r.scope, r.nonce = "a&b", "openid profile", "n"
		}),
		"response_type=code&response_mode=fragment":  usual(func(r *authorizeRequest) { r.mode = "fragment" }),
		"response_type=code&response_mode=form_post": usual(func(r *authorizeRequest) { r.mode = "form_post" }),
		"response_type=id_token+code&nonce=n": usual(func(r *authorizeRequest) {
			r.responseType, r.mode, r.nonce = "code id_token", "fragment", "n"
		}),
		"response_type=code&code_challenge_method=S256&code_challenge=" + goodChallenge: usual(func(r *authorizeRequest) { r.challenge = goodChallenge }),
		"response_type=code&prompt=none&id_token_hint=e.y.J":                            usual(func(r *authorizeRequest) { r.silent, r.hint = true, "e.y.J" }),
		"response_type=code&prompt=consent+login": usual(func(r *authorizeRequest) {
			r.consent, r.after = true, noon
		}),
		"response_type=code&prompt=select_account":              usual(func(r *authorizeRequest) { r.after = noon }),
		"response_type=code&max_age=60":                         usual(func(r *authorizeRequest) { r.after = noon.Add(-time.Minute) }),
		"response_type=code&max_age=60&prompt=login":            usual(func(r *authorizeRequest) { r.after = noon }),
		"response_type=code&max_age=0":                          usual(func(r *authorizeRequest) { r.after = noon }),
		"response_type=code&max_age=9223372036854775807":        usual(func(*authorizeRequest) {}),
		"response_type=code&after=1777895990000":                usual(func(r *authorizeRequest) { r.after = time.UnixMilli(1777895990000) }),
		"response_type=code&after=1777895990000&max_age=1":      usual(func(r *authorizeRequest) { r.after = noon.Add(-time.Second) }),
		"response_type=code&after=99999999999999":               usual(func(r *authorizeRequest) { r.after = noon }), // nobody is asked to wait
		"response_type=code&after=9223372036854775807":          usual(func(r *authorizeRequest) { r.after = noon }),
		"response_type=code&state=" + strings.Repeat("s", 3000): usual(func(r *authorizeRequest) { r.state = strings.Repeat("s", 3000) }),
	} {
		got, wrong := readText(t, askingClient(), query)
		if wrong != nil {
			t.Errorf("%s: got error %v", query, *wrong)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(authorizeRequest{})); diff != "" {
			t.Errorf("%s: got another request (-want +got):\n%s", query, diff)
		}
	}
}

// TestAuthorizeErrors: the client is told in the mode that it expects, with its
// state.
func TestAuthorizeErrors(t *testing.T) {
	t.Parallel()
	public, machine := askingClient(), askingClient()
	public.Public, machine.Grants = true, []string{tokens.GrantClientCredentials}
	const code = "response_type=code&state=s&"
	for _, test := range []struct {
		query  string
		client tokens.Client
		code   string
		mode   string
	}{
		{"state=s", askingClient(), "invalid_request", "query"},
		{"state=s&response_type=token", askingClient(), "unsupported_response_type", "query"},
		{"state=s&response_type=code+token", askingClient(), "unsupported_response_type", "query"},
		{"state=s&response_type=code+code", askingClient(), "unsupported_response_type", "query"},
		{"state=s&response_type=none&response_mode=fragment", askingClient(), "unsupported_response_type", "fragment"},
		{code, machine, "unauthorized_client", "query"},
		{code + "response_mode=web_message", askingClient(), "invalid_request", "query"},
		{"state=s&response_type=code+id_token", askingClient(), "invalid_request", "fragment"}, // no nonce
		{"state=s&response_type=code+id_token&nonce=n&response_mode=query", askingClient(), "invalid_request", "fragment"},
		{"state=s&response_type=code+id_token&response_mode=form_post", askingClient(), "invalid_request", "form_post"},
		{code + "scope=openid&scope=profile", askingClient(), "invalid_request", "query"},
		{code + "other=1&other=2", askingClient(), "invalid_request", "query"},
		{code + "request=e.y.J", askingClient(), "request_not_supported", "query"},
		{code + "request_uri=https://x.example/", askingClient(), "request_uri_not_supported", "query"},
		{code + "registration=%7B%7D", askingClient(), "registration_not_supported", "query"},
		{code, public, "invalid_request", "query"}, // no challenge
		{code + "code_challenge=" + goodChallenge, askingClient(), "invalid_request", "query"},
		{code + "code_challenge_method=plain&code_challenge=" + goodChallenge, askingClient(), "invalid_request", "query"},
		{code + "code_challenge_method=S256&code_challenge=" + goodChallenge[1:], askingClient(), "invalid_request", "query"},
		{code + "code_challenge_method=S256&code_challenge=" + goodChallenge[1:] + "%2B", askingClient(), "invalid_request", "query"},
		{code + "code_challenge_method=S256", askingClient(), "invalid_request", "query"},
		{code + "nonce=" + strings.Repeat("n", 513), askingClient(), "invalid_request", "query"},
		{code + "prompt=none+login", askingClient(), "invalid_request", "query"},
		{code + "prompt=create", askingClient(), "invalid_request", "query"},
		{code + "max_age=-1", askingClient(), "invalid_request", "query"},
		{code + "max_age=soon", askingClient(), "invalid_request", "query"},
		{code + "after=-1", askingClient(), "invalid_request", "query"},
		{code + "scope=" + strings.Repeat("a", 4096), askingClient(), "invalid_request", "query"},
	} {
		got, wrong := readText(t, test.client, test.query)
		if wrong == nil {
			t.Errorf("%.80s: got %+v, want %s", test.query, got, test.code)
			continue
		}
		if wrong.code != test.code || got.mode != test.mode || got.state != "s" || got.redirectURI != back {
			t.Errorf("%.80s: got %s by %s with state %q to %s, want %s by %s with the state", test.query, wrong.code, got.mode, got.state, got.redirectURI, test.code, test.mode)
		}
		if wrong.description == "" || wrong.description != describable(wrong.description) {
			t.Errorf("%.80s: got the description %q", test.query, wrong.description)
		}
	}
	if got, wrong := readText(t, askingClient(), "response_type=code&state=a&state=b"); wrong == nil || got.state != "" {
		t.Errorf("two states: got %+v, want an error without one", got)
	}
	app := askingClient()
	values := url.Values{"response_type": {"code"}, "response_mode": {"form_post"}}
	if got, wrong := readAuthorize(values, app, "com.example.app:/back", connectRules, noon); wrong == nil || got.mode != "query" {
		t.Errorf("a form for an app's own scheme: got %+v, want an error in the query", got)
	}
	commas := authorizeRules{responseTypes: []string{"code"}, commas: true}
	values = url.Values{"response_type": {"code"}, "scope": {"user:name,memberof:a, memberof:b"}}
	if got, wrong := readAuthorize(values, app, back, commas, noon); wrong != nil || got.scope != "user:name memberof:a memberof:b" {
		t.Errorf("commas: got %q", got.scope)
	}
	values.Set("response_type", "code id_token")
	if _, wrong := readAuthorize(values, app, back, commas, noon); wrong == nil || wrong.code != "unsupported_response_type" {
		t.Errorf("hybrid where there is none: got %v", wrong)
	}
}

func TestAnswerURL(t *testing.T) {
	t.Parallel()
	answer := url.Values{"code": {"a b&c"}, "state": {"#x\r\n"}}
	const encoded = "code=a+b%26c&state=%23x%0D%0A"
	for _, test := range []struct{ uri, mode, want string }{
		{back, "query", back + "?" + encoded + "#"},
		{back + "?", "query", back + "?" + encoded + "#"},
		{back + "?to=7", "query", back + "?to=7&" + encoded + "#"},
		{back + "?to=7&", "query", back + "?to=7&" + encoded + "#"},
		{back + "?to=7", "fragment", back + "?to=7#" + encoded},
		{"com.example.app:/back", "query", "com.example.app:/back?" + encoded + "#"},
		{"http://[::1]:8080", "query", "http://[::1]:8080?" + encoded + "#"},
	} {
		if got := answerURL(test.uri, test.mode, answer); got != test.want {
			t.Errorf("%s by %s: got %s, want %s", test.uri, test.mode, got, test.want)
		}
	}
}

func TestFormTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ uri, target, host string }{
		{"https://lumen.example/back?x=1", "https://lumen.example", "lumen.example"},
		{"https://lumen.example:8443", "https://lumen.example:8443", "lumen.example:8443"},
		{"http://127.0.0.1:5000/", "http://127.0.0.1:5000", "127.0.0.1:5000"},
		{"http://[::1]:5000/", "http:", "[::1]:5000"},
		{"https://a;script-src.example/", "https:", "a;script-src.example"},
		{"com.example.app:/back", "com.example.app:", "the app com.example.app"},
	} {
		if got := formTarget(test.uri); got != test.target {
			t.Errorf("%s: got the target %q, want %q", test.uri, got, test.target)
		}
		if got := leadsTo(test.uri); got != test.host {
			t.Errorf("%s: got the host %q, want %q", test.uri, got, test.host)
		}
	}
}

// FuzzReadAuthorize: whatever a request says, it is read or refused; what is read
// means the same when the browser comes back with it; and an answer leads to the
// redirect URI alone, in characters that a Location has.
func FuzzReadAuthorize(f *testing.F) {
	for _, seed := range []string{
		"response_type=code&scope=openid&state=s", "response_type=code+id_token&nonce=n&response_mode=form_post",
		"response_type=code&prompt=login+consent&max_age=0", "response_type=code&code_challenge_method=S256&code_challenge=" + goodChallenge,
		"response_type=code&after=1&max_age=5&prompt=none", "state=%00%0D%0A%23&response_type=x", "a=1;b=2", "state=%FF&response_type=code",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, query string, public bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		client := askingClient()
		client.Public = public
		r, wrong := readAuthorize(values, client, back, connectRules, noon)
		location := answerURL(r.redirectURI, r.mode, url.Values{"code": {"c"}, "state": {r.state}})
		if !strings.HasPrefix(location, back+"?") && !strings.HasPrefix(location, back+"#") {
			t.Errorf("got the answer at %q", location)
		}
		if strings.ContainsFunc(location, func(c rune) bool { return c < 0x21 || c > 0x7E }) {
			t.Errorf("got the answer at %q, want it in visible characters", location)
		}
		if wrong != nil {
			return
		}
		if public && r.challenge == "" || r.after.After(noon) || r.silent && r.consent || !slices.Contains(connectRules.responseTypes, r.responseType) {
			t.Errorf("got %+v of %q", r, query)
		}
		if r.silent {
			return // no page, so nobody comes back
		}
		again, wrong := readAuthorize(r.values(), client, back, connectRules, noon.Add(time.Hour))
		if wrong != nil && len(r.values().Encode()) <= maxAuthorize {
			t.Fatalf("got %v for what was read before of %q", *wrong, query)
		}
		if wrong != nil {
			return
		}
		// What the browser carries is in milliseconds, and a hint matters in silence only.
		again.after, r.after, r.hint = again.after.Truncate(time.Millisecond).UTC(), r.after.Truncate(time.Millisecond).UTC(), ""
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(authorizeRequest{})); diff != "" {
			t.Errorf("%q: got another request the second time (-first +second):\n%s", query, diff)
		}
	})
}
