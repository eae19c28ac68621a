package provisioning

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"usher/sql/store"
)

// maxKeysTried bounds how many keys one token is tried against: the live ones,
// and then, only to name the reason, as many retired ones.
const maxKeysTried = 5

// Keyring is the integrations and keys of one tenant as they were loaded at
// one moment. It never changes, so it may be shared by goroutines.
type Keyring struct {
	keys    map[string]*ringKey   // by key id
	apps    map[string]*ringEntry // by app id
	issuers map[string][]*ringEntry
	only    *ringEntry // nil unless exactly one integration is installed

	published map[string]*ringEntry // by the key ids in partners' sets; nil = several have it
	unnamed   []*ringEntry          // that only such an id finds, the longest unread first

	rooms sync.Pool // of *nodeRoom, empty
}

// borrow returns room for reading a token, until giveBack.
func (r *Keyring) borrow() *nodeRoom {
	if room, ok := r.rooms.Get().(*nodeRoom); ok {
		return room
	}
	return new(nodeRoom)
}

// giveBack takes the room back, without the texts of the token.
func (r *Keyring) giveBack(room *nodeRoom) {
	clear(room.header[:])
	clear(room.payload[:])
	clear(room.signature[:])
	r.rooms.Put(room)
}

// ringEntry is one integration, installed or removed.
type ringEntry struct {
	integration store.Integration
	keys        []*ringKey // the youngest first; none when removed
	set         *ringSet   // nil without a JWKS URL
}

func (e *ringEntry) removed() bool { return e.integration.RemovedAt != nil }

// ringKey is one key, ready for use. Those of a removed integration are known
// by their id only.
type ringKey struct {
	id        string
	algorithm string
	entry     *ringEntry
	createdAt time.Time
	retiresAt *time.Time
	material  any               // the secret, or the public key
	method    jwt.SigningMethod // that takes the public key
	hmac      *hmacKey          // of the secret; nil for a public key
	slips     []slip            // of the secret
	ofSet     bool              // read at the partner's JWKS URL; id is the partner's name for it
}

func (k *ringKey) retired(now time.Time) bool {
	return k.retiresAt != nil && !now.Before(*k.retiresAt)
}

// verifies reports whether t carries this key's signature. The caller has
// compared the algorithms.
func (k *ringKey) verifies(t *token) bool {
	if k.hmac != nil {
		return k.hmac.signed(t.signed, t.signature)
	}
	return k.method.Verify(t.signed, t.signature, k.material) == nil
}

// slip is a secret as a partner may have misread it.
type slip struct {
	how  string // "the base64-decoded secret"
	hmac *hmacKey
}

// NewKeyring builds the keyring of one tenant. open decrypts the secret of a
// key; it is not called for public keys, nor for those of removed
// integrations.
//
// One bad row makes the whole keyring fail, with an error that names the key:
// an integration that is missing, an algorithm that does not fit the material,
// a secret too short or with NUL. A keyring without that key would refuse good
// tokens for a reason that sends the partner looking in the wrong place.
func NewKeyring(integrations []store.Integration, keys []store.Key, open func(store.Key) (secret []byte, err error)) (*Keyring, error) {
	ring := &Keyring{
		keys:    make(map[string]*ringKey, len(keys)),
		apps:    make(map[string]*ringEntry, len(integrations)),
		issuers: make(map[string][]*ringEntry),
	}
	byID := make(map[string]*ringEntry, len(integrations))
	installed := 0
	for _, integration := range integrations {
		if integration.TenantID != integrations[0].TenantID {
			return nil, fmt.Errorf("integration %s: of another tenant", integration.ID)
		}
		entry := &ringEntry{integration: integration}
		byID[integration.ID] = entry
		ring.apps[integration.AppID] = entry
		if integration.Issuer != "" {
			ring.issuers[integration.Issuer] = append(ring.issuers[integration.Issuer], entry)
		}
		if !entry.removed() {
			installed++
			ring.only = entry
		}
	}
	if installed != 1 {
		ring.only = nil
	}
	for _, row := range keys {
		entry := byID[row.IntegrationID]
		if entry == nil || row.TenantID != entry.integration.TenantID {
			return nil, fmt.Errorf("key %s: belongs to no integration of this tenant", row.ID)
		}
		key, err := newRingKey(row, entry, open)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", row.ID, err)
		}
		ring.keys[key.id] = key
		if !entry.removed() {
			entry.keys = append(entry.keys, key)
		}
	}
	for _, entry := range byID {
		slices.SortFunc(entry.keys, func(a, b *ringKey) int {
			return cmp.Or(b.createdAt.Compare(a.createdAt), cmp.Compare(a.id, b.id))
		})
	}
	return ring, nil
}

