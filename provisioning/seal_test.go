package provisioning

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// testMaster is a master key of the bytes first, first+1, …
func testMaster(first byte) []byte {
	key := make([]byte, masterKeyBytes)
	for i := range key {
		key[i] = first + byte(i)
	}
	return key
}

func testSealer(tb testing.TB, first byte) *Sealer {
	tb.Helper()
	sealer, err := NewSealer(testMaster(first))
	if err != nil {
		tb.Fatalf("NewSealer: got error %v, want none", err)
	}
	return sealer
}

func TestNewSealerLength(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 16, 24, 31, 33, 64} {
		if _, err := NewSealer(make([]byte, length)); err == nil {
			t.Errorf("master key of %d bytes: got no error, want one", length)
		}
	}
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	sealer, restarted := testSealer(t, 1), testSealer(t, 1)
	for _, plain := range []string{"", "x", "a secret of some length\x00\xff", strings.Repeat("long", 10_000)} {
		sealed := sealer.Seal([]byte(plain), "acme", "keys", "k1", "secret")
		if got, want := len(sealed), len(plain)+33; got != want {
			t.Errorf("sealed form of %d bytes: got %d bytes, want %d", len(plain), got, want)
		}
		if len(plain) > 8 && bytes.Contains(sealed, []byte(plain[:8])) {
			t.Errorf("sealed form of %.20q: got the plain text in it", plain)
		}
		got, err := restarted.Open(sealed, "acme", "keys", "k1", "secret")
		if err != nil || string(got) != plain {
			t.Errorf("Open: got %.20q, error %v, want %.20q", got, err, plain)
		}
		if again := sealer.Seal([]byte(plain), "acme", "keys", "k1", "secret"); bytes.Equal(sealed, again) {
			t.Errorf("two seals of %.20q: got the same bytes, want different ones", plain)
		}
	}
}

// What was sealed in one place does not open in another, not even where the
// names of the places run together the same way.
func TestOpenElsewhere(t *testing.T) {
	t.Parallel()
	sealer := testSealer(t, 1)
	place := []string{"acme", "keys", "row-a", "secret"}
	sealed := sealer.Seal([]byte("partner secret"), place...)
	cases := []struct {
		name  string
		place []string
	}{
		{"another tenant", []string{"beta", "keys", "row-a", "secret"}},
		{"another table", []string{"acme", "connections", "row-a", "secret"}},
		{"another row", []string{"acme", "keys", "row-b", "secret"}},
		{"another column", []string{"acme", "keys", "row-a", "previous"}},
		{"no place", nil},
		{"one part less", []string{"acme", "keys", "row-a"}},
		{"one part more", []string{"acme", "keys", "row-a", "secret", ""}},
		{"parts swapped", []string{"acme", "row-a", "keys", "secret"}},
		{"parts joined", []string{"acme", "keysrow-a", "secret", ""}},
		{"boundary moved", []string{"acmek", "eys", "row-a", "secret"}},
		{"one part with everything", []string{"acmekeysrow-asecret"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, err := sealer.Open(sealed, c.place...); !errors.Is(err, ErrSealBroken) || got != nil {
				t.Errorf("Open at %q: got %q, error %v, want ErrSealBroken", c.place, got, err)
			}
		})
	}
	if got, err := sealer.Open(sealed, place...); err != nil || string(got) != "partner secret" {
		t.Errorf("Open in place: got %q, error %v, want the secret", got, err)
	}
}

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	sealer := testSealer(t, 1)
	sealed := sealer.Seal([]byte("partner secret"), "acme")
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		want := ErrSealBroken
		if 1 <= i && i < sealHeadBytes {
			want = ErrSealedElsewhere
		}
		if got, err := sealer.Open(damaged, "acme"); !errors.Is(err, want) || got != nil {
			t.Errorf("bit in byte %d flipped: got %q, error %v, want %v", i, got, err, want)
		}
		if got, err := sealer.Open(sealed[:i], "acme"); !errors.Is(err, ErrSealBroken) || got != nil {
			t.Errorf("cut after %d bytes: got %q, error %v, want ErrSealBroken", i, got, err)
		}
	}
	if _, err := sealer.Open(append(bytes.Clone(sealed), 0), "acme"); !errors.Is(err, ErrSealBroken) {
		t.Errorf("one byte more: got error %v, want ErrSealBroken", err)
	}
}

