package main

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// examined is an examination as the API answers.
type examined struct {
	Accepted bool
	Reason   *string
	Recorded *string
	Fix      string
	Checks   []struct{ ID, Verdict, Text, Fix string }
	Forecast *struct {
		User     *string
		Created  bool
		Groups   []struct{ ID string }
		Location string
	}
	Integration *string
}

func (e examined) reason() string {
	if e.Reason == nil {
		return ""
	}
	return *e.Reason
}

// examine asks the doctor about a link, or with fields about anything else.
func (i *instance) examine(t testing.TB, body fields) examined {
	t.Helper()
	return decode[examined](t, i.admin(t, http.StatusOK, "POST", "/doctor", body))
}

// reference is what a person reads on the page of a refusal.
func reference(a answer) string { return a.header.Get("X-Request-Id") }

// logged waits until the sign-in log has an entry, which the writer keeps a
// moment later.
func (i *instance) logged(t testing.TB, reference string) {
	t.Helper()
	i.entries(t, "?reference="+reference, 1)
}

func TestDoctor(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		i.install(t, fields{"name": "Another"})
		i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra I"})
		token := n.token(person("anna").with(fields{"jti": "once", "groups": []string{"algebra-1"}, "onboard": true}))
		target := link(token, "go", "/courses")

		good := i.examine(t, fields{"specimen": i.origin + target})
		if !good.Accepted || good.reason() != "" || good.Forecast == nil || !good.Forecast.Created || len(good.Forecast.Groups) != 1 ||
			good.Forecast.Location != "/auth/onboarding?next=%2Fcourses" || good.Integration == nil || *good.Integration != n.ID {
			t.Fatalf("good link: got %+v, want it accepted, with whom it creates", good)
		}
		// It was not used up, and does what was foretold.
		if a := i.get(t, target); a.status != http.StatusSeeOther || a.header.Get("Location") != good.Forecast.Location {
			t.Errorf("the examined link: got %v to %q, want 303 to %q", a, a.header.Get("Location"), good.Forecast.Location)
		}
		if used := i.examine(t, fields{"specimen": token}); used.reason() != "token_replayed" || used.Forecast.User == nil {
			t.Errorf("a used token: got %+v, want token_replayed of a user", used)
		}

		old := n.token(person("ben").with(fields{"iat": time.Now().Unix() - 412}))
		refused := i.get(t, link(old), wantsPage)
		i.wantReason(t, refused, http.StatusUnauthorized, "token_too_old")
		i.logged(t, reference(refused))
		owner := i.owner(t)
		for name, a := range map[string]answer{
			"pasted":    i.post(t, "/admin/doctor", url.Values{"specimen": {"Bearer " + old}}.Encode(), owner),
			"by its id": i.get(t, "/admin/doctor?reference="+reference(refused), owner),
		} {
			page := html.UnescapeString(a.body)
			for _, want := range []string{"<code>token_too_old</code>", "The link was 41", "raise the maximum age above 35", "ben@lumen.example", n.kid()} {
				if a.status != http.StatusOK || !strings.Contains(page, want) {
					t.Errorf("%s: got %v without %q", name, a, want)
				}
			}
			signature := old[strings.LastIndexByte(old, '.')+1:]
			if strings.Contains(page, old) || strings.Contains(page, signature) || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got a page with the token, or one that is kept", name)
			}
		}
		recorded := i.examine(t, fields{"reference": reference(refused)})
		if recorded.Accepted || recorded.Recorded == nil || *recorded.Recorded != "token_too_old" || recorded.reason() != "token_too_old" {
			t.Errorf("by its id: got %+v, want token_too_old now as then", recorded)
		}
		if later := i.examine(t, fields{"specimen": token, "at": "2100-01-01T00:00:00Z"}); later.reason() != "token_too_old" {
			t.Errorf("in the year 2100: got %q, want token_too_old", later.reason())
		}
		for _, secret := range []string{token, old, n.secret()} {
			if strings.Contains(i.log.String(), secret) || strings.Contains(i.log.String(), secret[strings.LastIndexByte(secret, '.')+1:]) {
				t.Error("L01: the log has a token or a secret that was examined")
			}
		}

		for name, body := range map[string]fields{
			"nothing": {}, "both": {"specimen": "x", "reference": "y"}, "no time": {"specimen": "x", "at": "noon"},
			"too long": {"specimen": strings.Repeat("x", 90<<10)},
		} {
			if a := i.admin(t, http.StatusBadRequest, "POST", "/doctor", body); a.reason() != "bad_request" {
				t.Errorf("%s: got %v, want bad_request", name, a)
			}
		}
		i.admin(t, http.StatusNotFound, "POST", "/doctor", fields{"reference": "nobody-knows-it"})
		for name, form := range map[string]url.Values{"nothing": {}, "no time": {"specimen": {"x"}, "at": {"noon"}}, "too long": {"specimen": {strings.Repeat("x", 90<<10)}}} {
			a := i.post(t, "/admin/doctor", form.Encode(), owner)
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `class="fault"`) {
				t.Errorf("form, %s: got %v, want 422 and what is wrong", name, a)
			}
		}
	})
}