func newRingKey(row store.Key, entry *ringEntry, open func(store.Key) ([]byte, error)) (*ringKey, error) {
	key := &ringKey{
		id: row.ID, algorithm: row.Algorithm, entry: entry,
		createdAt: row.CreatedAt, retiresAt: row.RetiresAt,
	}
	if entry.removed() {
		return key, nil
	}
	switch row.Algorithm {
	case "HS256", "HS384", "HS512":
	default:
		return key, key.loadPublicKey(row)
	}
	if len(row.SealedSecret) == 0 || len(row.PublicKey) != 0 {
		return nil, errors.New("a shared-secret algorithm without a secret, or with a public key")
	}
	secret, err := open(row)
	if err != nil {
		return nil, fmt.Errorf("open the secret: %w", err)
	}
	if err := checkSecretForm(string(secret)); err != nil {
		return nil, err
	}
	secret = bytes.Clone(secret)
	key.material, key.hmac = secret, newHMACKey(row.Algorithm, secret)
	key.slips = slipsOf(row.Algorithm, string(secret))
	return key, nil
}

func (k *ringKey) loadPublicKey(row store.Key) error {
	if len(row.PublicKey) == 0 || len(row.SealedSecret) != 0 {
		return errors.New("a public-key algorithm without a public key, or with a secret")
	}
	public, err := x509.ParsePKIXPublicKey(row.PublicKey)
	if err != nil {
		return fmt.Errorf("read the public key: %w", err)
	}
	algorithm, err := algorithmOf(public)
	if err != nil {
		return err
	}
	if algorithm != row.Algorithm {
		return fmt.Errorf("a public key for %s is stored as one for %q", algorithm, row.Algorithm)
	}
	switch algorithm {
	case "RS256":
		k.method = jwt.SigningMethodRS256
	case "ES256":
		k.method = jwt.SigningMethodES256
	default:
		k.method = jwt.SigningMethodEdDSA
	}
	k.material = public
	return nil
}

// slipsOf are the common ways to misread a secret, worked out once so that a
// flood of bad signatures does not pay for it.
func slipsOf(algorithm, secret string) []slip {
	var slips []slip
	add := func(how string, misread []byte) {
		if len(misread) > 0 && string(misread) != secret {
			slips = append(slips, slip{how, newHMACKey(algorithm, misread)})
		}
	}
	trimmed := strings.TrimSpace(secret)
	alphabet := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(trimmed, "="))
	if decoded, err := base64.RawStdEncoding.DecodeString(alphabet); err == nil {
		how := "the base64-decoded secret"
		if strings.ContainsAny(trimmed, "-_") {
			how = "the base64url-decoded secret"
		}
		add(how, decoded)
	}
	if decoded, err := hex.DecodeString(trimmed); err == nil {
		add("the hex-decoded secret", decoded)
	}
	add("the secret without the spaces around it", []byte(trimmed))
	add("the secret with a line feed behind it", []byte(secret+"\n"))
	add("the secret with a carriage return and a line feed behind it", []byte(secret+"\r\n"))
	return slips
}

// find looks up the integration that a token belongs to, by the kid of its
// header, then the app id beside it, then its issuer; a tenant's only
// integration needs none of them. All three are unverified: they only look up,
// the signature decides. The key is nil unless kid named one.
//
// A kid that names no key of ours may be the partner's own name for it. It finds
// the integration last, if one alone publishes a key of that name: partners
// choose these names, and must not take each other's tokens by them. An app id was meant for us, so an unknown one is refused.
func (r *Keyring) find(keyID, appID, issuer string) (*ringEntry, *ringKey, error) {
	if key := r.keys[keyID]; key != nil {
		return key.entry, key, checkInstalled(key.entry)
	}
	if appID != "" {
		entry := r.apps[appID]
		if entry == nil {
			return nil, nil, refuse(IntegrationUnknown, "the appId names no integration of this tenant")
		}
		return entry, nil, checkInstalled(entry)
	}
	if entry := r.apps[issuer]; entry != nil {
		return entry, nil, checkInstalled(entry)
	}
	if entries := r.issuers[issuer]; entries != nil {
		entry, err := soleInstalled(entries)
		return entry, nil, err
	}
	if r.only != nil {
		return r.only, nil, nil
	}
	if entry := r.published[keyID]; entry != nil {
		return entry, nil, nil
	}
	return nil, nil, refuse(IntegrationUnknown, "kid, appId and iss name no integration, and the tenant does not have exactly one")
}

func checkInstalled(entry *ringEntry) error {
	if entry.removed() {
		return refuse(IntegrationRemoved, "integration %s was removed", entry.integration.ID)
	}
	return nil
}

