package main

import (
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEmbed shows a resource in a frame: the person is provisioned, the session
// is the frame's own, the content comes through with who is there.
func TestEmbed(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		a := e.open(t, view, e.presented("chloe"))
		s := shows(t, a, http.StatusOK)
		if s.user == "" || s.bearer == "" || s.origins != partnerSite {
			t.Errorf("got %+v, want somebody, a bearer and the origins", s)
		}
		if n, err := strconv.Atoi(s.expires); err != nil || n < 3590 || n > 3600 {
			t.Errorf("got %s s left, want an hour", s.expires)
		}
		if got := a.header["Set-Cookie"]; len(got) != 1 || !strings.HasSuffix(got[0], "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned") {
			t.Errorf("got cookies %q, want the frame's alone", got)
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, "; frame-ancestors "+partnerSite) || strings.Contains(policy, "unsafe") {
			t.Errorf("got policy %q", policy)
		}
		if got := a.header.Get("X-Frame-Options") + a.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("got X-Frame-Options or CORS %q, want neither", got)
		}
		if strings.Contains(a.body, "eyJ") {
			t.Error("got a token in the page")
		}
		for _, by := range []string{framing(s.cookie), bearing(s.bearer)} {
			state := decode[viewState](t, e.get(t, view+"/session", by))
			if state.UserID != s.user || state.Name != "chloe Durand" || state.ExpiresIn < 3590 || state.ExpiresIn > 3600 {
				t.Errorf("got %+v, want Chloé for an hour", state)
			}
		}
		content := e.get(t, s.content)
		if content.status != http.StatusOK || content.body != "content /votes/57cc26 for chloe@lumen.example" {
			t.Errorf("got content %v", content)
		}
		if got := e.content.last(t).Header.Get("X-Usher-User"); got != s.user {
			t.Errorf("got user %q at the content's server, want %q", got, s.user)
		}
	})
}

// TestEmbedProvisions makes the person whom the token names, with or without an
// e-mail address, once.
func TestEmbedProvisions(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.resource(t, "notice", "board", nil)
		i.admin(t, http.StatusCreated, http.MethodPost, "/groups", fields{"external_id": "diners", "name": "Diners"})
		for name, email := range map[string]any{"absent": nil, "empty": "", "given": "given@lumen.example"} {
			claims := e.presented(name).with(fields{"email": email, "groups": []string{"diners"}, "authorizedVotes": []string{}})
			first := shows(t, e.open(t, view, claims), http.StatusOK)
			again := e.open(t, view, claims)
			if second := shows(t, again, http.StatusOK); first.user == "" || second.user != first.user || second.bearer == first.bearer {
				t.Errorf("%s: got users %q and %q, want one person with two sessions", name, first.user, second.user)
			}
			page := html.UnescapeString(again.body)
			for _, want := range []string{"Where to eat", name + " Durand", "Diners"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: got our own page without %q", name, want)
				}
			}
			user := decode[map[string]any](t, i.admin(t, http.StatusOK, http.MethodGet, "/users/"+first.user, nil))
			if want, _ := email.(string); user["email"] != want || user["first_name"] != name {
				t.Errorf("%s: got %v", name, user)
			}
		}
		e.wantFramed(t, e.open(t, view, e.presented("x").with(fields{"sub": nil, "email": ""})), http.StatusBadRequest, "claim_missing", partnerSite)
		e.wantFramed(t, e.open(t, view, e.presented("x").with(fields{"authorizedVotes": "57cc26"})), http.StatusBadRequest, "claim_invalid", partnerSite)
	})
}

// wantFramed checks a refusal in a frame: a page with reason and reference that
// these origins may frame, and no session.
func (e *embedder) wantFramed(t testing.TB, a answer, status int, reason, origins string) {
	t.Helper()
	e.wantReason(t, a, status, reason)
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("%s: got type %q, want a page", reason, a.header.Get("Content-Type"))
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-ancestors "+origins) {
		t.Errorf("%s: got policy %q, want it framed by %s", reason, policy, origins)
	}
	if s := shows(t, a, status); s.bearer != "" || s.user != "" || s.content != "" {
		t.Errorf("%s: got %+v, want nobody", reason, s)
	}
}