// TestDoctorWithoutPeople: a key for the log alone reads nothing that is stored
// about a person, whoever signed the token; only the reason that the link
// itself would meet.
func TestDoctorWithoutPeople(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		known := person("anna").with(fields{"firstName": "Stored-Anna", "meta": fields{"k": "stored-meta"}})
		i.get(t, link(n.token(known)))
		user := decode[struct{ Users []struct{ ID string } }](t, i.admin(t, 200, "GET", "/users", nil)).Users[0].ID
		key := func(scopes ...string) string {
			made := i.admin(t, 201, "POST", "/api-keys", fields{"name": "k", "scopes": scopes})
			return "Authorization: Bearer " + decode[struct{ Key string }](t, made).Key
		}
		log, both := key("log:read"), key("log:read", "users:read")
		asked := person("anna").with(fields{"firstName": "Other", "meta": fields{}})
		good := n.token(asked)
		forged := good[:strings.LastIndexByte(good, '.')+1] + strings.Repeat("A", 43)
		ask := func(who, token string) (examined, string) {
			t.Helper()
			a := i.admin(t, 200, "POST", "/doctor", fields{"specimen": token}, who)
			return decode[examined](t, a), a.body
		}
		secretive := func(token, reason string) {
			t.Helper()
			e, body := ask(log, token)
			if e.reason() != reason || e.Forecast != nil || !strings.Contains(body, "users:read") {
				t.Errorf("got %s, want %q, no forecast, and the right that is missing", body, reason)
			}
			for _, stored := range []string{user, "Stored-Anna", "stored-meta"} {
				if strings.Contains(body, stored) {
					t.Errorf("got %q without users:read: %s", stored, body)
				}
			}
			for _, c := range e.Checks {
				if (c.ID == "user" || c.ID == "status" || c.ID == "changes") && c.Verdict != "withheld" && (c.ID != "status" || reason != "user_disabled") {
					t.Errorf("got the check %+v, want it withheld", c)
				}
			}
		}
		secretive(good, "")
		secretive(forged, "signature_invalid")
		if e, body := ask(both, forged); e.Forecast == nil || !strings.Contains(body, "Stored-Anna") {
			t.Errorf("with users:read: got %s, want the forecast", body)
		}
		i.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": true})
		secretive(good, "user_disabled")
		secretive(forged, "signature_invalid")
	})
}

// T03: the doctor of one tenant knows nothing of another's people and keys.
func TestDoctorOfAnotherTenant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		token := n.token(person("anna"))
		i.signIn(t, link(token))
		bad := i.get(t, link(token+"x"), wantsPage)
		i.logged(t, reference(bad))
		i.admin(t, http.StatusCreated, "POST", "/tenants", fields{"name": "Two", "hosts": []string{"two.example"}})
		there := "Host: two.example"
		other := decode[examined](t, i.admin(t, http.StatusOK, "POST", "/doctor", fields{"specimen": token}, there))
		if other.reason() != "integration_unknown" || other.Forecast != nil || other.Integration != nil {
			t.Errorf("another tenant's token: got %+v, want integration_unknown and nobody", other)
		}
		i.admin(t, http.StatusNotFound, "POST", "/doctor", fields{"reference": reference(bad)}, there)
		i.admin(t, http.StatusNotFound, "POST", "/integrations/"+n.ID+"/links", fields{"claims": fields{"email": "a@b.example"}}, there)
	})
}

