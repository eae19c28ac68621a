package main

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestAnswersInBrowser holds what comes back when a form is sent, where no link
// leads, to the same rules as every page: results, previews, what is shown
// once, and each form that was not accepted.
func TestAnswersInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	if *screens != "" {
		if err := os.MkdirAll(*screens, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	i := launch(t, embeddedWorld(t))
	inhabit(t, i)
	lumen := i.install(t, fields{"name": "Answering"})
	good := lumen.token(person("good").with(fields{"groups": []string{"algebra-1"}, "credits": []fields{{"id": 7, "orderId": "G-1"}}}))
	late := lumen.token(person("late").with(fields{"iat": time.Now().Unix() - 3600}))
	entered := i.get(t, link(lumen.token(person("p7").with(fields{"groups": []string{"algebra-1", "optics"}}))))
	i.logged(t, entered.header.Get("X-Request-Id"))
	i.signIn(t, link(lumen.token(person("p8").with(fields{"groups": []string{"optics"}}))))
	keep, gone := i.userID(t, "p7@lumen.example"), i.userID(t, "p8@lumen.example")
	job := decode[struct{ Jobs []struct{ ID string } }](t, i.admin(t, http.StatusOK, "GET", "/jobs", nil)).Jobs[0].ID
	group := decode[struct{ Groups []struct{ ID string } }](t, i.admin(t, http.StatusOK, "GET", "/groups", nil)).Groups[0].ID

	client := "/admin/tokens/clients/" + decode[struct{ ID string }](t, i.admin(t, http.StatusCreated, "POST", "/clients", fields{"name": "Answering"})).ID
	organization := "/admin/tokens/organizations/" + i.organization(t, "acme", "answering", "Answering").ID
	connection := "/admin/tokens/api-connections/" + decode[struct {
		Connections []struct{ ID string } `json:"api_connections"`
	}](t, i.admin(t, http.StatusOK, "GET", "/api-connections", nil)).Connections[0].ID

	w := openWindow(t, i)
	w.signIn(t, i.owner(t))
	for _, test := range []struct {
		name, page, action string         // action: of the form; "" = the page is the answer
		values             map[string]any // by name of the field
		status             int64
	}{
		{"doctor-good", "/admin/doctor", "/admin/doctor", fields{"specimen": link(good)}, 200},
		{"doctor-refused", "/admin/doctor", "/admin/doctor", fields{"specimen": late}, 200},
		{"doctor-nothing", "/admin/doctor", "/admin/doctor", fields{"specimen": ""}, 422},
		{"builder-link", "/admin/builder", "/admin/builder", fields{"integration": lumen.ID, "email": "built@lumen.example", "groups_how": "list", "groups": "algebra-1"}, 200},
		{"builder-refused", "/admin/builder", "/admin/builder", fields{"email": "", "meta": "{"}, 422},
		{"api-key-made", "/admin/settings/api-keys", "/admin/settings/api-keys", fields{"name": "Reports", "scopes": true}, 200},
		{"api-key-refused", "/admin/settings/api-keys", "/admin/settings/api-keys", fields{"name": ""}, 422},
		{"invited", "/admin/settings/administrators", "/admin/settings/administrators", fields{"email": "new@usher.example", "name": "New"}, 200},
		{"invitation-refused", "/admin/settings/administrators", "/admin/settings/administrators", fields{"email": "x"}, 422},
		{"account-refused", "/admin/account", "/admin/account", fields{"name": ""}, 422},
		{"password-refused", "/admin/account", "/admin/account/password", nil, 422},
		{"group-refused", "/admin/groups/new", "/admin/groups", nil, 422},
		{"group-not-deleted", "/admin/groups/" + group + "/delete", "/admin/groups/" + group + "/delete", nil, 422},
		{"credit-refused", "/admin/credits", "/admin/credits", nil, 422},
		{"resource-refused", "/admin/resources/new", "/admin/resources", fields{"kind": "Vote", "id": "a/b", "content": "https://evil.example/"}, 422},
		{"resource-not-changed", "/admin/resources/vote-widget/others", "/admin/resources/vote-widget/others", fields{"content": "http://127.0.0.1/"}, 422},
		{"resource-not-deleted", "/admin/resources/vote-widget/others/delete", "/admin/resources/vote-widget/others/delete", nil, 422},
		{"resources-none", "/admin/resources?kind=poll", "", nil, 200},
		{"resources-refused", "/admin/resources?kind=Poll", "", nil, 400},
		{"client-made", "/admin/tokens/clients/new?as=machine", "/admin/tokens/clients", fields{"name": "Made in a browser"}, 200},
		{"client-refused", "/admin/tokens/clients/new?as=web", "/admin/tokens/clients", fields{"client_id": "a b", "access_token_life": "1"}, 422},
		{"client-not-changed", client, client, fields{"name": ""}, 422},
		{"client-rate-refused", client, client, fields{"rate": "100001"}, 422},
		{"client-not-deleted", client + "/delete", client + "/delete", nil, 422},
		{"client-secret-made", client, client + "/secrets", nil, 200},
		{"organization-made", "/admin/tokens/organizations/new?parent=acme", "/admin/tokens/organizations", fields{"name": "made"}, 200},
		{"organization-refused", "/admin/tokens/organizations/new", "/admin/tokens/organizations", fields{"parent": "none", "name": "A"}, 422},
		{"organization-not-changed", organization, organization, fields{"display_name": ""}, 422},
		{"organization-nobody-in", organization, organization + "/members", fields{"user": "nobody@lumen.example"}, 422},
		{"organization-member", organization, organization + "/members", fields{"user": "p7@lumen.example", "role": "owner"}, 200},
		{"organization-secret-made", organization, organization + "/secrets", nil, 200},
		{"organization-not-deleted", organization + "/delete", organization + "/delete", nil, 422},
		{"organizations-below-none", "/admin/tokens/organizations?under=nobody", "", nil, 200},
		{"organizations-refused", "/admin/tokens/organizations?under=a%25", "", nil, 422},
		{"connection-refused", "/admin/tokens/api-connections/new", "/admin/tokens/api-connections", fields{"name": "Billing"}, 422},
		{"connection-not-renamed", connection, connection, fields{"display_name": ""}, 422},
		{"connection-not-deleted", connection + "/delete", connection + "/delete", nil, 422},
		{"scope-refused", connection, connection + "/scopes", fields{"name": "openid"}, 422},
		{"scope-not-deleted", connection + "/scopes/billing:write", connection + "/scopes/billing:write/delete", nil, 422},
		{"identity-scope-refused", "/admin/tokens/new-identity-scope", "/admin/tokens/identity-scopes", fields{"name": "openid"}, 422},
		{"identity-scope-not-deleted", "/admin/tokens/identity-scopes/library/delete", "/admin/tokens/identity-scopes/library/delete", nil, 422},
		{"claim-refused", "/admin/tokens/new-claim", "/admin/tokens/claims", fields{"name": "email", "meta_path": "a..b"}, 422},
		{"claim-not-changed", "/admin/tokens/claims/shelf", "/admin/tokens/claims/shelf", fields{"display_name": "", "meta_path": "a..b"}, 422},
		{"claim-not-deleted", "/admin/tokens/claims/shelf/delete", "/admin/tokens/claims/shelf/delete", nil, 422},
		{"user-claim-refused", "/admin/users/" + keep + "/claims/home", "/admin/users/" + keep + "/claims/home", fields{"value": "mailto:p7@lumen.example"}, 422},
		{"jwt-asked", "/admin/tokens/jwt", "/admin/tokens/jwt", fields{"client_id": "nightly", "scope": "billing"}, 200},
		{"settings-refused", "/admin/settings", "/admin/settings", fields{"name": ""}, 422},
		{"tenant-refused", "/admin/settings/tenants", "/admin/settings/tenants", nil, 422},
		{"import-refused", "/admin/import", "/admin/import", nil, 422},
		{"merge-preview", "/admin/users/" + keep + "/merge?from=" + gone, "", nil, 200},
		{"not-merged", "/admin/users/" + keep + "/merge?from=" + gone, "/admin/users/" + keep + "/merge", nil, 422},
		{"merge-nobody", "/admin/users/" + keep + "/merge?q=nobody-like-that", "", nil, 200},
		{"not-erased", "/admin/users/" + keep + "/erase", "/admin/users/" + keep + "/erase", nil, 422},
		{"undo-preview", "/admin/undo?reference=" + entered.header.Get("X-Request-Id"), "", nil, 200},
		{"not-undone", "/admin/undo?reference=" + entered.header.Get("X-Request-Id"), "/admin/undo", nil, 422},
		{"users-refused", "/admin/users?after=x", "", nil, 422},
		{"job", "/admin/jobs/" + job, "", nil, 200},
		{"user", "/admin/users/" + keep, "", nil, 200},
		{"reference", "/openapi", "", nil, 200},
	} {
		status := w.goTo(t, test.page)
		if test.action != "" {
			status = w.send(t, test.action, test.values)
		}
		if status != test.status {
			t.Errorf("%s: got status %d, want %d:\n%s", test.name, status, test.status, w.text(t))
		}
		w.isGoodAllOver(t, test.name, "answer~"+test.name)
	}
}

// send fills in the form of the page that leads to an action and sends it,
// whatever the browser thinks of the values. It returns the answer's status.
func (w *window) send(t *testing.T, action string, values map[string]any) int64 {
	t.Helper()
	found := eval[bool](t, w, `(() => {
const form = [...document.querySelectorAll("main form")].find(f => f.method === "post" && new URL(f.action).pathname === `+jsonText(action)+`);
if (!form) return false;
for (const [name, value] of Object.entries(`+jsonText(values)+` || {})) {
	const field = form.querySelector("[name=" + name + "]");
	if (value === true) field.checked = true; else field.value = value;
}
form.noValidate = true;
form.setAttribute("data-sent", "");
return true;
})()`)
	if !found {
		t.Fatalf("got no form that leads to %s on %s:\n%s", action, w.at(t), w.text(t))
	}
	response, err := chromedp.RunResponse(w.browser, chromedp.Submit(chromedp.CSS("[data-sent]")))
	if err != nil {
		t.Fatalf("send %s: %v", action, err)
	}
	if response == nil {
		return 0
	}
	return response.Status
}

// isGoodAllOver is isGood on a desk by day and on a phone at night; with
// -screens also the other way round.
func (w *window) isGoodAllOver(t *testing.T, name, picture string) {
	t.Helper()
	looks := []look{desktop, phoneAt}
	if *screens != "" {
		looks = []look{desktop, night, phone, phoneAt}
	}
	for _, l := range looks {
		w.see(t, l)
		w.isGood(t, name+" "+l.name)
		w.shoot(t, picture+"~"+l.name)
	}
	w.see(t, desktop)
}
