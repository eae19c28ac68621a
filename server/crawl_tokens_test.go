package main

import (
	"net/http"
	"testing"
	"time"
)

// inhabitTokens is the part of inhabit that concerns the token service: API
// connections, clients, organizations, identity scopes and claims, and people who
// have to do with each. It adds what no page may ever show to secrets.
func inhabitTokens(t *testing.T, i *instance, lumen installed, secrets map[string]string) {
	t.Helper()
	at := "?at=" + time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)
	// expiring plans the end of a further secret of a client, an organization or an
	// API connection, whose path is given.
	expiring := func(owner string) {
		t.Helper()
		made := decode[struct{ ID string }](t, i.admin(t, http.StatusCreated, "POST", owner+"/secrets", fields{}))
		i.admin(t, http.StatusNoContent, "DELETE", owner+"/secrets/"+made.ID+at, nil)
	}

	billing := decode[struct{ ID, Secret string }](t, i.admin(t, http.StatusCreated, "POST", "/api-connections", fields{
		"name": "billing", "display_name": "Billing & <b>more</b>",
	}))
	secrets["secret of an API connection"] = billing.Secret
	i.admin(t, http.StatusCreated, "POST", "/api-connections/"+billing.ID+"/scopes", fields{"name": "billing:write"})
	expiring("/api-connections/" + billing.ID)

	for name, kind := range map[string]string{"shelf": "text", "size": "number", "member": "boolean", "born": "date", "home": "url"} {
		i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": name, "display_name": "Your <" + name + ">", "type": kind, "meta_path": "library." + name})
	}
	i.admin(t, http.StatusCreated, "POST", "/identity-scopes", fields{"name": "library", "display_name": `Your "card" <1>`, "claims": []string{"shelf", "size", "locale"}})

	nightly := decode[clientUnderTest](t, i.admin(t, http.StatusCreated, "POST", "/clients", fields{
		"client_id": "nightly", "name": `Nightly "job" <1>`, "api_scopes": []string{"billing", "billing:write"},
	}))
	secrets["secret of a client"] = nightly.ClientSecret
	expiring("/clients/" + nightly.ID)
	i.admin(t, http.StatusCreated, "POST", "/clients", fields{
		"name": "Switched off", "disabled": true, "access_token_format": "reference", "public": true, "integration": lumen.ID,
		"grants": []string{"authorization_code", "refresh_token"}, "identity_scopes": []string{"openid", "profile"},
		"redirect_uris": []string{"https://shop.example/signed-in?from=usher&to=the-shop", "com.example.shop:/back"}, "ask_consent": true,
	})
	i.admin(t, http.StatusCreated, "POST", "/clients", fields{
		"name": "Library", "grants": []string{"authorization_code"}, "redirect_uris": []string{clientBack},
		"identity_scopes": []string{"openid", "library"}, "required_claims": []string{"shelf"},
	})

	acme := i.organization(t, "", "acme", `Acme "Ltd" <1>`)
	secrets["secret of an organization"] = acme.Secret
	expiring("/clients/" + acme.ID)
	i.organization(t, "acme", "dev", "Development")
	off := i.organization(t, "acme.dev", "tools", "Tools")
	i.admin(t, http.StatusOK, "PATCH", "/organizations/"+off.ID, fields{"disabled": true})

	// Those people to whom the crawl comes first have to do with it all.
	shop := i.addPeopleClient(t, fields{"name": `Shop "&" <sons>`, "api_scopes": []string{"billing"}})
	asks := i.addPeopleClient(t, fields{"name": "Asks <first>", "ask_consent": true})
	secrets["secret of a client for people"] = shop.ClientSecret
	for name, role := range map[string]string{"d1": "owner", "d2": "member"} {
		cookie := secrets["cookie of "+name]
		issued := i.tokensFor(t, shop, cookie, "openid profile billing offline_access")
		secrets["access token of "+name], secrets["refresh token of "+name] = issued.AccessToken, issued.RefreshToken
		i.allow(t, asks, cookie, "openid email")
		user := i.userID(t, name+"@lumen.example")
		for claim, value := range map[string]any{"shelf": "B <12>", "size": 42, "member": true, "born": "1990-02-28"} {
			i.admin(t, http.StatusOK, "PUT", "/users/"+user+"/claims/"+claim, fields{"value": value})
		}
		i.admin(t, http.StatusNoContent, "PUT", "/organizations/"+acme.ID+"/members/"+user, fields{"role": role})
	}
}