func TestOpenWithAnotherMasterKey(t *testing.T) {
	t.Parallel()
	sealed := testSealer(t, 1).Seal([]byte("partner secret"), "acme")
	if got, err := testSealer(t, 2).Open(sealed, "acme"); !errors.Is(err, ErrSealedElsewhere) || got != nil {
		t.Errorf("got %q, error %v, want ErrSealedElsewhere", got, err)
	}
	// The id in the open is only a name: forging it opens nothing.
	forged := bytes.Clone(sealed)
	copy(forged[1:sealHeadBytes], testSealer(t, 2).keys[0].id)
	if got, err := testSealer(t, 2).Open(forged, "acme"); !errors.Is(err, ErrSealBroken) || got != nil {
		t.Errorf("forged key id: got %q, error %v, want ErrSealBroken", got, err)
	}
}

// While the master key is replaced each value opens under the one that it names,
// and only what the present one seals is new.
func TestSeveralMasterKeys(t *testing.T) {
	t.Parallel()
	both, err := NewSealer(testMaster(2), testMaster(1), testMaster(2), testMaster(1))
	if err != nil {
		t.Fatal(err)
	}
	first, second := testSealer(t, 1), testSealer(t, 2)
	if got, want := strings.Join(both.KeyIDs(), " "), second.KeyIDs()[0]+" "+first.KeyIDs()[0]; got != want {
		t.Errorf("KeyIDs: got %s, want %s", got, want)
	}
	for _, sealer := range []*Sealer{first, second, both} {
		if got, err := both.Open(sealer.Seal([]byte("secret"), "acme"), "acme"); err != nil || string(got) != "secret" {
			t.Errorf("sealed under %s: got %q, error %v, want the secret", sealer.KeyIDs(), got, err)
		}
	}
	if got, err := second.Open(both.Seal([]byte("secret"), "acme"), "acme"); err != nil || string(got) != "secret" {
		t.Errorf("Seal: got %q, error %v, want a value under the present key", got, err)
	}
	if _, err := both.Open(testSealer(t, 3).Seal([]byte("secret"), "acme"), "acme"); !errors.Is(err, ErrSealedElsewhere) {
		t.Errorf("sealed under a third: got error %v, want ErrSealedElsewhere", err)
	}
	if _, err := NewSealer(testMaster(1), []byte("short")); err == nil {
		t.Error("a second key that is too short: got no error, want one")
	}
	heads := [][]byte{first.Seal(nil)[:sealHeadBytes], {2, 0, 0, 0, 0}, {1, 2}, nil}
	if got := MasterKeyIDs(heads); len(got) != 1 || got[0] != first.KeyIDs()[0] {
		t.Errorf("MasterKeyIDs: got %q, want the one that is an id", got)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	sealer := testSealer(t, 1)
	base := sealer.Digest("ann@example.com", "acme", "users")
	if len(base) != 32 {
		t.Errorf("got %d bytes, want 32", len(base))
	}
	if again := testSealer(t, 1).Digest("ann@example.com", "acme", "users"); !bytes.Equal(again, base) {
		t.Errorf("the same again: got %x, want %x", again, base)
	}
	for name, other := range map[string][]byte{
		"another text":       sealer.Digest("bob@example.com", "acme", "users"),
		"another tenant":     sealer.Digest("ann@example.com", "beta", "users"),
		"no place":           sealer.Digest("ann@example.com"),
		"boundary moved":     sealer.Digest("ann@example.com", "acmeu", "sers"),
		"text and place":     sealer.Digest("ann@example.comacme", "users"),
		"another master key": testSealer(t, 2).Digest("ann@example.com", "acme", "users"),
	} {
		if bytes.Equal(other, base) {
			t.Errorf("%s: got the same digest, want another", name)
		}
	}
}

func TestSealerDoesNotPrintKeys(t *testing.T) {
	t.Parallel()
	sealer := testSealer(t, 1)
	key := testMaster(1)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		printed := fmt.Sprintf(verb, sealer)
		for _, leak := range []string{string(key), hex.EncodeToString(key), strings.Trim(fmt.Sprint(key), "[]")} {
			if strings.Contains(printed, leak) {
				t.Errorf("%s: got the master key in %q", verb, printed)
			}
		}
		if len(printed) > 400 {
			t.Errorf("%s: got %d bytes, want no room for key schedules", verb, len(printed))
		}
	}
}

