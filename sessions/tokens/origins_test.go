package tokens

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedirectOrigins(t *testing.T) {
	t.Parallel()
	client := Client{RedirectURIs: []string{
		"https://app.example/back", "https://app.example/other?x=y", "https://APP.example:443/back", "https://app.example:8443/back",
		"http://localhost:3000/back", "http://localhost:80/", "http://[::1]:5000/", "com.example.app:/back", "https://:443", "%", "",
	}}
	want := []string{"https://app.example", "https://app.example:8443", "http://localhost:3000", "http://localhost", "http://[::1]:5000"}
	if diff := cmp.Diff(want, RedirectOrigins(client)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := RedirectOrigins(Client{}); len(got) != 0 {
		t.Errorf("got %q of a client without redirect URIs, want none", got)
	}
}
