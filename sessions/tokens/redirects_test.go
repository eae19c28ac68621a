package tokens_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

// TestRedirectURIs: which addresses a client can register.
func TestRedirectURIs(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx, tenant := open(s, now), t.Context(), newTenant(t, s)
		c, _, err := service.AddClient(ctx, tenant, "shop", tokens.ClientSettings{Name: ptr("Shop")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		good := []string{
			"https://shop.example", "https://shop.example/", "https://shop.example:8443/back?from=usher&x=%20", "https://[2001:db8::1]/back",
			"http://127.0.0.1/back", "http://127.0.0.1:3000/back", "http://[::1]:3000/back", "http://localhost/",
			"com.example.shop:/back", "com.example.shop://back/to?it=1", "https://shop.example/a;b,c(d)!'",
			"https://shop.example/" + strings.Repeat("a", 2000-len("https://shop.example/")),
		}
		c, err = service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{RedirectURIs: append(good, good[0]), PostLogoutURIs: good}, byTest)
		if err != nil || cmp.Diff(good, c.RedirectURIs) != "" || cmp.Diff(good, c.PostLogoutURIs) != "" {
			t.Fatalf("got %q and %q, error %v", c.RedirectURIs, c.PostLogoutURIs, err)
		}
		for _, uri := range []string{
			"", "/back", "//shop.example/back", "shop.example/back", "https:", "https://", "https:///back", "https:shop.example", "https://:443/",
			"http://shop.example/back", "http://127.0.0.2/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http:localhost",
			"https://shop.example/back#", "https://shop.example/back#here", "https://shop.example/*", "https://*.shop.example/",
			"https://user@shop.example/", "https://user:pass@shop.example/", "https://shop.example\\@evil.example/", "https://@shop.example/",
			"https://shop.example/a b", " https://shop.example/", "https://shop.example/\n", "https://shop.example/ä", "https://shöp.example/",
			"https://SHOP.example/", "HTTPS://shop.example/", "https://shop.example:/", "https://shop.example:0/", "https://shop.example:65536/", "https://shop.example:x/",
			"https://shop%2eexample/", "https://shop.example/%zz",
			"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:a@b.example", "shop:/back", "urn:ietf:wg:oauth:2.0:oob", "blob:https://a/b",
			".example:/back", "com.:/back", "com..example:/back", "com.example.shop://user@host/",
			"https://shop.example/" + strings.Repeat("a", 2001-len("https://shop.example/")),
		} {
			for field, wish := range map[string]tokens.ClientSettings{
				"redirect_uris":             {RedirectURIs: []string{"https://good.example/", uri}},
				"post_logout_redirect_uris": {PostLogoutURIs: []string{"https://good.example/", uri}},
			} {
				_, err := service.ChangeClient(ctx, tenant, c.ID, wish, byTest)
				if !slices.Equal(fieldsOf(err), []string{field}) || !strings.Contains(err.Error(), "number 2") {
					t.Errorf("%s %q: got error %v, want one of number 2", field, uri, err)
				}
			}
		}
		many := make([]string, 51)
		for i := range many {
			many[i] = "https://shop.example/" + strings.Repeat("a", i)
		}
		if _, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{RedirectURIs: many}, byTest); !slices.Equal(fieldsOf(err), []string{"redirect_uris"}) {
			t.Errorf("51 addresses: got error %v", err)
		}
		same, err := service.Client(ctx, tenant, c.ID)
		if err != nil || cmp.Diff(good, same.RedirectURIs) != "" {
			t.Errorf("after refusals: got %q, error %v, want them as they were", same.RedirectURIs, err)
		}
	})
}