// TestEmbedSpendsNothing: a token is good for any number of views, its jti means
// nothing here, and the callback still takes it, once.
func TestEmbedSpendsNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.resource(t, "notice", "board", nil)
		token := e.token(e.presented("chloe").with(fields{"jti": "one"}))
		target := view + "?appId=" + e.AppID + "&user=" + token
		var group sync.WaitGroup
		users := make([]string, 20)
		for n := range users {
			group.Go(func() {
				a, err := i.try(t.Context(), http.MethodGet, target, "", in...)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("view %d: got %v, error %v", n, a, err)
					return
				}
				_, rest, _ := strings.Cut(a.body, `data-user="`)
				users[n], _, _ = strings.Cut(rest, `"`)
			})
		}
		group.Wait()
		for _, user := range users {
			if user == "" || user != users[0] {
				t.Fatalf("got users %q, want one", users)
			}
		}
		i.signIn(t, link(token))
		i.wantReason(t, i.get(t, link(token), wantsJSON), http.StatusUnauthorized, "token_replayed")
		if s := shows(t, e.load(t, target), http.StatusOK); s.user != users[0] {
			t.Errorf("after the callback: got user %q, want %q", s.user, users[0])
		}
	})
}

// TestEmbedTokenAge: presented tokens have an age of their own.
func TestEmbedTokenAge(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	e := embedding(t, i, nil)
	short := embedding(t, i, fields{"name": "Short", "embed_max_age": 60})
	view := e.resource(t, "notice", "board", nil)
	aged := func(e *embedder, seconds int64, more fields) fields {
		return e.presented("chloe").with(fields{"iat": time.Now().Unix() - seconds}).with(more)
	}
	s := shows(t, e.open(t, view, aged(e, 600, nil)), http.StatusOK)
	if n, _ := strconv.Atoi(s.expires); n < 2900 || n > 3000 {
		t.Errorf("ten minutes old: got %s s left, want 50 minutes", s.expires)
	}
	i.wantReason(t, i.get(t, link(e.token(aged(e, 600, nil))), wantsJSON), http.StatusUnauthorized, "token_too_old")
	s = shows(t, e.open(t, view, aged(e, 0, fields{"exp": time.Now().Unix() + 300})), http.StatusOK)
	if n, _ := strconv.Atoi(s.expires); n < 200 || n > 300 {
		t.Errorf("with exp: got %s s left, want 300", s.expires)
	}
	e.wantFramed(t, e.open(t, view, aged(e, 3700, nil)), http.StatusUnauthorized, "token_too_old", partnerSite)
	e.wantFramed(t, e.open(t, view, aged(e, 600, fields{"exp": time.Now().Unix() - 300})), http.StatusUnauthorized, "token_expired", partnerSite)
	e.wantFramed(t, short.open(t, view, aged(short, 200, nil)), http.StatusUnauthorized, "token_too_old", partnerSite)
	e.wantFramed(t, e.open(t, view, aged(e, 0, fields{"iat": nil})), http.StatusUnauthorized, "iat_missing", partnerSite)
	e.wantFramed(t, e.open(t, view, aged(e, 0, fields{"iss": "somebody"})), http.StatusUnauthorized, "issuer_mismatch", partnerSite)
}

