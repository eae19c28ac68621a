package sessions

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"usher/sessions/kv"
)

// Session is one signed-in browser of a user. Times are UTC, in whole
// milliseconds.
type Session struct {
	ID          string // 64 hex digits, public: opens nothing
	Tenant      string
	User        string
	Integration string
	Generation  int64  // of the integration, at sign-in
	Epoch       int64  // of the user, at sign-in
	KeyID       string // the key that signed the token
	// Spent names the spent token: hex of its 32-byte spend key. Of a frame in a
	// tab it is the ID of the session that it was made from, and ends with.
	Spent string

	Created  time.Time
	LastSeen time.Time     // within a few minutes
	Idle     time.Duration // unused for this long, the session ends
	Expires  time.Time     // the absolute end

	UserAgent string // at most 200 bytes of valid UTF-8
	Network   string // the browser's network: /24 or /48, or "" when unknown

	// Version is that of the user, as the sign-in left it: whoever shows the
	// user to others must know at least this much. 0 = unknown.
	Version int64
	// Embed marks the session of a frame, which opens no other page.
	Embed bool
	// Authorized are the ids of the resources that the token named; nil when it
	// named none, which leaves the usual rights.
	Authorized []string
	// Resource is what a frame shows, as "kind/id"; its ticket opens no other.
	Resource string
}

// End returns when the session ends if it is not used again.
func (s Session) End() time.Time {
	if idle := s.LastSeen.Add(s.Idle); idle.Before(s.Expires) {
		return idle
	}
	return s.Expires
}

// errForeign means that a stored value is not the record of the session it was
// read for: garbled, cut, or another's. Nothing in it is to be believed.
var errForeign = errors.New("sessions: a stored value is not the record of this session")

// A record is a version byte, a seal of sealSize bytes, and the body: each
// field in fixed order, strings with their length before them, numbers as
// varints. New fields are appended to the body only, and a reader ignores what
// follows the fields that it knows, so that two versions of the program can
// share a store. The seal is over the key and the body; it keeps a reply that
// was meant for another request from becoming a session here.
const (
	recordVersion = 1
	sealSize      = 16
	headSize      = 1 + sealSize
)

func encode(key kv.Key, s Session) []byte {
	b := make([]byte, headSize, 384)
	b[0] = recordVersion
	for _, text := range []string{s.Tenant, s.User, s.Integration, s.KeyID, s.Spent, s.UserAgent, s.Network} {
		b = appendText(b, text)
	}
	for _, n := range []int64{
		s.Generation, s.Epoch,
		s.Created.UnixMilli(), s.LastSeen.UnixMilli(), s.Idle.Milliseconds(), s.Expires.UnixMilli(),
	} {
		b = binary.AppendVarint(b, n)
	}
	b = binary.AppendVarint(b, s.Version)
	b = binary.AppendUvarint(b, flagsOf(s))
	b = binary.AppendUvarint(b, uint64(len(s.Authorized)))
	for _, id := range s.Authorized {
		b = appendText(b, id)
	}
	b = appendText(b, s.Resource)
	seal := sealOf(key, b[headSize:])
	copy(b[1:], seal[:])
	return b
}

// decode reads the record of key in tenant.
func decode(tenant string, key kv.Key, b []byte) (Session, error) {
	if len(b) < headSize || b[0] != recordVersion {
		return Session{}, errForeign
	}
	body := b[headSize:]
	if seal := sealOf(key, body); subtle.ConstantTimeCompare(seal[:], b[1:headSize]) != 1 {
		return Session{}, errForeign
	}
	s := Session{ID: idOf(key)}
	whole := string(body) // of which all texts are parts: one copy for all of them
	for _, text := range [...]*string{&s.Tenant, &s.User, &s.Integration, &s.KeyID, &s.Spent, &s.UserAgent, &s.Network} {
		var ok bool
		if *text, body, ok = cutText(whole, body); !ok {
			return Session{}, errForeign
		}
	}
	var created, lastSeen, idle, expires int64
	for _, number := range [...]*int64{&s.Generation, &s.Epoch, &created, &lastSeen, &idle, &expires} {
		value, n := binary.Varint(body)
		if n <= 0 {
			return Session{}, errForeign
		}
		*number = value
		body = body[n:]
	}
	s.Created, s.LastSeen = time.UnixMilli(created).UTC(), time.UnixMilli(lastSeen).UTC()
	s.Idle, s.Expires = time.Duration(idle)*time.Millisecond, time.UnixMilli(expires).UTC()
	if s.Tenant != tenant || !s.readLater(whole, body) {
		return Session{}, errForeign
	}
	return s, nil
}

// flagEmbed is the one flag so far.
const flagEmbed = 1

func flagsOf(s Session) uint64 {
	if s.Embed {
		return flagEmbed
	}
	return 0
}

// readLater reads the fields that records did not have at first.
func (s *Session) readLater(whole string, body []byte) bool {
	if len(body) == 0 {
		return true
	}
	version, n := binary.Varint(body)
	if n <= 0 {
		return false
	}
	body = body[n:]
	flags, n := binary.Uvarint(body)
	if n <= 0 {
		return false
	}
	body = body[n:]
	count, n := binary.Uvarint(body)
	if n <= 0 || count > uint64(len(body)) {
		return false
	}
	body = body[n:]
	for range count {
		id, rest, ok := cutText(whole, body)
		if !ok {
			return false
		}
		s.Authorized, body = append(s.Authorized, id), rest
	}
	if len(body) > 0 {
		var ok bool
		if s.Resource, _, ok = cutText(whole, body); !ok {
			return false
		}
	}
	s.Version, s.Embed = version, flags&flagEmbed != 0
	return true
}

func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// cutText reads what appendText has written at the beginning of body, the end of
// whole.
func cutText(whole string, body []byte) (text string, rest []byte, ok bool) {
	length, n := binary.Uvarint(body)
	if n <= 0 || length > uint64(len(body)-n) { //nolint:gosec // n is at most len(body)
		return "", nil, false
	}
	end := n + int(length) //nolint:gosec // at most len(body), as just checked
	at := len(whole) - len(body)
	return whole[at+n : at+end], body[end:], true
}

func sealOf(key kv.Key, body []byte) (seal [sealSize]byte) {
	var room [640]byte
	sum := sha256.Sum256(append(append(room[:0], key[:]...), body...))
	copy(seal[:], sum[:])
	return seal
}

func idOf(key kv.Key) string {
	var text [2 * len(key)]byte
	hex.Encode(text[:], key[:])
	return string(text[:])
}

// keyOfID is the inverse of idOf.
func keyOfID(id string) (key kv.Key, ok bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(key) {
		return kv.Key{}, false
	}
	return kv.Key(raw), true
}

const maxUserAgent = 200 // bytes

// cutUserAgent returns at most maxUserAgent bytes of valid UTF-8.
func cutUserAgent(text string) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) <= maxUserAgent {
		return text
	}
	end := maxUserAgent
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// NetworkOf makes an address coarse: the /24 of IPv4, the /48 of IPv6.
func NetworkOf(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	address = address.Unmap().WithZone("")
	bits := 48
	if address.Is4() {
		bits = 24
	}
	var room [len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]byte
	return string(netip.PrefixFrom(address, bits).Masked().AppendTo(room[:0]))
}
