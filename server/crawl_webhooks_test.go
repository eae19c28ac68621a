package main

import (
	"net/http"
	"testing"
)

// inhabitWebhooks is the part of inhabit that concerns webhooks: an endpoint
// that fails and one that is disabled.
func inhabitWebhooks(t *testing.T, i *instance, secrets map[string]string) {
	t.Helper()
	add := func(name, description string, more fields) (path string) {
		t.Helper()
		made := decode[struct{ ID, Secret string }](t, i.admin(t, http.StatusCreated, "POST", "/webhooks",
			fields{"url": deadHook, "description": description, "types": []string{"user.erased", "group.deleted"}}.with(more)))
		secrets["secret of a webhook, "+name] = made.Secret
		return "/webhooks/" + made.ID
	}
	add("disabled", `Shop "&" <b>sons</b>`, fields{"disabled": true, "types": []string{"*"}})
	failing := add("failing", "", nil)
	rolled := decode[struct{ Secret string }](t, i.admin(t, http.StatusCreated, "POST", failing+"/secrets", fields{"after": 3600}))
	secrets["second secret of a webhook"] = rolled.Secret
	i.admin(t, http.StatusAccepted, "POST", failing+"/test", fields{})
	for {
		sent := decode[struct {
			Deliveries []struct{ Attempts int }
		}](t, i.admin(t, http.StatusOK, "GET", failing+"/deliveries", nil))
		if len(sent.Deliveries) == 1 && sent.Deliveries[0].Attempts > 0 {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the test event was not sent")
		}
	}
}