// TestRedirects: an address counts letter by letter, but for the port of a public
// client's on loopback.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		registered, uri  string
		everyone, public bool
	}{
		{"https://shop.example/back", "https://shop.example/back", true, true},
		{"https://shop.example/back", "https://shop.example/back/", false, false},
		{"https://shop.example/back", "https://shop.example/back?x=1", false, false},
		{"https://shop.example/back", "https://shop.example:443/back", false, false},
		{"https://shop.example/back", "https://shop.example:8443/back", false, false},
		{"https://shop.example/back", "https://shop.example.evil.example/back", false, false},
		{"https://shop.example/back", "HTTPS://shop.example/back", false, false},
		{"https://localhost/back", "https://localhost:8443/back", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:51004/back", false, true},
		{"http://127.0.0.1:3000/back?a=b", "http://127.0.0.1:51004/back?a=b", false, true},
		{"http://[::1]/back", "http://[::1]:51004/back", false, true},
		{"http://localhost/back", "http://localhost:51004/back", false, true},
		{"http://127.0.0.1/back", "http://localhost:51004/back", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:51004/other", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:51004/back#x", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:51004@evil.example/back", false, false},
		{"http://127.0.0.1/back", "http://x@127.0.0.1:51004/back", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:/back", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1:99999/back", false, false},
		{"http://127.0.0.1/back", "http://127.0.0.1.evil.example:51004/back", false, false},
		{"http://127.0.0.1/back", "", false, false},
		{"com.example.shop:/back", "com.example.shop:/back", true, true},
		{"com.example.shop:/back", "com.example.other:/back", false, false},
	} {
		for public, want := range map[bool]bool{false: test.everyone, true: test.public} {
			c := tokens.Client{Public: public, RedirectURIs: []string{"https://first.example/", test.registered}}
			if got := tokens.Redirects(c, test.uri); got != want {
				t.Errorf("registered %q, public %v: %q got %v, want %v", test.registered, public, test.uri, got, want)
			}
		}
	}
	if tokens.Redirects(tokens.Client{Public: true}, "http://127.0.0.1:3000/") {
		t.Error("a client without addresses: got true")
	}
}

// FuzzRedirects: whatever a request names leads to a registered address, or to
// the registered path at another port of this machine.
func FuzzRedirects(f *testing.F) {
	for _, seed := range []string{
		"https://shop.example/back", "http://127.0.0.1:51004/back", "http://127.0.0.1:51004@evil.example/back", "http://[::1%25x]:1/back", "com.example.shop:/back",
	} {
		f.Add(seed)
	}
	c := tokens.Client{Public: true, RedirectURIs: []string{"https://shop.example/back", "http://127.0.0.1/back", "http://[::1]:80/back?a"}}
	f.Fuzz(func(t *testing.T, uri string) {
		if !tokens.Redirects(c, uri) || slices.Contains(c.RedirectURIs, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || u.Path != "/back" ||
			u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
			t.Errorf("got %q accepted", uri)
		}
	})
}

// TestPublicClient: who has nothing to prove is known by name alone.
func TestPublicClient(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		c, secret, err := service.AddClient(ctx, tenant, "phone", tokens.ClientSettings{Name: ptr("Phone"), Public: ptr(true)}, byTest)
		if err != nil || secret != "" || !slices.Equal(c.Grants, []string{tokens.GrantAuthorizationCode}) {
			t.Fatalf("got %+v, a secret of %d characters, error %v", c, len(secret), err)
		}
		if _, _, err := service.AddClient(ctx, tenant, "server", tokens.ClientSettings{Name: ptr("Server")}, byTest); err != nil {
			t.Fatal(err)
		}
		got, err := service.PublicClient(ctx, tenant, "phone")
		if err != nil || got.ID != c.ID {
			t.Errorf("got %+v, error %v", got, err)
		}
		for name, ask := range map[string][2]string{
			"a confidential one": {tenant, "server"}, "nobody": {tenant, "nobody"}, "no name": {tenant, "a b"}, "another tenant's": {other, "phone"},
		} {
			if _, err := service.PublicClient(ctx, ask[0], ask[1]); !errors.Is(err, tokens.ErrInvalidClient) {
				t.Errorf("%s: got error %v", name, err)
			}
		}
		if _, err := service.AuthenticateClient(ctx, tenant, "phone", ""); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("with no secret: got error %v", err)
		}
		if _, _, err := service.AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest); !slices.Equal(fieldsOf(err), []string{"secrets"}) {
			t.Errorf("a secret for it: got error %v", err)
		}
		// Disabled elsewhere, it is refused here at once: nothing is cached.
		if _, err := open(s, now).ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Disabled: ptr(true)}, byTest); err != nil {
			t.Fatal(err)
		}
		if _, err := service.PublicClient(ctx, tenant, "phone"); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("disabled: got error %v", err)
		}
	})
}
