package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// loggedSignIn is an entry of the sign-in log, as the API answers.
type loggedSignIn struct {
	ID          string   `json:"id"`
	Reference   string   `json:"reference"`
	Door        string   `json:"door"`
	Outcome     string   `json:"outcome"`
	Reason      string   `json:"reason"`
	Integration *string  `json:"integration"`
	Key         *string  `json:"key"`
	User        *string  `json:"user"`
	Email       string   `json:"email"`
	Age         *float64 `json:"age"`
	Created     bool     `json:"created"`
	Count       int64    `json:"count"`
	Header      string   `json:"header"`
	Claims      string   `json:"claims"`
}

type loggedPage struct {
	SignIns []loggedSignIn `json:"sign_ins"`
	Next    *string        `json:"next"`
}

// entries waits until the log has n entries that fit a query, and returns them.
func (i *instance) entries(t testing.TB, query string, n int, header ...string) []loggedSignIn {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		page := decode[loggedPage](t, i.admin(t, 200, "GET", "/sign-ins"+query, nil, header...))
		if len(page.SignIns) == n {
			return page.SignIns
		}
		if time.Now().After(end) || len(page.SignIns) > n {
			t.Fatalf("%q: got %d entries, want %d: %+v", query, len(page.SignIns), n, page.SignIns)
		}
	}
}

// TestSignInLog follows a person from the page with a reference to the entry of
// the log.
func TestSignInLog(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.example"}})
		empty := i.get(t, "/admin/sign-ins", i.owner(t))
		if empty.status != 200 || !strings.Contains(empty.body, "/admin/builder") {
			t.Errorf("got %v, want an empty log that says what to do", empty)
		}
		lumen := i.install(t, nil)
		claims := person("anna").with(fields{"jti": "one"})
		token := lumen.token(claims)
		cookie := i.signIn(t, link(token, "go", "/courses"))
		i.get(t, link(token, "go", "/courses"), holding(cookie))
		i.get(t, link(token), wantsJSON)
		forged := i.send(t, "POST", "/auth/callback/jwt-auth", "token="+breakSignature(lumen.token(person("berta"))), isForm)
		old := i.get(t, link(lumen.token(person("anna").with(fields{"iat": time.Now().Unix() - 3600}))), wantsPage)
		i.get(t, "/auth/callback/jwt-auth", wantsJSON)

		all := i.entries(t, "", 6)
		var got []string
		for _, entry := range all {
			got = append(got, strings.TrimSpace(entry.Outcome+" "+entry.Reason))
		}
		want := "refused token_missing, refused token_too_old, refused signature_invalid, refused token_replayed, reopened, signed_in"
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
		first := all[5]
		if first.Integration == nil || *first.Integration != lumen.ID || first.Key == nil || *first.Key != lumen.kid() ||
			first.User == nil || first.Email != "anna@lumen.example" || !first.Created || first.Age == nil || *first.Age > 60 {
			t.Errorf("got %+v, want who came, by which key, and that the user is new", first)
		}
		for _, test := range []struct {
			query string
			want  int
		}{
			{"?email=ANNA@Lumen.example", 4},
			{"?reason=signature_invalid", 1},
			{"?outcome=refused", 4},
			{"?integration=" + lumen.ID, 5},
			{"?user=" + *first.User, 3},
			{"?reference=" + old.header.Get("X-Request-Id"), 1},
			{"?integration=" + lumen.ID + "&outcome=signed_in", 1},
			{"?to=2020-01-01T00:00:00Z", 0},
			{"?from=" + url.QueryEscape(time.Now().Add(-time.Hour).Format(time.RFC3339)), 6},
		} {
			i.entries(t, test.query, test.want)
		}
		i.entries(t, "", 0, "Host: other.example")
		for query, field := range map[string]string{
			"?email=anna": "email", "?outcome=x": "outcome", "?from=yesterday": "from", "?integration=x": "integration",
			"?before=1": "before", "?user=%00": "user",
		} {
			a := i.admin(t, 400, "GET", "/sign-ins"+query, nil)
			if !strings.Contains(a.body, field+":") {
				t.Errorf("%s: got %v, want the field %s named", query, a, field)
			}
		}

		one := decode[loggedSignIn](t, i.admin(t, 200, "GET", "/sign-ins/"+old.header.Get("X-Request-Id"), nil))
		if !strings.Contains(one.Claims, `"sub":"id-anna"`) || !strings.Contains(one.Header, lumen.kid()) {
			t.Errorf("got %+v, want the token's texts", one)
		}
		i.admin(t, 404, "GET", "/sign-ins/"+old.header.Get("X-Request-Id"), nil, "Host: other.example")
		i.admin(t, 404, "GET", "/sign-ins/NOSUCHREFERENCE", nil)

		owner := i.owner(t)
		list := i.get(t, "/admin/sign-ins?reason=token_too_old", owner)
		entryPath := "/admin/sign-ins/" + old.header.Get("X-Request-Id")
		if list.status != 200 || !strings.Contains(list.body, entryPath) || strings.Contains(list.body, forged.header.Get("X-Request-Id")) {
			t.Errorf("got %v, want the one entry that was looked for", list)
		}
		entry := i.get(t, entryPath, owner)
		for _, part := range []string{
			"token_too_old", "age 36", "This link is too old", "anna@lumen.example", "&#34;sub&#34;: &#34;id-anna&#34;",
			"/admin/doctor?reference=" + old.header.Get("X-Request-Id"), lumen.kid(), "Lumen Learning", "3 min, with a tolerance of 1 min",
		} {
			if !strings.Contains(entry.body, part) {
				t.Errorf("the entry's page: got %.2000s, want %q in it", entry.body, part)
			}
		}
		good := i.get(t, "/admin/sign-ins/"+first.Reference, owner)
		for _, part := range []string{"The user was created.", "/admin/users/" + *first.User, "/courses", "signed in"} {
			if !strings.Contains(good.body, part) {
				t.Errorf("a success's page: got %.2000s, want %q in it", good.body, part)
			}
		}
		if a := i.get(t, "/admin/sign-ins?email=anna&from=never", owner); a.status != 422 || !strings.Contains(a.body, "Write a date and a time") {
			t.Errorf("got %v, want the form again with what is wrong", a)
		}
		if a := i.get(t, "/admin/sign-ins?email=nobody@lumen.example", owner); a.status != 200 || !strings.Contains(a.body, "No attempt matches") {
			t.Errorf("got %v, want a page that says that nothing was found", a)
		}
	})
}

