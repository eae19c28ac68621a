package provisioning

import (
	"testing"

	"usher/sql/store"
)

// TestFingerprintOf is the fingerprint that a sign-in leaves, for whoever never
// signed in.
func TestFingerprintOf(t *testing.T) {
	t.Parallel()
	ring, err := NewKeyring(oneIntegration(), testKeys("HS256"), openPlain)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Verify(ring, linkOf(signedAs("HS256", testSecret, benchPayload())), testNow)
	if err != nil {
		t.Fatal(err)
	}
	n := store.Integration{GroupScope: "own"}
	got, err := FingerprintOf(benchPayload(), &n)
	if want := fingerprint(&v.Assertion, &n); err != nil || got != want {
		t.Errorf("got %x, %v, want %x", got, err, want)
	}
	for _, payload := range []string{"", "{", `{"sub":"a"}`, `{"email":7}`} {
		if got, err := FingerprintOf(payload, &n); err == nil {
			t.Errorf("%q: got %x, want an error", payload, got)
		}
	}
}