// TestEmbedFraming: who may frame what, refusals as well.
func TestEmbedFraming(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, http.StatusCreated, http.MethodPost, "/tenants", fields{"name": "Bolt", "hosts": []string{"b.localhost"}})
		e := embedding(t, i, fields{"embed_origins": []string{"https://a.example", "https://a.example:8443"}})
		f := embedding(t, i, fields{"name": "F", "embed_origins": []string{"https://f.example"}})
		off := embedding(t, i, fields{"name": "Off", "embed_origins": []string{}})
		other := embedding(t, i, fields{"name": "Other", "embed_origins": []string{"https://other.example"}}, "Host: b.localhost")
		view := e.resource(t, "notice", "board", nil)
		const ofE, all = "https://a.example https://a.example:8443", "https://a.example https://a.example:8443 https://f.example"

		shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		if got := e.open(t, view, e.presented("chloe")).header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-ancestors "+ofE) {
			t.Errorf("got policy %q, want E's origins", got)
		}
		if got := f.open(t, view, f.presented("chloe")).header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-ancestors https://f.example") {
			t.Errorf("by F's token: got policy %q, want F's origins", got)
		}
		e.wantFramed(t, off.open(t, view, off.presented("olga")), http.StatusForbidden, "embedding_off", "'none'")

		// F's token in the place of E's.
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID+"&user="+f.token(f.presented("x"))), http.StatusUnauthorized, "issuer_mismatch", "https://f.example")
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID+"&user=abc"), http.StatusBadRequest, "token_malformed", ofE)
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID), http.StatusUnauthorized, "no_session", ofE)
		e.wantFramed(t, e.load(t, view+"?user=abc"), http.StatusBadRequest, "token_malformed", all)
		e.wantFramed(t, e.load(t, view), http.StatusUnauthorized, "no_session", all)
		e.wantFramed(t, e.load(t, view+"?appId=nobody"), http.StatusNotFound, "integration_unknown", all)
		e.wantFramed(t, e.load(t, view+"?appId="+other.AppID), http.StatusNotFound, "integration_unknown", all)
		e.wantFramed(t, e.open(t, "/embed/notice/nothing", e.presented("chloe")), http.StatusNotFound, "not_found", ofE)
		e.wantFramed(t, e.open(t, "/embed/NOTICE/board", e.presented("chloe")), http.StatusNotFound, "not_found", ofE)
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID+"&user=a&user=b"), http.StatusBadRequest, "token_malformed", ofE)
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID+"&appId="+e.AppID+"&user=a"), http.StatusNotFound, "integration_unknown", all)
		if got := e.load(t, view, "Host: nobody.example").header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-ancestors 'none'") {
			t.Errorf("at an unknown host: got policy %q", got)
		}

		// Tokens and resources of another tenant.
		e.wantFramed(t, e.load(t, view+"?user="+other.token(other.presented("x"))), http.StatusNotFound, "integration_unknown", all)
		e.wantFramed(t, e.load(t, view+"?appId="+other.AppID+"&user="+other.token(other.presented("x")), "Host: b.localhost"),
			http.StatusNotFound, "not_found", "https://other.example")
	})
}

// TestEmbedEndings: what ends sessions ends views and their content, on every
// instance, for the next request.
func TestEmbedEndings(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		j := i
		if w.redis != "" {
			j = launch(t, w)
		}
		e := embedding(t, i, nil)
		there := *e
		there.instance = j
		view := e.framed(t, "vote-widget", "57cc26", nil)
		enter := func(name string) shown { return shows(t, there.open(t, view, e.presented(name)), http.StatusOK) }
		// ended checks that of a view only its address is left.
		ended := func(what string, s shown) {
			t.Helper()
			for _, at := range []*embedder{e, &there} {
				if at.lives(t, view, framing(s.cookie)) || at.lives(t, view, bearing(s.bearer)) {
					t.Errorf("%s: got a session that lives", what)
				}
				before := e.content.requests()
				at.wantReason(t, at.get(t, s.content, wantsPage), http.StatusUnauthorized, "no_session")
				if e.content.requests() != before {
					t.Errorf("%s: got a request passed on", what)
				}
				at.wantReason(t, at.renew(t, view, e.presented("berta"), bearing(s.bearer)), http.StatusUnauthorized, "no_session")
			}
		}
		anna, berta := enter("anna"), enter("berta")
		if a := there.get(t, anna.content); a.status != http.StatusOK {
			t.Fatalf("got %v, want content", a)
		}
		i.admin(t, http.StatusNoContent, http.MethodPost, "/users/"+anna.user+"/sign-out", nil)
		ended("signed out", anna)
		anna = enter("anna")
		i.admin(t, http.StatusOK, http.MethodPatch, "/users/"+anna.user, fields{"disabled": true})
		ended("disabled", anna)
		there.wantFramed(t, there.open(t, view, e.presented("anna")), http.StatusForbidden, "user_disabled", partnerSite)
		if !there.lives(t, view, bearing(berta.bearer)) {
			t.Error("got another person's session ended")
		}
		i.admin(t, http.StatusNoContent, http.MethodPost, "/integrations/"+e.ID+"/sign-out", nil)
		ended("everyone signed out", berta)
		berta = enter("berta")
		i.admin(t, http.StatusNoContent, http.MethodDelete, "/integrations/"+e.ID, nil)
		ended("removed", berta)
		if a := there.open(t, view, e.presented("berta")); a.status != http.StatusUnauthorized {
			t.Errorf("removed: got %v, want 401", a)
		}
	})
}