func TestBuilder(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra I"})
		i.admin(t, http.StatusCreated, "POST", "/credits", fields{"id": 7, "name": "Exam voucher"})
		owner := i.owner(t)
		form := url.Values{
			"integration": {n.ID}, "email": {"anna@lumen.example"}, "sub": {"l-1"}, "first_name": {"Anna"},
			"groups_how": {"list"}, "groups": {"algebra-1\r\n\r\n"}, "credits_how": {"list"}, "credits": {"A 1 7\r\n"},
			"meta": {`{"plan": "gold", "seats": 12345678901234567890}`}, "go": {"/courses"},
		}
		build := func(change url.Values) answer {
			t.Helper()
			sent := url.Values{}
			for _, values := range []url.Values{form, change} {
				for name, value := range values {
					sent[name] = value
				}
			}
			return i.post(t, "/admin/builder", sent.Encode(), owner)
		}
		linkOn := func(a answer) string {
			t.Helper()
			_, rest, found := strings.Cut(html.UnescapeString(a.body), `<pre id="link" tabindex="0">`+i.origin)
			if a.status != http.StatusOK || !found {
				t.Fatalf("got %v, want a link", a)
			}
			rest, _, _ = strings.Cut(rest, "<")
			return rest
		}
		good := linkOn(build(nil))
		if e := i.examine(t, fields{"specimen": good}); !e.Accepted {
			t.Errorf("a good link: got %+v, want it accepted", e)
		}
		a := i.get(t, good)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/courses" {
			t.Fatalf("a good link: got %v, want 303 to /courses", a)
		}
		text := i.admin(t, http.StatusOK, "GET", "/users?email=anna@lumen.example", nil).body
		for _, want := range []string{"algebra-1", `"order_id":"A 1"`, `"plan":"gold"`, "12345678901234567890", "Anna"} {
			if !strings.Contains(text, want) {
				t.Errorf("the user: got %s, want %s in it", text, want)
			}
		}
		i.wantReason(t, i.get(t, good), http.StatusUnauthorized, "token_replayed")

		for preset, reason := range map[string]string{
			"expired": "token_expired", "wrong_secret": "signature_invalid", "decoded_secret": "signature_invalid", "milliseconds": "claim_invalid",
		} {
			bad := linkOn(build(url.Values{"preset": {preset}}))
			e := i.examine(t, fields{"specimen": bad})
			if got := i.get(t, bad, wantsJSON); got.reason() != reason || e.reason() != reason || e.Fix == "" {
				t.Errorf("%s: got %v, the doctor says %q, want %s", preset, got, e.reason(), reason)
			}
		}
		for field, change := range map[string]url.Values{
			"integration": {"integration": {"x"}}, "email": {"email": {" "}}, "credits": {"credits": {"A-1"}},
			"groups, and none are sent": {"groups_how": {"none"}}, "credits, and they are left out": {"credits_how": {"absent"}},
			"meta": {"meta": {"[1]"}}, "preset": {"preset": {"x"}},
		} {
			if a := build(change); a.status != http.StatusUnprocessableEntity || strings.Count(a.body, `class="fault"`) != 1 {
				t.Errorf("wrong %s: got %v, want 422 and one fault", field, a)
			}
		}

		type signedLink struct {
			Link, Token, Key string
			Claims           fields
		}
		made := decode[signedLink](t, i.admin(t, http.StatusCreated, "POST", "/integrations/"+n.AppID+"/links",
			fields{"claims": fields{"email": "ben@lumen.example", "groups": []string{}}, "go": "/x?a=b&c=d"}))
		a = i.get(t, strings.TrimPrefix(made.Link, i.origin))
		if a.header.Get("Location") != "/x?a=b&c=d" || made.Key != n.kid() || made.Claims["jti"] == nil || made.Claims["iat"] == nil {
			t.Errorf("API: got %+v that leads to %v, want a link to /x?a=b&c=d with iat and jti", made, a)
		}
		for name, body := range map[string]fields{"no claims": {}, "claims in a list": {"claims": []int{1}}, "preset": {"claims": fields{}, "preset": "x"}} {
			if a := i.admin(t, http.StatusBadRequest, "POST", "/integrations/"+n.ID+"/links", body); a.reason() != "bad_request" {
				t.Errorf("API, %s: got %v, want bad_request", name, a)
			}
		}
		_, token, _ := strings.Cut(good, "token=")
		if token, _, _ = strings.Cut(token, "&"); token == "" || strings.Contains(i.log.String(), token) {
			t.Error("L01: the log has a token that was signed here")
		}
	})
}

