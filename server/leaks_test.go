package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingLeaks walks through everything and then looks for each secret in
// the log, on stdout, and in every header and body.
func TestNothingLeaks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		secrets := map[string]string{"API key": apiKey} // what must not be found, by name
		var answers strings.Builder
		keep := func(a answer) answer {
			header := a.header.Clone()
			header.Del("Set-Cookie") // the one place where a cookie may be
			fmt.Fprintf(&answers, "%v\n%s\n", header, a.body)
			return a
		}
		number := 0
		note := func(token string) string {
			number++
			signature := token[strings.LastIndexByte(token, '.')+1:]
			secrets[fmt.Sprintf("signature %d", number)] = signature
			return token
		}
		enter := func(target string, header ...string) string {
			a := keep(i.get(t, target, header...))
			if cookie := a.cookie(); cookie != "" {
				secrets["cookie of "+a.header.Get("X-Request-Id")] = cookie
			}
			return a.cookie()
		}

		const typed = "a typed secret of the suite, 43 characters"
		lumen := i.install(t, fields{"landing_page": "/start"}) // the answer that shows the secret is not kept
		other := i.install(t, fields{"name": "Other", "secret": typed})
		added := decode[installedKey](t, i.admin(t, 201, "POST", "/integrations/"+other.ID+"/keys", fields{"algorithm": "HS512"}))
		secrets["made secret"], secrets["typed secret"], secrets["added secret"] = lumen.secret(), typed, added.Secret
		claims := person("anna").with(fields{"onboard": true, "groups": []string{"g"}, "meta": fields{"a": 1}})

		// Good links, at both doors, with what a browser sends beside.
		token := note(lumen.token(claims.with(fields{"jti": "one"})))
		cookie := enter(link(token, "go", "/x?token="+token), "Referer: https://lumen.example/?token="+token, "User-Agent: "+token)
		enter(link(token), holding(cookie)) // a replay from the same browser
		enter(link(token), wantsJSON)       // and from another
		keep(i.send(t, "POST", "/auth/callback/jwt-auth", "go=/x&token="+note(lumen.token(claims)), isForm))
		enter(link(note(lumen.token(person("berta"))), "go", "//evil.example/?token="+token), holding(cookie))
		cookie = enter(link(note(lumen.token(claims))))

		// Refused ones, signed with what a partner makes of a secret.
		decoded, err := base64.RawURLEncoding.DecodeString(lumen.secret())
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{
			note(breakSignature(lumen.token(claims))),
			note(signed("HS256", string(decoded), fields{"kid": lumen.kid()}, claims)),
			note(signed("HS256", lumen.secret()+"\n", fields{"kid": lumen.kid()}, claims)),
			note(signed("HS256", lumen.secret(), fields{"kid": lumen.secret()}, claims)),
			note(signed("HS256", lumen.secret(), fields{"kid": lumen.kid(), "crit": []string{"b64"}}, claims)),
			note(signed("HS512", lumen.secret(), fields{"kid": lumen.kid()}, claims)),
			note(lumen.token(claims.with(fields{"groups": "1,2"}))),
			note(lumen.token(claims.with(fields{"email": 7}))),
			note(lumen.token(claims.with(fields{"aud": "https://elsewhere.example"}))),
			note(lumen.token(claims.with(fields{"iat": 1}))),
			note(signed("HS256", lumen.secret(), fields{"kid": lumen.kid()}, "{")),
			note(lumen.token(claims)) + "A",
			note(lumen.token(claims)) + ".x",
			note(lumen.token(claims.with(fields{"padding": strings.Repeat("p", 17<<10)}))),
		} {
			keep(i.get(t, link(token), wantsJSON))
			keep(i.get(t, link(token), wantsPage))
			keep(i.send(t, "POST", "/auth/callback/jwt-auth", "token="+token, isForm))
			keep(i.send(t, "POST", "/auth/callback/jwt-auth?token="+token, "token="+token, isForm))
			// Put together in wrong ways.
			for _, target := range []string{
				"/auth/callback/jwt-auth&token=" + token, "/auth/callback/jwt-auth/" + token, "/" + token,
				"/auth/callback/jwt-auth?go=/&TOKEN=" + token, "/auth/session?token=" + token, "/auth/logout?go=/" + token,
				"/auth/callback/jwt-auth?token=" + token + "%zz", "/auth/sessions/" + token, "/admin/api/v1/users/" + token,
				"/admin/api/v1/users?email=" + token, "/auth/callback/jwt-auth?appId=" + token + "&token=" + token,
			} {
				keep(i.get(t, target, "Authorization: Bearer "+token, wantsJSON))
			}
			keep(i.get(t, "/auth/session", "Host: "+token[:60]+".example"))
			keep(i.get(t, "/auth/session", "X-Request-Id: "+token[len(token)-43:]))
		}

		// The pages and the answers of somebody signed in.
		for _, target := range []string{
			"/", "/auth/session", "/auth/sessions", "/auth/onboarding?next=/x", "/auth/logout?go=/x", "/readyz", "/healthz", "/auth/assets/usher.css",
		} {
			keep(i.get(t, target, holding(cookie), "Referer: "+i.origin+link(token)))
		}
		keep(i.get(t, "/auth/session", holding(cookie[:42])))
		keep(i.get(t, "/auth/session", holding(cookie+"; __Host-usher="+cookie)))
		keep(i.send(t, "DELETE", "/auth/sessions/"+strings.Repeat("0", 64), "", holding(cookie), wantsJSON))
		keep(i.send(t, "POST", "/auth/logout", "go=/x", isForm, holding(cookie), "Origin: https://evil.example"))
		keep(i.send(t, "POST", "/auth/logout", "go=/x", isForm, holding(cookie)))

		// The admin's API, with good and bad bodies and keys.
		user := i.userID(t, "anna@lumen.example")
		for _, r := range apiRoutes(t) {
			path := strings.NewReplacer("integrations/x", "integrations/"+other.ID, "keys/x", "keys/"+other.kid(), "users/x", "users/"+user).Replace(r.path)
			body := jsonText(fields{"secret": typed, "name": lumen.secret(), "Authorization": apiKey})
			keep(i.send(t, r.method, "/admin/api/v1"+path, body, "Authorization: Basic "+apiKey))
			if r.method != http.MethodGet {
				keep(i.send(t, r.method, "/admin/api/v1"+path, body, asAdmin))
				keep(i.send(t, r.method, "/admin/api/v1"+path, `{"secret":"`+typed+`"`, asAdmin))
			} else {
				keep(i.send(t, r.method, "/admin/api/v1"+path, "", asAdmin))
			}
		}
		for _, wrong := range []fields{
			{"name": "x", "secret": typed[:20]},
			{"name": "x", "secret": typed, "public_key": typed},
			{"name": "x", "public_key": typed},
			{"name": "x", "secret": []string{typed}},
			{"name": "x", "secret": typed, "algorithm": typed},
		} {
			keep(i.send(t, "POST", "/admin/api/v1/integrations", jsonText(wrong), asAdmin))
		}
		keep(i.send(t, "DELETE", "/admin/api/v1/integrations/"+lumen.ID, "", asAdmin))
		keep(i.get(t, link(token), wantsJSON))

		i.stop()
		if code := i.exited(); code != exitOK {
			t.Errorf("got exit code %d, want 0", code)
		}
		for _, setting := range w.environ {
			if value, found := strings.CutPrefix(setting, "USHER_MASTER_KEY="); found {
				secrets["master key"] = value
			} else if folder, found := strings.CutPrefix(setting, "USHER_DATA_DIR="); found {
				made, err := os.ReadFile(filepath.Join(folder, "master.key"))
				if err != nil {
					t.Fatal(err)
				}
				secrets["master key"] = strings.TrimSpace(string(made))
			}
		}
		for place, text := range map[string]string{"log": i.log.String(), "stdout": i.stdout.String(), "answers": answers.String()} {
			for name, secret := range secrets {
				if at := strings.Index(text, secret); at >= 0 {
					t.Errorf("got the %s in the %s, after %q", name, place, text[max(0, at-150):at])
				}
			}
		}
		for line := range strings.Lines(i.log.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("got log line %q, want JSON", line)
			}
		}
		if len(secrets) < 20 || len(i.records(t, "request")) < 200 {
			t.Errorf("got %d secrets and %d requests, want a long walk", len(secrets), len(i.records(t, "request")))
		}
	})
}