// TestEmbedCookieIsApart (C08): the secrets of a frame open no page of ours, and
// a page's cookie opens nothing in frames.
func TestEmbedCookieIsApart(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		for _, secret := range []string{s.cookie, s.bearer, s.ticket} {
			for _, header := range []string{framing(secret), holding(secret), "Authorization: Bearer " + secret} {
				for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/verify", "/api/resources"} {
					if a := i.get(t, path, wantsJSON, header); a.status != http.StatusUnauthorized {
						t.Errorf("%s with a frame's secret: got %v, want 401", path, a)
					}
				}
			}
			if a := i.get(t, "/", wantsPage, framing(secret)); strings.Contains(a.body, "chloe") {
				t.Error("got the person on the home page")
			}
		}
		cookie := i.signIn(t, link(e.token(e.presented("chloe"))))
		for _, header := range []string{holding(cookie), framing(cookie), bearing(cookie)} {
			if e.lives(t, view, header) {
				t.Error("got a frame's session by a page's cookie")
			}
			e.wantFramed(t, e.load(t, view+"?appId="+e.AppID, header), http.StatusUnauthorized, "no_session", partnerSite)
		}
		for _, wrong := range []string{s.cookie, s.bearer, cookie, s.ticket[:42], strings.Repeat("A", 43)} {
			a := i.get(t, view+"/content/"+wrong+"/", wantsPage, framing(s.cookie), holding(cookie))
			i.wantReason(t, a, http.StatusUnauthorized, "no_session")
		}
		for _, wrong := range []string{framing(s.bearer), framing(s.ticket), bearing(s.cookie), bearing(s.ticket), "X-Nothing: 1"} {
			if e.lives(t, view, wrong) {
				t.Error("got a session by one secret in another's place")
			}
		}
		// A credential that is given on purpose decides alone.
		if a := e.get(t, view+"/session", framing(s.cookie), "Authorization: Bearer wrong"); a.status != http.StatusUnauthorized {
			t.Errorf("a bad bearer beside a good cookie: got %v, want 401", a)
		}
	})
}

// TestEmbedTickets: a ticket opens the view it was made for, in its tenant.
func TestEmbedTickets(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, http.StatusCreated, http.MethodPost, "/tenants", fields{"name": "Bolt", "hosts": []string{"b.localhost"}})
		e := embedding(t, i, nil)
		other := embedding(t, i, nil, "Host: b.localhost")
		view, second := e.framed(t, "vote-widget", "57cc26", nil), e.framed(t, "vote-widget", "68dd37", nil)
		foreign := other.framed(t, "vote-widget", "57cc26", nil)
		ours := e.resource(t, "notice", "board", nil)
		s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		for _, target := range []string{second + "/content/" + s.ticket + "/", ours + "/content/" + s.ticket + "/"} {
			i.wantReason(t, i.get(t, target, wantsPage), http.StatusUnauthorized, "no_session")
		}
		i.wantReason(t, i.get(t, foreign+"/content/"+s.ticket+"/", wantsPage, "Host: b.localhost"), http.StatusUnauthorized, "no_session")
		if a := i.get(t, foreign+"/session", bearing(s.bearer), "Host: b.localhost"); a.status != http.StatusUnauthorized {
			t.Errorf("a bearer at another tenant: got %v, want 401", a)
		}
		if e.lives(t, second, bearing(s.bearer)) {
			t.Error("got a bearer good at another view")
		}
		for _, path := range []string{"/../x", "/%2e%2e/x", "/a/%2e%2e%2fx", "/..%5cx"} {
			a, _ := i.raw(t, "GET "+view+"/content/"+s.ticket+path+" HTTP/1.1")
			if a.status != http.StatusNotFound {
				t.Errorf("%s: got %v, want 404", path, a)
			}
		}
	})
}

