package store

import (
	"strings"
	"testing"
	"time"
)

// TestMadeAt: an id says in which millisecond it was made.
func TestMadeAt(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.UnixMilli(0),
		time.Date(2026, 11, 22, 11, 40, 0, 999_999_999, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		id, err := NewIDAt(at)
		if err != nil || !IsID(id) {
			t.Fatalf("NewIDAt(%v): got %q, error %v, want an id", at, id, err)
		}
		if got, want := MadeAt(id), at.Truncate(time.Millisecond); !got.Equal(want) {
			t.Errorf("MadeAt(%s): got %v, want %v", id, got, want)
		}
		if again, _ := NewIDAt(at); again == id {
			t.Errorf("NewIDAt(%v): got %s twice", at, id)
		}
	}
	// RFC 9562, appendix A.6.
	if got, want := MadeAt("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), time.UnixMilli(0x017F22E279B0); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, text := range []string{"", "x", "919108f7-52d1-4320-9bac-f847db4148a8"} {
		if got := MadeAt(text); !got.IsZero() {
			t.Errorf("MadeAt(%q): got %v, want none", text, got)
		}
	}
}

// Only the one form in which ids are written here is one.
func TestIsID(t *testing.T) {
	t.Parallel()
	const id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
	for _, text := range []string{
		"", id[1:], id + "0", strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id,
		strings.ReplaceAll(id, "-", ""), strings.ReplaceAll(id, "-", "0"), strings.Replace(id, "c3d4-7", "c3d47-", 1), "g" + id[1:],
	} {
		if IsID(text) {
			t.Errorf("IsID(%q): got true, want false", text)
		}
	}
	if !IsID(id) {
		t.Errorf("IsID(%q): got false, want true", id)
	}
}
