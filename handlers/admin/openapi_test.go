package admin

import "testing"

// TestReference wants a type beside every name on the page about the API.
func TestReference(t *testing.T) {
	t.Parallel()
	page, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, group := range page.Groups {
		for _, operation := range group.Operations {
			for _, answer := range operation.Answers {
				for _, field := range answer.Table.Fields {
					if shown++; field.Type == "" {
						t.Errorf("%s: got no type of %s in the answer %s", operation.ID, field.Name, answer.Status)
					}
				}
			}
			for _, field := range append(operation.Parameters.Fields, operation.Body.Fields...) {
				if shown++; field.Type == "" {
					t.Errorf("%s: got no type of %s, which is sent", operation.ID, field.Name)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("got no field at all")
	}
}
