package sessions

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/kv"
)

func sample(key kv.Key) Session {
	created := time.Date(2026, 11, 22, 10, 0, 0, 123e6, time.UTC)
	return Session{
		ID:     idOf(key),
		Tenant: "019aa000-0000-7000-8000-000000000001", User: "019aa000-0000-7000-8000-000000000002",
		Integration: "019aa000-0000-7000-8000-000000000003", Generation: 7, Epoch: 300,
		KeyID: "k1", Spent: strings.Repeat("ab", 32),
		Created: created, LastSeen: created.Add(time.Hour), Idle: 8 * time.Hour, Expires: created.Add(30 * 24 * time.Hour),
		UserAgent: "Mozilla/5.0 (Ä)", Network: "192.0.2.0/24",
		Version: 12, Embed: true, Authorized: []string{"57cc264630b65c1e04acc09a", "é"}, Resource: "vote-widget/57cc264630b65c1e04acc09a",
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	key := sha256.Sum256([]byte("a"))
	for _, session := range []Session{sample(key), {
		ID: idOf(key), Tenant: "t", Created: time.UnixMilli(0).UTC(), LastSeen: time.UnixMilli(0).UTC(), Expires: time.UnixMilli(0).UTC(),
	}} {
		got, err := decode(session.Tenant, key, encode(key, session))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(session, got); diff != "" {
			t.Errorf("got another session than was stored (-want +got):\n%s", diff)
		}
	}
}

// TestRecordRefuses: a value is a session under its own key, in its own
// tenant, unchanged, or not at all.
func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	key, other := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	session := sample(key)
	good := encode(key, session)
	refuse := func(what, tenant string, key kv.Key, value []byte) {
		t.Helper()
		if got, err := decode(tenant, key, value); !errors.Is(err, errForeign) || !cmp.Equal(got, Session{}) {
			t.Errorf("%s: got %v, %v; want nothing and errForeign", what, got, err)
		}
	}
	refuse("another key", session.Tenant, other, good)
	refuse("another tenant", session.User, key, good)
	refuse("nothing", session.Tenant, key, nil)
	for n := range good {
		refuse("cut", session.Tenant, key, good[:n])
		flipped := slices.Clone(good)
		flipped[n] ^= 0x10
		refuse("one bit flipped", session.Tenant, key, flipped)
	}
	refuse("extended", session.Tenant, key, append(slices.Clone(good), 0))
}

// TestRecordOfNewerProgram: fields appended by a later version are ignored.
func TestRecordOfNewerProgram(t *testing.T) {
	t.Parallel()
	key := sha256.Sum256([]byte("a"))
	session := sample(key)
	got, err := decode(session.Tenant, key, sealed(key, append(encode(key, session)[headSize:], "\x05extra"...)))
	if err != nil || !cmp.Equal(got, session) {
		t.Errorf("got %v, %v; want the session", got, err)
	}
}

// TestRecordOfOlderProgram: what a session did not have at first is empty.
func TestRecordOfOlderProgram(t *testing.T) {
	t.Parallel()
	key := sha256.Sum256([]byte("a"))
	want := sample(key)
	want.Version, want.Embed, want.Authorized, want.Resource = 0, false, nil, ""
	// The last four bytes stand for the four fields.
	body := encode(key, want)[headSize:]
	got, err := decode(want.Tenant, key, sealed(key, body[:len(body)-4]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("got another session (-want +got):\n%s", diff)
	}
}

func sealed(key kv.Key, body []byte) []byte {
	seal := sealOf(key, body)
	return slices.Concat([]byte{recordVersion}, seal[:], body)
}

// FuzzRecord gives every body a right seal, so that the decoder behind it is
// reached: it must not panic, and what it takes must survive a round trip.
func FuzzRecord(f *testing.F) {
	key := sha256.Sum256([]byte("a"))
	good := encode(key, sample(key))[headSize:]
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add(append([]byte{36}, make([]byte, 64)...))
	tenant := sample(key).Tenant
	f.Fuzz(func(t *testing.T, body []byte) {
		session, err := decode(tenant, key, sealed(key, body))
		if err != nil {
			return
		}
		again, err := decode(tenant, key, encode(key, session))
		if err != nil {
			t.Fatalf("got %v for a session that was read before, want it read again", err)
		}
		// Times and lives are kept to what fits into a time.Time's and
		// time.Duration's milliseconds; out of range they wrap alike.
		again.Idle, session.Idle = 0, 0
		if !cmp.Equal(again, session) {
			t.Errorf("got %v, want %v", again, session)
		}
		if _, err := decode(tenant, sha256.Sum256(key[:]), sealed(key, body)); err == nil {
			t.Error("got a session under another key, want none")
		}
	})
}

func TestCutUserAgent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"curl/8", "curl/8"},
		{"a\xffb", "ab"},
		{strings.Repeat("a", 200), strings.Repeat("a", 200)},
		{strings.Repeat("a", 201), strings.Repeat("a", 200)},
		{strings.Repeat("a", 199) + "ä", strings.Repeat("a", 199)},
		{strings.Repeat("a", 198) + "ä", strings.Repeat("a", 198) + "ä"},
		{strings.Repeat("😀", 51), strings.Repeat("😀", 50)},
		{strings.Repeat("a", 198) + "\xff😀", strings.Repeat("a", 198)},
	} {
		got := cutUserAgent(test.in)
		if got != test.want || !utf8.ValidString(got) {
			t.Errorf("cutUserAgent(%q): got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"192.0.2.77", "192.0.2.0/24"},
		{"::ffff:192.0.2.77", "192.0.2.0/24"},
		{"2001:db8:1:2:3::4", "2001:db8:1::/48"},
		{"fe80::1%eth0", "fe80::/48"},
		{"", ""},
		{"192.0.2.77:1234", ""},
		{"example.com", ""},
	} {
		if got := NetworkOf(test.in); got != test.want {
			t.Errorf("NetworkOf(%q): got %q, want %q", test.in, got, test.want)
		}
	}
}
