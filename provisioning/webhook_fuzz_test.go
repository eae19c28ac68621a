package provisioning

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzWebhookURL: an address that is accepted is one that can be called, names
// its host alone in what is logged, and is accepted as it is the next time.
func FuzzWebhookURL(f *testing.F) {
	for _, seed := range []string{
		"https://app.example/hooks?key=1", "HTTPS://App.Example:443", "http://127.0.0.1:8080/x", "https://[::1]/", "https://a.test./",
		"https://user@a.test/", "https://a.test/%2f%00", "https://a.test/\x00", "//a.test", "https:a.test", "https://a.test?x", "https://a.test#",
		"https://ä.test/", "https://a.test:0/", "https://a.test:99999/", "https://a.test\\@b.test/", "https://a.test/\r\nHost: b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := checkWebhookURL(text)
		if err != nil {
			return
		}
		parsed, err := url.Parse(address)
		if err != nil || parsed.User != nil || parsed.Fragment != "" || parsed.Host == "" {
			t.Fatalf("%q became %q: %v", text, address, err)
		}
		if parsed.Scheme != "https" {
			if origin, err := ParseOrigin(parsed.Scheme + "://" + parsed.Host); err != nil || !origin.Loopback() {
				t.Fatalf("%q became %q, in plain text to another machine", text, address)
			}
		}
		if again, err := checkWebhookURL(address); err != nil || again != address {
			t.Fatalf("%q became %q, and that %q, %v", text, address, again, err)
		}
		if _, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, nil); err != nil {
			t.Fatalf("%q became %q: %v", text, address, err)
		}
		if host := webhookHost(address); !strings.HasPrefix(address, host) || strings.Count(host, "/") != 2 {
			t.Fatalf("%q: what may be told of it is %q", address, host)
		}
	})
}

// FuzzWebhookAnswer: whatever a receiver answers, what is kept can be stored and
// shown, and no header asks for a pause below none.
func FuzzWebhookAnswer(f *testing.F) {
	f.Add([]byte("ok"), "120")
	f.Add([]byte("\x00\xff\x1b[31m"), "Wed, 21 Oct 2015 07:28:00 GMT")
	f.Add([]byte("€"[:2]), "-1")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		kept := legible(body)
		if !utf8.ValidString(kept) || strings.ContainsAny(kept, "\x00\x1b\r\x7f") {
			t.Errorf("legible(%q) = %q", body, kept)
		}
		if pause := parseRetryAfter(header, time.Unix(1, 0)); pause < 0 {
			t.Errorf("Retry-After %q: got %v", header, pause)
		}
	})
}