// TestEmbedRights: restricted resources, and tokens that name some.
func TestEmbedRights(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		guest := embedding(t, i, fields{"name": "Guest"})
		open, own := e.framed(t, "vote-widget", "open", nil), e.framed(t, "vote-widget", "own", fields{"restricted": true})
		for _, test := range []struct {
			name       string
			by         *embedder
			claims     fields
			open, kept int
		}{
			{"nothing named", e, nil, 200, 200},
			{"an empty list", e, fields{"authorizedVotes": []string{}}, 200, 200},
			{"one of them", e, fields{"authorizedVotes": []string{"own"}}, 403, 200},
			{"the other way to say it", e, fields{"authorizedResources": []string{"open"}}, 200, 403},
			{"both lists", e, fields{"authorizedVotes": []string{"own"}, "authorizedResources": []string{"open"}}, 200, 200},
			{"another", e, fields{"authorizedVotes": []string{"else"}}, 403, 403},
			{"a guest", guest, nil, 200, 403},
			{"a guest who names it", guest, fields{"authorizedVotes": []string{"own"}}, 403, 403},
		} {
			for view, want := range map[string]int{open: test.open, own: test.kept} {
				a := test.by.open(t, view, test.by.presented("chloe").with(fields{"email": nil}).with(test.claims))
				if a.status != want {
					t.Errorf("%s at %s: got %v, want %d", test.name, view, a, want)
				}
				if want == http.StatusForbidden {
					e.wantFramed(t, a, want, "resource_forbidden", partnerSite)
				}
			}
		}

		// A cookie carries the list on, and a fresh token is asked again.
		s := shows(t, e.open(t, open, e.presented("chloe").with(fields{"authorizedVotes": []string{"open"}})), http.StatusOK)
		e.wantFramed(t, e.load(t, own+"?appId="+e.AppID, framing(s.cookie)), http.StatusForbidden, "resource_forbidden", partnerSite)
		i.wantReason(t, e.renew(t, open, e.presented("chloe").with(fields{"authorizedVotes": []string{"own"}}), bearing(s.bearer)),
			http.StatusForbidden, "resource_forbidden")
		s = shows(t, e.open(t, open, e.presented("chloe")), http.StatusOK) // that one has ended

		// Taken from everybody but the owner while somebody looks at it.
		g := shows(t, guest.open(t, open, guest.presented("gil")), http.StatusOK)
		e.framed(t, "vote-widget", "open", fields{"restricted": true})
		i.wantReason(t, i.get(t, g.content, wantsPage), http.StatusForbidden, "resource_forbidden")
		// And the content's origin taken off the list.
		i.admin(t, http.StatusOK, http.MethodPatch, "/integrations/"+e.ID, fields{"content_origins": []string{"https://elsewhere.example"}})
		i.wantReason(t, i.get(t, s.content, wantsPage), http.StatusForbidden, "resource_forbidden")
		e.wantFramed(t, e.open(t, own, e.presented("chloe")), http.StatusForbidden, "resource_forbidden", partnerSite)
	})
}