func TestExamineCommand(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		installed, _ := command(t, w, exitOK, "integration", "install", "--name", "Acme")
		link, _ := command(t, w, exitOK, "sign", field(t, installed, "Id"), "--email", "anna@example.com")
		file := filepath.Join(t.TempDir(), "link")
		if err := os.WriteFile(file, []byte(link), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, _ := command(t, w, exitOK, "examine", file); !strings.Contains(out, "This link signs in.") {
			t.Errorf("a good link: got\n%s", out)
		}
		out, told := command(t, w, exitCheckFailed, "examine", file, "--at", "2100-01-01T00:00:00Z")
		if !strings.Contains(out, "Refused: token_too_old") || !strings.Contains(told, "token_too_old") {
			t.Errorf("an old link: got\n%s\n%s", out, told)
		}
		out, _ = command(t, w, exitCheckFailed, "examine", "--json", "--at", "2100-01-01T00:00:00Z", file)
		if e := decode[examined](t, answer{body: out}); e.reason() != "token_too_old" || len(e.Checks) == 0 {
			t.Errorf("--json: got %+v, want token_too_old", e)
		}
		command(t, w, exitNotFound, "examine", "--reference", "nobody-knows-it")
		command(t, w, exitUsage, "examine", file, "--reference", "x")
		command(t, w, exitUsage, "examine", file, "--at", "noon")
		command(t, w, exitUsage, "examine", file, file)
	})
}

// TestDoctorInBrowser looks at the answers of the two forms, which a crawl does
// not come to.
func TestDoctorInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	inhabit(t, i)
	w := openWindow(t, i)
	w.signIn(t, i.owner(t))
	looks := func(name string) {
		t.Helper()
		for _, l := range []look{desktop, night, phone, phoneAt} {
			w.see(t, l)
			w.isGood(t, name+" "+l.name)
			w.shoot(t, name+"~"+l.name)
		}
		w.see(t, desktop)
	}
	n := i.install(t, fields{"name": "Harbour"})
	claims := person("dora").with(fields{"groups": []string{"algebra-1", "nowhere"}, "credits": []fields{{"orderId": "A-1", "id": 7}, {"orderId": "A-2", "id": 99}}, "meta": fields{"plan": "gold"}, "firstName": "Dora"})
	i.signIn(t, link(n.token(claims.with(fields{"groups": []string{"optics"}, "credits": []fields{}, "meta": fields{"plan": "silver", "seat": 1}}))))
	w.open(t, "/admin/doctor")
	paste := func(text string) { w.do(t, "paste", chromedp.SendKeys(chromedp.CSS(`[name="specimen"]`), text)) }
	paste(i.origin + link(n.token(claims), "go", "/courses"))
	w.press(t, "Examine")
	w.sees(t, "This link signs in.", "/courses", "algebra-1", "parked")
	looks("doctor-good")
	bad := claims.with(fields{"iat": time.Now().Unix() - 412, "exp": time.Now().Unix() - 300, "aud": "https://else.example", "groups": "algebra-1", "lastName": 5})
	w.open(t, "/admin/doctor")
	paste(i.origin + link(n.token(bad)))
	w.press(t, "Examine")
	w.sees(t, "token_expired", "raise the maximum age above", "The claim groups should be an array")
	looks("doctor-bad")
	w.open(t, "/admin/builder")
	w.fill(t, "email", "dora@lumen.example")
	w.do(t, "wrong secret", chromedp.Click(chromedp.CSS(`[name="preset"][value="decoded_secret"]`)))
	w.press(t, "Sign the link")
	w.sees(t, "Your link", "wrong on purpose")
	looks("builder-signed")
	w.press(t, "Examine this link")
	w.sees(t, "signature_invalid", "Use the secret's characters as they are")
	looks("doctor-secret")
}
