package provisioning

import (
	"net/netip"
	"net/url"
	"strings"
)

// maxWebhookURL bounds addresses of endpoints, in bytes.
const maxWebhookURL = 2000

// checkWebhookURL accepts an absolute https address as it will be called; plain
// http is good for this machine only (see Origin.Loopback), and whether that may
// be called is for the client to decide. The error never quotes the address,
// which may hold a secret.
func checkWebhookURL(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxWebhookURL {
		return "", invalid("url", "an address of 1 to %d characters, such as https://example.com/webhooks", maxWebhookURL)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' || strings.IndexByte("\"<>\\^`{|}", text[i]) >= 0 {
			return "", invalid("url", "the characters of an address only; write others in their %% form")
		}
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return "", invalid("url", "an address such as https://example.com/webhooks")
	}
	switch {
	case parsed.Opaque != "" || parsed.Host == "":
		return "", invalid("url", "a whole address, with https:// and a host")
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return "", invalid("url", "an address that begins with https://")
	case parsed.User != nil:
		return "", invalid("url", "an address without user name and password: deliveries are signed instead")
	case parsed.Fragment != "" || strings.Contains(text, "#"):
		return "", invalid("url", "an address without #: what is behind it would not be sent")
	}
	origin, err := ParseOrigin(parsed.Scheme + "://" + parsed.Host)
	if err != nil {
		return "", invalid("url", "%s", err)
	}
	path := parsed.EscapedPath()
	if path == "" {
		path = "/"
	}
	if parsed.RawQuery != "" {
		path += "?" + parsed.RawQuery
	}
	return origin.String() + path, nil
}

// checkReach refuses an endpoint whose host is the number of an address that is
// never called. One that is no address at all is left to checkWebhookURL.
func (w *Webhooks) checkReach(wish WebhookWish) error {
	if w.calls == nil || wish.URL == nil {
		return nil
	}
	clean, err := checkWebhookURL(*wish.URL)
	if err != nil {
		return nil
	}
	parsed, err := url.Parse(clean)
	if err != nil {
		return nil
	}
	address, err := netip.ParseAddr(parsed.Hostname())
	if err != nil || w.calls(parsed.Scheme, address) {
		return nil
	}
	return invalid("url", "an address of the public Internet, or one that USHER_OUTBOUND_ALLOW names")
}

// WebhookOrigin is what everybody may know of an endpoint's address: the rest of
// it may hold a secret.
func WebhookOrigin(e WebhookEndpoint) string { return webhookHost(e.URL) }

// webhookHost is what may be told of an endpoint's address, in logs and acts.
func webhookHost(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.Scheme + "://" + parsed.Host
}