func TestParseMasterKey(t *testing.T) {
	t.Parallel()
	// 0xF8… makes both alphabets differ.
	key := testMaster(0xF8)
	accepted := map[string]string{
		"base64":            base64.StdEncoding.EncodeToString(key),
		"base64 unpadded":   base64.RawStdEncoding.EncodeToString(key),
		"base64url":         base64.URLEncoding.EncodeToString(key),
		"base64url no pad":  base64.RawURLEncoding.EncodeToString(key),
		"hexadecimal":       hex.EncodeToString(key),
		"HEXADECIMAL":       strings.ToUpper(hex.EncodeToString(key)),
		"newline at end":    base64.StdEncoding.EncodeToString(key) + "\n",
		"spaces and CRLF":   "  " + hex.EncodeToString(key) + "\r\n",
		"newline, no pad":   base64.RawURLEncoding.EncodeToString(key) + "\n",
		"space before each": "\t" + base64.URLEncoding.EncodeToString(key),
	}
	for name, text := range accepted {
		if got, err := ParseMasterKey(text); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: got %x, error %v, want %x", name, got, err, key)
		}
	}

	plain := base64.StdEncoding.EncodeToString(testMaster(1))
	refused := map[string]string{
		"empty":               "",
		"spaces":              "   ",
		"31 bytes":            base64.StdEncoding.EncodeToString(key[:31]),
		"33 bytes":            base64.StdEncoding.EncodeToString(append(bytes.Clone(key), 1)),
		"16 bytes hex":        hex.EncodeToString(key[:16]),
		"33 bytes hex":        hex.EncodeToString(append(bytes.Clone(key), 1)),
		"literal characters":  "correct-horse-battery-staple-123",
		"one character less":  plain[:len(plain)-2],
		"two pads":            plain + "=",
		"newline inside":      plain[:20] + "\n" + plain[20:],
		"space inside":        plain[:20] + " " + plain[20:],
		"stray bits":          plain[:42] + "B=",
		"all zero base64":     base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"all zero hex":        strings.Repeat("0", 64),
		"one byte repeated":   strings.Repeat("ab", 32),
		"one letter repeated": strings.Repeat("A", 43),
		"0x before hex":       "0x" + hex.EncodeToString(key),
		"quoted":              `"` + plain + `"`,
	}
	for name, text := range refused {
		got, err := ParseMasterKey(text)
		if err == nil || got != nil {
			t.Errorf("%s: got %x, error %v, want it refused", name, got, err)
		}
		if trimmed := strings.TrimSpace(text); err != nil && trimmed != "" && strings.Contains(err.Error(), trimmed[:8]) {
			t.Errorf("%s: got error %q, want one that does not quote", name, err)
		}
	}
}

func FuzzParseMasterKey(f *testing.F) {
	for _, seed := range []string{
		"", "\n", strings.Repeat("0", 64), strings.Repeat("A", 43) + "=", hex.EncodeToString(testMaster(3)),
		base64.StdEncoding.EncodeToString(testMaster(0xF8)), base64.RawURLEncoding.EncodeToString(testMaster(0xF8)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseMasterKey(text)
		if err != nil {
			return
		}
		if len(key) != masterKeyBytes {
			t.Errorf("got %d bytes, want %d", len(key), masterKeyBytes)
		}
		if again, err := ParseMasterKey(hex.EncodeToString(key)); err != nil || !bytes.Equal(again, key) {
			t.Errorf("the key in hexadecimal: got %x, error %v, want %x", again, err, key)
		}
	})
}

// FuzzOpen: no bytes from the database bring Open down, and only what Seal
// made opens.
func FuzzOpen(f *testing.F) {
	sealer := testSealer(f, 1)
	sealed := sealer.Seal([]byte("partner secret"), "acme")
	for _, seed := range [][]byte{nil, {sealVersion}, sealed[:sealHeadBytes], sealed[:20], sealed[:33], sealed, testSealer(f, 2).Seal(nil)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		plain, err := sealer.Open(stored, "acme")
		switch {
		case err == nil && string(plain) != "partner secret":
			t.Errorf("got %q from bytes that Seal did not make", plain)
		case err != nil && !errors.Is(err, ErrSealBroken) && !errors.Is(err, ErrSealedElsewhere):
			t.Errorf("got error %v, want one of the two documented", err)
		}
	})
}

func BenchmarkSealerOpen(b *testing.B) {
	sealer := testSealer(b, 1)
	sealed := sealer.Seal(testMaster(9), "acme", "keys", "row-a", "secret")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sealer.Open(sealed, "acme", "keys", "row-a", "secret"); err != nil {
			b.Fatal(err)
		}
	}
}
