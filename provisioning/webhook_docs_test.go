package provisioning

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWebhookExamples: docs/webhooks.md has an example of every type of events,
// in the form in which they are sent.
func TestWebhookExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		decoder := json.NewDecoder(strings.NewReader(block[1]))
		decoder.DisallowUnknownFields()
		var example eventPayload
		if err := decoder.Decode(&example); err != nil {
			t.Errorf("%s: %v", block[1], err)
		}
		if example.Timestamp.IsZero() {
			t.Errorf("%s: got no time, want one", block[1])
		}
		shown[example.Type]++
	}
	for _, kind := range append(EventTypes(), EventType{Name: EventTest}) {
		if shown[kind.Name] != 1 {
			t.Errorf("%s: got %d examples, want one", kind.Name, shown[kind.Name])
		}
		delete(shown, kind.Name)
	}
	if len(shown) > 0 {
		t.Errorf("got examples of %v, which are no types", shown)
	}
}