// soleInstalled is the one installed integration among those with the same
// configured issuer.
func soleInstalled(entries []*ringEntry) (*ringEntry, error) {
	var sole *ringEntry
	for _, entry := range entries {
		if entry.removed() {
			continue
		}
		if sole != nil {
			return nil, refuse(IntegrationUnknown, "several integrations have this issuer: the token needs a kid, or the link an appId")
		}
		sole = entry
	}
	if sole == nil {
		return entries[0], checkInstalled(entries[0])
	}
	return sole, nil
}

// keyChoice are the keys that a token may be signed with.
type keyChoice struct {
	named         *ringKey   // by the header's kid; nil = none
	live, retired []*ringKey // of the token's algorithm, without a named one
	old           *ringKey   // the retired one that has signed, once that is known
}

// choose finds the keys that t may be signed with: named, if the header's kid
// named one, else any live key of the token's algorithm. It refuses with
// AlgNotAllowed or KeyRetired.
func (e *ringEntry) choose(t *token, named *ringKey, now time.Time) (keyChoice, error) {
	choice := keyChoice{named: named}
	if named != nil {
		switch {
		case named.retired(now):
			return choice, refuse(KeyRetired, "key %s is retired", named.id)
		case named.algorithm != t.algorithm:
			return choice, refuse(AlgNotAllowed, "key %s is for %s only", named.id, named.algorithm)
		}
		return choice, nil
	}
	published, decides := e.set.candidates(t, now)
	if decides {
		choice.live = published
		return choice, nil
	}
	choice.live, choice.retired = e.candidates(t.algorithm, now)
	choice.live = append(choice.live, published...)
	if len(choice.live) == 0 && e.set != nil && !e.set.holds(now) {
		return choice, refuse(SignatureInvalid, "the keys at the JWKS URL %s", e.set.age(now))
	}
	if len(choice.live) == 0 && e.set.has(t.algorithm) {
		return choice, refuse(SignatureInvalid, "the keys at the JWKS URL, as they were read last, are not called %s", quoted(t.keyID))
	}
	if len(choice.live) == 0 && e.hasLive(now) {
		if choice.old = signerOf(t, choice.retired); choice.old != nil {
			return choice, signedByRetired(choice.old)
		}
		if e.set != nil && len(e.set.keys) == 0 {
			return choice, refuse(AlgNotAllowed, "no live key of this integration is for %s; the set at its JWKS URL %s", t.algorithm, noKeys)
		}
		return choice, refuse(AlgNotAllowed, "no live key of this integration is for %s", t.algorithm)
	}
	return choice, nil
}

// signer finds the key that has made the signature of t. It refuses with
// KeyRetired or SignatureInvalid.
func (c *keyChoice) signer(t *token) (*ringKey, error) {
	if c.named != nil {
		if !c.named.verifies(t) {
			return nil, signatureInvalid(t, []*ringKey{c.named})
		}
		return c.named, nil
	}
	if key := signerOf(t, c.live); key != nil {
		return key, nil
	}
	if c.old = signerOf(t, c.retired); c.old != nil {
		return nil, signedByRetired(c.old)
	}
	return nil, signatureInvalid(t, c.live)
}

func signerOf(t *token, keys []*ringKey) *ringKey {
	for _, key := range keys {
		if key.verifies(t) {
			return key
		}
	}
	return nil
}

func signedByRetired(key *ringKey) error {
	return refuse(KeyRetired, "signed with key %s, which is retired", key.id)
}

// candidates are the youngest live keys of an algorithm and the most recently
// retired ones, at most maxKeysTried of each.
func (e *ringEntry) candidates(algorithm string, now time.Time) (live, retired []*ringKey) {
	for _, key := range e.keys {
		switch {
		case key.algorithm != algorithm:
		case key.retired(now):
			retired = append(retired, key)
		case len(live) < maxKeysTried:
			live = append(live, key)
		}
	}
	slices.SortStableFunc(retired, func(a, b *ringKey) int { return b.retiresAt.Compare(*a.retiresAt) })
	return live, retired[:min(len(retired), maxKeysTried)]
}

func (e *ringEntry) hasLive(now time.Time) bool {
	return e.set.holds(now) || slices.ContainsFunc(e.keys, func(key *ringKey) bool { return !key.retired(now) })
}

// signatureInvalid tells the admin, when one fits, which misreading of the
// secret the token was signed with.
func signatureInvalid(t *token, tried []*ringKey) error {
	for _, key := range tried {
		for _, slip := range key.slips {
			if slip.hmac.signed(t.signed, t.signature) {
				return refuse(SignatureInvalid, "signed with %s (key %s); the secret's characters themselves are the key", slip.how, key.id)
			}
		}
	}
	if len(tried) == 1 {
		return &Refusal{Reason: SignatureInvalid, Detail: "key " + tried[0].id + " has not made this signature"}
	}
	return refuse(SignatureInvalid, "none of the %d keys tried has made this signature", len(tried))
}
