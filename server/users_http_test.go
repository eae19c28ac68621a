package main

import (
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// journalOf is what happened to a user, newest first.
func (i *instance) journalOf(t testing.TB, user string) string {
	t.Helper()
	var whats []string
	journal := decode[struct{ Journal []struct{ What string } }](t, i.admin(t, 200, "GET", "/users/"+user+"/journal", nil)).Journal
	for _, line := range journal {
		whats = append(whats, line.What)
	}
	return strings.Join(whats, " ")
}

func TestUserPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		wantSeen(t, i.page(t, "/admin/users"), "Nobody has signed in yet")
		lumen := i.install(t, nil)
		group := decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra <I>"})).ID
		i.admin(t, 201, "POST", "/credits", fields{"id": 7, "name": "Exam voucher"})
		entered := i.get(t, link(lumen.token(person("anna").with(fields{
			"name": "Anna <b>Meier</b>", "groups": []string{"algebra-1"}, "meta": fields{"plan": "gold"},
			"credits": []fields{{"orderId": "L-1", "id": 7}, {"orderId": "L-2", "id": 9}},
		}))))
		i.signIn(t, link(lumen.token(person("berta"))))
		anna, berta := i.userID(t, "anna@lumen.example"), i.userID(t, "berta@lumen.example")
		reference := entered.header.Get("X-Request-Id")

		list := i.get(t, "/admin/users", i.owner(t)).body
		wantSeen(t, list, "Anna &lt;b&gt;Meier&lt;/b&gt;", "berta@lumen.example", "algebra-1")
		if strings.Index(list, berta) > strings.Index(list, anna) {
			t.Errorf("got the older user first")
		}
		for query, found := range map[string][]string{
			"q=ANNA@":                    {anna},
			"q=" + anna:                  {anna},
			"q=id-berta":                 {berta},
			"q=x":                        nil,
			"group=algebra-1":            {anna},
			"group=algebra-2":            nil,
			"status=active":              {anna, berta},
			"status=disabled":            nil,
			"q=b&status=active":          {berta},
			"q=anna@lumen.example&x=%20": {anna},
		} {
			page := i.page(t, "/admin/users?"+query)
			for name, user := range map[string]string{"anna": anna, "berta": berta} {
				if got, want := strings.Contains(page, "/admin/users/"+user), slices.Contains(found, user); got != want {
					t.Errorf("%s: found %s: %v, want %v", query, name, got, want)
				}
			}
		}
		for _, query := range []string{"q=%00", "q=%ff", "status=x", "after=x", "q=anna&after=berta", "q=a&group=b", "q=" + strings.Repeat("x", 300)} {
			if a := i.get(t, "/admin/users?"+query, i.owner(t)); a.status != 422 && a.status != 400 {
				t.Errorf("%.30s: got %v, want 422 or 400", query, a)
			}
		}

		path := "/admin/users/" + anna
		wantSeen(t, i.page(t, path), "Anna <b>Meier</b>", "anna@lumen.example", "id-anna", `"plan": "gold"`, "Exam voucher", "parked",
			"L-2", "/admin/sign-ins/"+reference, lumen.kid(), "Into the group algebra-1", "Go-http-client", "by Lumen Learning")
		why := i.page(t, path+"/groups/"+group)
		wantSeen(t, why, "Anna <b>Meier</b> is in Algebra <I> since ", "by Lumen Learning (sign-in "+reference+", key "+lumen.kid()+").")
		wantSeen(t, i.page(t, "/admin/users/"+berta+"/groups/"+group), "is not in Algebra <I>")

		// One session, all sessions.
		first, second := i.signIn(t, link(lumen.token(person("anna").with(fields{"jti": "1"})))), i.signIn(t, link(lumen.token(person("anna").with(fields{"jti": "2"}))))
		ids := map[string]bool{}
		for _, s := range decode[struct{ Sessions []struct{ ID string } }](t, i.admin(t, 200, "GET", "/users/"+anna+"/sessions", nil)).Sessions {
			ids[s.ID] = true
		}
		wantsSessions := len(ids)
		own := decode[struct {
			Sessions []struct {
				ID      string
				Current bool
			}
		}](t, i.get(t, "/auth/sessions", holding(first)))
		for _, s := range own.Sessions {
			if s.Current {
				wantWent(t, i.submit(t, path+"/sessions/"+s.ID+"/end"), path+"?done=session_ended")
				if a := i.post(t, path+"/sessions/"+s.ID+"/end", "", i.owner(t)); a.status != 404 {
					t.Errorf("ending it again: got %v, want 404", a)
				}
				if a := i.post(t, "/admin/users/"+berta+"/sessions/"+s.ID+"/end", "", i.owner(t)); a.status != 404 {
					t.Errorf("ending it as another's: got %v, want 404", a)
				}
			}
		}
		if wantsSessions != 3 || i.alive(t, first) || !i.alive(t, second) {
			t.Errorf("got %d sessions, then %v and %v alive, want 3, and the second alone", wantsSessions, i.alive(t, first), i.alive(t, second))
		}
		wantSeen(t, i.page(t, path+"/sign-out"), "All 2 sessions end at once.")
		wantWent(t, i.submit(t, path+"/sign-out"), path+"?done=user_signed_out")
		if i.alive(t, second) {
			t.Errorf("got a session alive after signing out everywhere")
		}
		wantSeen(t, i.page(t, path+"?done=user_signed_out"), "Signed out everywhere.", "Signed in nowhere.")
		i.admin(t, 200, "PATCH", "/users/"+berta, fields{"disabled": true})
		wantSeen(t, i.page(t, path), "<td>administrator Olga Owner</td>")
		wantSeen(t, i.page(t, "/admin/users/"+berta), "<td>the bootstrap key</td>")

		// Disabled and enabled.
		third := i.signIn(t, link(lumen.token(person("anna").with(fields{"jti": "3"}))))
		wantSeen(t, i.page(t, path+"/disable"), "The one session ends at once.", "No link signs the person in")
		wantWent(t, i.submit(t, path+"/disable"), path+"?done=user_disabled")
		if i.alive(t, third) {
			t.Errorf("got a session alive after disabling")
		}
		i.wantReason(t, i.get(t, link(lumen.token(person("anna").with(fields{"jti": "4"}))), wantsJSON), 403, "user_disabled")
		if a := i.get(t, path+"/disable", i.owner(t)); a.status != 303 || a.header.Get("Location") != path {
			t.Errorf("disabling a disabled one: got %v, want to be sent back", a)
		}
		i.page(t, path+"/enable")
		wantWent(t, i.submit(t, path+"/enable"), path+"?done=user_enabled")
		i.signIn(t, link(lumen.token(person("anna").with(fields{"jti": "5"}))))

		// Erased, once the address is typed.
		wantSeen(t, i.page(t, path+"/erase"), "What stays:", "1 identity, 1 membership, 2 grants")
		for _, typed := range []string{"", "anna", "ANNA@lumen.example", "berta@lumen.example"} {
			a := i.post(t, path+"/erase", url.Values{"confirm": {typed}}.Encode(), i.owner(t))
			if a.status != 422 || !strings.Contains(a.body, `id="field-confirm-fault"`) {
				t.Errorf("erase with %q: got %v, want 422 and the fault", typed, a)
			}
		}
		if got, want := i.journalOf(t, anna), "user_enabled user_disabled signed_out session_ended credit_parked credit_granted group_added user_created"; got != want {
			t.Errorf("got journal %s, want %s", got, want)
		}
		wantWent(t, i.submit(t, path+"/erase", "confirm", " anna@lumen.example "), path+"?done=user_erased")
		if left := i.page(t, path); strings.Contains(left, "Meier") || strings.Contains(left, "anna@") || !strings.Contains(left, "Erased: nothing personal is left") {
			t.Errorf("got %s after the erasure", left)
		}
		i.page(t, path+"/enable")
	})
}