// TestSignInLogPages walks through more than one page, each entry once.
func TestSignInLogPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		const n = 120
		for k := range n {
			i.signIn(t, link(lumen.token(person(fmt.Sprintf("p%d", k%7)))))
		}
		seen, path := map[string]bool{}, "/sign-ins"
		for end := time.Now().Add(patience); len(seen) < n; {
			page := decode[loggedPage](t, i.admin(t, 200, "GET", path, nil))
			for _, entry := range page.SignIns {
				if seen[entry.ID] && path != "/sign-ins" {
					t.Fatalf("got entry %s twice", entry.ID)
				}
				seen[entry.ID] = true
			}
			path = "/sign-ins"
			if page.Next != nil {
				path += "?before=" + *page.Next
			} else if len(seen) < n { // not all are written yet
				clear(seen)
				if time.Now().After(end) {
					t.Fatalf("got %d entries, want %d", len(seen), n)
				}
			}
		}
		list := i.get(t, "/admin/sign-ins?outcome=signed_in", i.owner(t))
		if got := strings.Count(list.body, "<tr>"); got != 51 || !strings.Contains(list.body, `rel="next"`) {
			t.Errorf("got %d rows, want 50, their heading and a way to the next page", got)
		}
	})
}

// TestSignInLogIsWrittenAtTheEnd stops the server right after the answers.
func TestSignInLogIsWrittenAtTheEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		a := i.get(t, link(breakSignature(lumen.token(person("anna")))), wantsJSON)
		i.stop()
		if code := i.exited(); code != 0 {
			t.Fatalf("got exit code %d, want 0", code)
		}
		i = launch(t, w)
		all := decode[loggedPage](t, i.admin(t, 200, "GET", "/sign-ins", nil)).SignIns
		if len(all) != 2 || all[0].Reference != a.header.Get("X-Request-Id") {
			t.Errorf("got %+v, want both attempts", all)
		}
	})
}

