package admin

import (
	"testing"

	"usher/web"
)

// TestWebhooksTogether: a few endpoints that fail are told of one by one, many
// in one line.
func TestWebhooksTogether(t *testing.T) {
	t.Parallel()
	var inNeed []web.Attention
	for range mostWebhooksInNeed {
		inNeed = append(inNeed, web.Attention{About: "Webhook https://app.example"})
	}
	if got := together(inNeed); len(got) != mostWebhooksInNeed {
		t.Errorf("a few: got %v, want each", got)
	}
	got := together(append(inNeed, web.Attention{About: "Webhook https://other.example"}))
	if len(got) != 1 || got[0].About != "4 webhooks" || got[0].Path != webhooksPath {
		t.Errorf("many: got %v, want one line for 4", got)
	}
}