// TestEmbedWithoutToken: the frame's cookie, and in a tab the ordinary session.
func TestEmbedWithoutToken(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, fields{"sign_in_url": "https://lumen.example/usher"})
		f := embedding(t, i, fields{"name": "F"})
		view, second := e.framed(t, "vote-widget", "57cc26", nil), e.framed(t, "vote-widget", "68dd37", nil)
		s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		again := shows(t, e.load(t, view+"?appId="+e.AppID, framing(s.cookie)), http.StatusOK)
		if again.user != s.user || again.bearer != s.bearer || again.content != s.content || again.cookie != "" {
			t.Errorf("loaded again: got %+v, want the same session", again)
		}
		beside := shows(t, e.load(t, second+"?appId="+e.AppID, framing(s.cookie)), http.StatusOK)
		if beside.user != s.user || beside.bearer == s.bearer || beside.cookie != "" {
			t.Errorf("another view: got %+v, want a session of its own and the cookie kept", beside)
		}
		if a := i.get(t, beside.content); a.status != http.StatusOK {
			t.Errorf("another view's content: got %v", a)
		}
		// A bad token is no reason to look at the cookie.
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID+"&user=abc", framing(s.cookie)), http.StatusBadRequest, "token_malformed", partnerSite)
		// Nor is the cookie good for another app.
		f.wantFramed(t, f.load(t, view+"?appId="+f.AppID, framing(s.cookie)), http.StatusUnauthorized, "no_session", partnerSite)

		tab := []string{wantsPage, "Sec-Fetch-Dest: document"}
		page := i.signIn(t, link(e.token(e.presented("anna"))))
		inTab := i.get(t, view+"?appId="+e.AppID, append(tab, holding(page))...)
		anna := shows(t, inTab, http.StatusOK)
		if anna.user == s.user || anna.user == "" || anna.cookie != "" || len(inTab.header["Set-Cookie"]) != 0 {
			t.Errorf("in a tab: got %+v, want Anna and no cookie", anna)
		}
		e.wantFramed(t, e.load(t, view+"?appId="+e.AppID, holding(page)), http.StatusUnauthorized, "no_session", partnerSite)

		// Nobody is signed in: to the partner's page and back.
		a := i.get(t, view+"?appId="+e.AppID, tab...)
		want := "/auth/start?appId=" + e.AppID + "&go=" + url.QueryEscape(view+"?appId="+e.AppID)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("in a tab, signed out: got %v to %q, want 303 to %q", a, a.header.Get("Location"), want)
		}
		if got := i.get(t, want).header.Get("Location"); !strings.HasPrefix(got, "https://lumen.example/usher?") || !strings.Contains(got, url.QueryEscape(view)) {
			t.Errorf("got on to %q, want the partner's page with the way back", got)
		}
		i.wantReason(t, i.get(t, view+"?appId="+f.AppID, tab...), http.StatusUnauthorized, "no_session")
		// Signed in through another integration: no way round in circles.
		i.wantReason(t, i.get(t, view+"?appId="+e.AppID, append(tab, holding(i.signIn(t, link(f.token(person("gil"))))))...),
			http.StatusUnauthorized, "no_session")

		// Signing out of the page ends what it has opened in tabs.
		i.send(t, http.MethodPost, "/auth/logout", "", holding(page))
		if e.lives(t, view, bearing(anna.bearer)) {
			t.Error("got a view in a tab alive after the sign-out of the session that it was made from")
		}
	})
}

// TestEmbedAnotherPerson: a frame's cookie that holds another person's session is
// replaced, and that session ended; the same person's stay.
func TestEmbedAnotherPerson(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view, second := e.framed(t, "vote-widget", "57cc26", nil), e.framed(t, "vote-widget", "68dd37", nil)
		anna := shows(t, e.open(t, view, e.presented("anna")), http.StatusOK)
		beside := shows(t, e.open(t, second, e.presented("anna"), framing(anna.cookie)), http.StatusOK)
		if !e.lives(t, view, bearing(anna.bearer)) || !e.lives(t, second, bearing(beside.bearer)) {
			t.Error("got one of two frames of a page ended by the other")
		}
		berta := shows(t, e.open(t, view, e.presented("berta"), framing(beside.cookie)), http.StatusOK)
		if e.lives(t, second, bearing(beside.bearer)) || !e.lives(t, view, bearing(berta.bearer)) || !e.lives(t, view, bearing(anna.bearer)) {
			t.Error("got the cookie's session alive, or another ended")
		}
		if got := len(i.await(t, 1, "request", `"replaced_user":"`+anna.user+`"`)); got != 1 {
			t.Errorf("got %d log lines that say who was replaced, want 1", got)
		}
	})
}

