package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// TestWebhooks is a change that an application is told of, all the way: over the
// API, by a server, to a receiver that verifies it with the library that
// receivers use. Commands show what was sent, and send it again.
func TestWebhooks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		type received struct {
			header http.Header
			body   string
		}
		arrived := make(chan received, 10)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			arrived <- received{r.Header, string(body)}
		}))
		defer receiver.Close()
		i := launch(t, w)
		made := decode[struct{ ID, Secret string }](t, i.admin(t, http.StatusCreated, "POST", "/webhooks",
			fields{"url": receiver.URL + "/hooks?key=1", "types": []string{"group.created"}}))
		hook, err := standardwebhooks.NewWebhook(made.Secret)
		if err != nil {
			t.Fatal(err)
		}
		next := func(want string) (id string) {
			t.Helper()
			select {
			case r := <-arrived:
				if err := hook.Verify([]byte(r.body), r.header); err != nil {
					t.Errorf("%s: %v", want, err)
				}
				if !strings.Contains(r.body, want) {
					t.Errorf("got %s, want %s in it", r.body, want)
				}
				return r.header.Get("Webhook-Id")
			case <-time.After(patience):
				t.Fatalf("%s did not arrive", want)
			}
			return ""
		}
		i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "staff", "name": "Staff"})
		id := next(`"type":"group.created"`)
		if out, _ := command(t, w, exitOK, "webhook", "list"); !strings.Contains(out, receiver.URL+"  ") || strings.Contains(out, "key=1") {
			t.Errorf("list: got %q, want the origin and no more of the address", out)
		}
		// It is over when the server has recorded it.
		for strings.Contains(first(command(t, w, exitOK, "webhook", "deliveries", made.ID)), "waiting") {
			if t.Context().Err() != nil {
				t.Fatal("the delivery is not recorded")
			}
		}
		command(t, w, exitOK, "webhook", "resend", made.ID, id)
		if again := next(`"group":"staff"`); again != id {
			t.Errorf("sent again: got %s, want %s", again, id)
		}
		command(t, w, exitOK, "webhook", "test", made.ID)
		next(`"type":"webhook.test"`)
		out, _ := command(t, w, exitOK, "webhook", "roll", made.ID, "--after", "0s")
		if hook, err = standardwebhooks.NewWebhook(field(t, out, "Secret")); err != nil {
			t.Fatal(err)
		}
		command(t, w, exitOK, "webhook", "test", made.ID)
		next(`"type":"webhook.test"`)
		command(t, w, exitOK, "webhook", "change", made.ID, "--disable")
		if _, text := command(t, w, exitUsage, "webhook", "test", made.ID); !strings.Contains(text, "disabled") {
			t.Errorf("a test of a disabled endpoint: got %q", text)
		}
		if got := i.admin(t, http.StatusBadRequest, "POST", "/webhooks/"+made.ID+"/resend", fields{"since": "yesterday"}); !strings.Contains(got.body, "since: ") {
			t.Errorf("got %v, want the field named", got)
		}
		command(t, w, exitUsage, "webhook", "add", "http://app.example/")
		command(t, w, exitUsage, "webhook", "delete", made.ID)
		command(t, w, exitOK, "webhook", "delete", made.ID, "--confirm", made.ID)
		command(t, w, exitNotFound, "webhook", "show", made.ID)
	})
}

func first(text, _ string) string { return text }

// TestWebhookAddressesInside: an address inside the own network is refused when
// it is named; one that was allowed before is not called any more, and the log of
// the delivery says so.
func TestWebhookAddressesInside(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	i := launch(t, w)
	before := w
	before.environ = append(slices.Clone(w.environ), "USHER_OUTBOUND_ALLOW=10.0.0.0/8,169.254.0.0/16,fd00::/8")
	for _, address := range []string{"https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/"} {
		got := i.admin(t, http.StatusBadRequest, "POST", "/webhooks", fields{"url": address, "types": []string{"*"}})
		if !strings.Contains(got.body, "url: ") {
			t.Errorf("%s: got %v, want the field named", address, got)
		}
		out, _ := command(t, before, exitOK, "webhook", "add", address, "--type", "*")
		made := struct{ ID string }{field(t, out, "Id")}
		path := "/webhooks/" + made.ID
		path += "/deliveries/" + decode[struct{ Event string }](t, i.admin(t, http.StatusAccepted, "POST", path+"/test", fields{})).Event
		for {
			sent := decode[struct{ Log []struct{ Fault string } }](t, i.admin(t, http.StatusOK, "GET", path, nil))
			if len(sent.Log) > 0 {
				if sent.Log[0].Fault != "refused" {
					t.Errorf("%s: got %+v, want it refused", address, sent.Log)
				}
				break
			}
			if t.Context().Err() != nil {
				t.Fatalf("%s: no attempt was made", address)
			}
		}
	}
}