// TestMergeInTheAdmin finds the other user, shows what will happen and merges,
// and not when it is something else by then.
func TestMergeInTheAdmin(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen, atrium := i.install(t, nil), i.install(t, fields{"name": "Atrium"})
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra I"})
		keepSession := i.signIn(t, link(lumen.token(person("anna").with(fields{"meta": fields{"a": 1}}))))
		other := person("a.meier").with(fields{"groups": []string{"algebra-1"}, "meta": fields{"b": 2}})
		goneSession := i.signIn(t, link(atrium.token(other)))
		keep, gone := i.userID(t, "anna@lumen.example"), i.userID(t, "a.meier@lumen.example")
		path := "/admin/users/" + keep + "/merge"
		wantSeen(t, i.page(t, path+"?q=a."), path+"?from="+gone)
		wantSeen(t, i.page(t, path+"?q=anna"), "Nobody else")
		preview := i.page(t, path+"?from="+gone)
		wantSeen(t, preview, "A way in from Atrium, sub “id-a.meier”, address a.meier@lumen.example", "The group algebra-1, Atrium", "Meta: b",
			"The one session ends at once.")
		seen := fieldOf(t, preview, "seen")
		for from, status := range map[string]int{keep: 422, "x": 422, strings.Replace(gone, gone[:8], "00000000", 1): 404} {
			if a := i.get(t, path+"?from="+from, i.owner(t)); a.status != status {
				t.Errorf("from %s: got %v, want %d", from, a, status)
			}
		}
		// It changes between the look and the act.
		i.signIn(t, link(atrium.token(other.with(fields{"name": "A. Meier"}))))
		form := url.Values{"from": {gone}, "seen": {seen}, "confirm": {"a.meier@lumen.example"}}
		a := i.post(t, path, form.Encode(), i.owner(t))
		if a.status != 422 || !strings.Contains(a.body, "has changed since") || !i.alive(t, goneSession) {
			t.Errorf("after a change: got %v, want 422 and nothing done", a)
		}
		form.Set("seen", fieldOf(t, html.UnescapeString(a.body), "seen"))
		form.Set("confirm", "anna@lumen.example")
		if a := i.post(t, path, form.Encode(), i.owner(t)); a.status != 422 {
			t.Errorf("the wrong word: got %v, want 422", a)
		}
		form.Set("confirm", "a.meier@lumen.example")
		wantWent(t, i.post(t, path, form.Encode(), i.owner(t)), "/admin/users/"+keep+"?done=users_merged")
		if i.alive(t, goneSession) || !i.alive(t, keepSession) {
			t.Errorf("got %v and %v alive, want the session of the one who stays", i.alive(t, goneSession), i.alive(t, keepSession))
		}
		wantSeen(t, i.page(t, "/admin/users/"+keep), "id-a.meier", "id-anna", "algebra-1", "was merged into this one", "/admin/users/"+gone)
		wantSeen(t, i.page(t, "/admin/users/"+gone), "was merged into another one", "/admin/users/"+keep)
		i.signIn(t, link(atrium.token(other.with(fields{"jti": "after"}))))
		if got := decode[struct {
			MergedInto string `json:"merged_into"`
		}](t, i.admin(t, 200, "GET", "/users/"+gone, nil)).MergedInto; got != keep {
			t.Errorf("got merged into %q, want %s", got, keep)
		}
		for _, act := range []string{"PATCH", "DELETE"} {
			i.wantReason(t, i.admin(t, 409, act, "/users/"+gone, fields{"disabled": true}), 409, "conflict")
		}
	})
}

func TestUsersAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		group := decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/groups", fields{"external_id": "g", "name": "G"})).ID
		var users []string
		for n := range 53 {
			claims := person(fmt.Sprintf("p%02d", n))
			if n < 52 {
				claims["groups"] = []string{"g"}
			}
			i.signIn(t, link(lumen.token(claims)))
			users = append(users, i.userID(t, fmt.Sprintf("p%02d@lumen.example", n)))
		}
		type list struct {
			Users []struct{ ID string }
			Next  *string
		}
		pages := func(query string) (ids []string, sizes []int) {
			t.Helper()
			for after := ""; ; {
				page := decode[list](t, i.admin(t, 200, "GET", "/users?"+query+"&after="+url.QueryEscape(after), nil))
				sizes = append(sizes, len(page.Users))
				for _, u := range page.Users {
					ids = append(ids, u.ID)
				}
				if page.Next == nil || len(sizes) > 5 {
					return ids, sizes
				}
				after = *page.Next
			}
		}
		newest := slices.Clone(users)
		slices.Reverse(newest)
		for query, want := range map[string][]string{
			"":                         newest,
			"status=active":            newest,
			"status=erased":            nil,
			"email_prefix=P":           users,
			"q=p":                      users,
			"email_prefix=p1":          users[10:20],
			"group=g":                  newest[1:],
			"group=g&status=active":    newest[1:],
			"sub=id-p07":               users[7:8],
			"sub=id-p":                 nil,
			"q=" + users[3]:            users[3:4],
			"email_prefix=p01@lumen.e": users[1:2],
		} {
			got, sizes := pages(query)
			if !slices.Equal(got, want) || len(want) > 50 && !slices.Equal(sizes, []int{50, len(want) - 50}) {
				t.Errorf("%s: got %d users on pages of %v, want %d in their order", query, len(got), sizes, len(want))
			}
		}
		user, elsewhere := users[0], "0190f3a0-0000-7000-8000-000000000000"
		wantSeen(t, i.admin(t, 200, "GET", "/users/"+user+"/identities", nil).body, `"sub":"id-p00"`, lumen.ID)
		wantSeen(t, i.admin(t, 200, "GET", "/users/"+user+"/groups/"+group, nil).body, `"member":true`, `"what":"group_added"`)
		wantSeen(t, i.admin(t, 200, "GET", "/users/"+users[52]+"/groups/"+group, nil).body, `"member":false`)
		for _, path := range []string{"/identities", "/groups/" + group, "/sessions", "/merge?from=" + user} {
			i.admin(t, 404, "GET", "/users/"+elsewhere+path, nil)
		}
		i.admin(t, 404, "GET", "/users/"+user+"/groups/"+elsewhere, nil)
		i.admin(t, 404, "POST", "/users/"+elsewhere+"/sign-out", nil)
		i.admin(t, 404, "POST", "/users/"+elsewhere+"/merge", fields{"from": user})
		i.admin(t, 404, "DELETE", "/users/"+user+"/sessions/x", nil)
		i.admin(t, 400, "GET", "/users/"+user+"/journal?after=x", nil)

		cookie := i.signIn(t, link(lumen.token(person("p01").with(fields{"jti": "x"}))))
		i.admin(t, 204, "POST", "/users/"+users[1]+"/sign-out", nil)
		if i.alive(t, cookie) {
			t.Errorf("got a session alive after signing out")
		}
		cookie = i.signIn(t, link(lumen.token(person("p01").with(fields{"jti": "y"}))))
		sessions := decode[struct{ Sessions []struct{ ID string } }](t, i.admin(t, 200, "GET", "/users/"+users[1]+"/sessions", nil)).Sessions
		if len(sessions) != 1 {
			t.Fatalf("got %d sessions, want 1", len(sessions))
		}
		i.admin(t, 204, "DELETE", "/users/"+users[1]+"/sessions/"+sessions[0].ID, nil)
		if i.alive(t, cookie) {
			t.Errorf("got a session alive after its end")
		}

		seen := decode[struct{ Seen string }](t, i.admin(t, 200, "GET", "/users/"+user+"/merge?from="+users[1], nil)).Seen
		i.admin(t, 412, "POST", "/users/"+user+"/merge", fields{"from": users[1], "seen": "0.0"})
		i.admin(t, 412, "POST", "/users/"+user+"/merge", fields{"from": users[1]}, `If-Match: "0"`)
		i.admin(t, 200, "POST", "/users/"+user+"/merge", fields{"from": users[1], "seen": seen})
		i.admin(t, 200, "POST", "/users/"+user+"/merge", fields{"from": users[1]})
		i.admin(t, 400, "POST", "/users/"+users[1]+"/merge", fields{"from": user})
		if got, _ := pages("status=merged"); !slices.Equal(got, users[1:2]) {
			t.Errorf("got %v merged, want %v", got, users[1:2])
		}
	})
}

func TestUserCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna").with(fields{"name": "Anna Meier"}))))
		i.signIn(t, link(lumen.token(person("berta"))))
		anna, berta := i.userID(t, "anna@lumen.example"), i.userID(t, "berta@lumen.example")
		out, _ := command(t, w, exitOK, "user", "list")
		wantSeen(t, out, anna, "Anna Meier", berta, "active")
		out, _ = command(t, w, exitOK, "user", "list", "--search", "ann", "--json")
		if strings.Count(out, "\n") != 1 || !strings.Contains(out, `"id":"`+anna+`"`) {
			t.Errorf("got %q, want Anna alone", out)
		}
		out, _ = command(t, w, exitOK, "user", "show", "ANNA@lumen.example")
		wantSeen(t, out, anna, "sub id-anna", "Lumen Learning")
		out, _ = command(t, w, exitOK, "user", "show", anna, "--json")
		wantSeen(t, out, `"sub":"id-anna"`)
		command(t, w, exitOK, "user", "sign-out", anna)
		if i.alive(t, cookie) {
			t.Errorf("got a session alive after signing out")
		}
		command(t, w, exitOK, "user", "disable", "anna@lumen.example")
		i.wantReason(t, i.get(t, link(lumen.token(person("anna"))), wantsJSON), 403, "user_disabled")
		command(t, w, exitOK, "user", "enable", anna)
		out, told := command(t, w, exitUsage, "user", "merge", anna, "berta@lumen.example")
		wantSeen(t, out+told, "Identities:  1", "nothing is done")
		command(t, w, exitUsage, "user", "merge", anna, berta, "--confirm", anna)
		command(t, w, exitUsage, "user", "merge", anna, anna, "--confirm", anna)
		command(t, w, exitOK, "user", "merge", anna, berta, "--confirm", berta)
		out, _ = command(t, w, exitOK, "user", "list", "--status", "merged")
		wantSeen(t, out, berta)
		command(t, w, exitUsage, "user", "erase", anna)
		command(t, w, exitOK, "user", "erase", anna, "--confirm", anna)
		for _, args := range [][]string{{"show", "nobody@lumen.example"}, {"disable", "x"}, {"show", "0190f3a0-0000-7000-8000-000000000000"}} {
			command(t, w, exitNotFound, append([]string{"user"}, args...)...)
		}
		command(t, w, exitUsage, "user", "show")
		command(t, w, exitUsage, "user", "list", "--status", "x")
		command(t, w, exitUsage, "user", "shw")
	})
}