// TestEmbedRenewal: a fresh token gives the view a later end, in place.
func TestEmbedRenewal(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		short := e.presented("chloe").with(fields{"exp": time.Now().Unix() + 100})
		s := shows(t, e.open(t, view, short), http.StatusOK)
		for _, by := range []string{bearing(s.bearer), framing(s.cookie)} {
			a := e.renew(t, view, e.presented("chloe"), by)
			if state := decode[viewState](t, a); a.status != http.StatusOK || state.UserID != s.user || state.ExpiresIn < 3590 || state.ExpiresIn > 3600 {
				t.Errorf("got %v, want an hour", a)
			}
			if len(a.header["Set-Cookie"]) != 0 {
				t.Error("got a cookie, want the secrets unchanged")
			}
		}
		if a := e.renew(t, view, short, bearing(s.bearer)); decode[viewState](t, a).ExpiresIn < 3590 {
			t.Errorf("a shorter token: got %v, want nothing taken away", a)
		}
		if a := i.get(t, s.content); a.status != http.StatusOK {
			t.Errorf("got %v, want the content as before", a)
		}
		i.wantReason(t, e.renew(t, view, e.presented("chloe").with(fields{"iat": time.Now().Unix() - 4000}), bearing(s.bearer)),
			http.StatusUnauthorized, "token_too_old")
		if !e.lives(t, view, bearing(s.bearer)) {
			t.Error("got the session ended by a token that was not accepted")
		}
		form := "appId=" + e.AppID + "&user=" + e.token(e.presented("chloe"))
		for _, site := range []string{"cross-site", "same-site"} {
			a := e.send(t, http.MethodPost, view+"/session", form, isForm, "Sec-Fetch-Site: "+site, "Origin: null", framing(s.cookie), wantsJSON)
			i.wantReason(t, a, http.StatusForbidden, "cross_origin")
		}
		i.wantReason(t, e.post(t, view+"/session", form), http.StatusUnauthorized, "no_session")
		for _, broken := range []string{"", form + "&user=x", "appId=a&appId=b&user=x"} {
			if a := e.post(t, view+"/session", broken, bearing(s.bearer)); a.status < 400 || a.status >= 500 {
				t.Errorf("form %.20q: got %v, want it refused", broken, a)
			}
		}
	})
}

// TestEmbedOverByToken: a good token ends the view that it says is over.
func TestEmbedOverByToken(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		for name, over := range map[string]struct {
			token  fields
			status int
			reason string
		}{
			"another person":     {e.presented("berta"), http.StatusConflict, "person_changed"},
			"no right any more":  {e.presented("chloe").with(fields{"authorizedVotes": []string{"others"}}), http.StatusForbidden, "resource_forbidden"},
			"beside other votes": {e.presented("chloe").with(fields{"authorizedResources": []string{"others"}}), http.StatusForbidden, "resource_forbidden"},
		} {
			s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
			i.wantReason(t, e.renew(t, view, over.token, bearing(s.bearer)), over.status, over.reason)
			if e.lives(t, view, bearing(s.bearer)) || i.get(t, s.content).status != http.StatusUnauthorized {
				t.Errorf("%s: got the view alive, want it ended", name)
			}
		}
	})
}

// TestEmbedGuesses: what a browser does ahead of the person makes nobody.
func TestEmbedGuesses(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	e := embedding(t, i, nil)
	view := e.resource(t, "notice", "board", nil)
	target := view + "?appId=" + e.AppID + "&user=" + e.token(e.presented("chloe"))
	if a := e.load(t, target, "Sec-Purpose: prefetch"); a.status != http.StatusServiceUnavailable || a.embedCookie() != "" {
		t.Errorf("prefetch: got %v, want 503 and no cookie", a)
	}
	if a := e.send(t, http.MethodHead, target, ""); a.status != http.StatusMethodNotAllowed || a.embedCookie() != "" {
		t.Errorf("HEAD: got %v, want 405 and no cookie", a)
	}
	if users := i.admin(t, http.StatusOK, http.MethodGet, "/users", nil).body; strings.Contains(users, "chloe") {
		t.Errorf("got somebody made by a guess: %s", users)
	}
	long := view + "?user=" + strings.Repeat("a", 17<<10)
	e.wantFramed(t, e.load(t, long), http.StatusRequestEntityTooLarge, "too_large", partnerSite)
}