// TestSignInLogAfterAnOutage: what happened while the database was gone is told
// when it is back.
func TestSignInLogAfterAnOutage(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded file cannot be cut off
	}
	w := serversWorld(t)
	gate := newGate(t, w.database)
	i := launch(t, worldAt(gate.url, w.redis))
	lumen := i.install(t, nil)
	i.signIn(t, link(lumen.token(person("anna"))))
	i.entries(t, "", 1)
	gate.shut()
	a := i.get(t, link(lumen.token(person("anna"))), wantsJSON)
	i.wantReason(t, a, 503, "store_unavailable")
	forged := i.get(t, link(breakSignature(lumen.token(person("anna")))), wantsJSON)
	gate.open(t)
	for end := time.Now().Add(patience); i.get(t, "/readyz").status != 200; {
		if time.Now().After(end) {
			t.Fatal("got no way back to the database")
		}
	}
	entry := i.entries(t, "?reason=store_unavailable&reference="+a.header.Get("X-Request-Id"), 1)[0]
	if entry.Outcome != "refused" || entry.Count != 1 {
		t.Errorf("got %+v, want the attempt that could not be answered", entry)
	}
	i.entries(t, "?reference="+forged.header.Get("X-Request-Id"), 1)
}

// TestLogCommand reads the log beside a running server, and follows it.
func TestLogCommand(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		refused := i.get(t, link(lumen.token(person("berta").with(fields{"iat": 1, "sub": "\u001b[31mred"}))), wantsJSON)
		reference := refused.header.Get("X-Request-Id")
		i.entries(t, "", 2)

		out, _ := command(t, w, exitOK, "log")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "signed_in") || !strings.Contains(lines[0], "anna@lumen.example") ||
			!strings.Contains(lines[1], "refused token_too_old") || !strings.Contains(lines[1], reference) {
			t.Errorf("got %q, want both attempts, the newest last", out)
		}
		for _, test := range []struct {
			args []string
			want int
		}{
			{[]string{"--reason", "token_too_old"}, 1},
			{[]string{"--email", "ANNA@lumen.example"}, 1},
			{[]string{"--outcome", "refused", "--integration", lumen.AppID}, 1},
			{[]string{"--limit", "1"}, 1},
			{[]string{"--reason", "rate_limited"}, 0},
		} {
			out, _ := command(t, w, exitOK, append([]string{"log", "--json"}, test.args...)...)
			if got := strings.Count(out, "\n"); got != test.want {
				t.Errorf("%v: got %d lines, want %d: %s", test.args, got, test.want, out)
			}
		}
		out, _ = command(t, w, exitOK, "log", "--reference", reference)
		if !strings.Contains(out, `"iat":1`) || strings.Contains(out, "\u001b") {
			t.Errorf("got %q, want the claims and no control characters", out)
		}
		command(t, w, exitNotFound, "log", "--reference", "NOSUCHREFERENCE")
		command(t, w, exitNotFound, "log", "--integration", "x")
		command(t, w, exitUsage, "log", "--email", "anna")
		command(t, w, exitUsage, "log", "--limit", "0")

		ctx, stop := context.WithCancel(t.Context())
		followed, done := newOutput(), make(chan int)
		go func() {
			done <- run(ctx, []string{"log", "--follow", "--json", "--limit", "1"}, w.environ, followed, newOutput())
		}()
		<-followed.wrote
		i.signIn(t, link(lumen.token(person("clara"))))
		for !strings.Contains(followed.String(), "clara@lumen.example") {
			select {
			case <-followed.wrote:
			case <-t.Context().Done():
				t.Fatal("got no entry of what came in later")
			}
		}
		stop()
		if code := <-done; code != exitOK || strings.Count(followed.String(), "\n") != 2 {
			t.Errorf("got exit code %d and %q, want 0 and each entry once", code, followed)
		}
	})
}
