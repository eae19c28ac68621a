package provisioning

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

const (
	masterKeyBytes = 32
	sealVersion    = 1
	sealKeyIDBytes = 4
	sealHeadBytes  = 1 + sealKeyIDBytes
)

// Errors of Sealer.Open.
var (
	// ErrSealedElsewhere: the value was sealed under another master key.
	ErrSealedElsewhere = errors.New("sealed under another master key than the configured one")
	// ErrSealBroken: the value is damaged, was sealed for another place, or
	// is not a sealed value of a version known here.
	ErrSealBroken = errors.New("sealed value is damaged or belongs to another place")
)

// NewMasterKey makes a master key in the form that ParseMasterKey reads.
func NewMasterKey() string {
	var master [masterKeyBytes]byte
	_, _ = rand.Read(master[:]) // never fails (crypto/rand since Go 1.24)
	return base64.StdEncoding.EncodeToString(master[:])
}

// Sealer encrypts secrets at rest under the master key and binds each to its
// place: the tenant, table, row and column in which it stands. A value that
// was moved to another place does not open.
//
// A sealed value is a version byte, four bytes that name the master key, a
// random 96-bit nonce and the AES-256-GCM ciphertext (NIST SP 800-38D) with
// its tag: 33 bytes more than the plain text. The keys used are derived from
// the master key, one for each purpose (HKDF with SHA-256, RFC 5869). Random
// nonces are safe for 2³² sealed values under one master key.
//
// While the master key is being replaced there are several: the present one
// seals, and each opens what was sealed under it.
//
// It is safe for concurrent use.
type Sealer struct {
	keys []sealKey // the present one first, no two with one id
	// A function, so that no verb of fmt prints the key it holds.
	mac func() hash.Hash
}

// sealKey is what is derived from one master key.
type sealKey struct {
	id []byte
	// Functions, so that no verb of fmt prints the keys they hold.
	aead   func() cipher.AEAD
	digest func() []byte // the key of digests
}

// NewSealer derives the keys from master keys of exactly 32 bytes (see
// ParseMasterKey): the present one, and others that open what was, or will be,
// sealed under them.
func NewSealer(present []byte, others ...[]byte) (*Sealer, error) {
	s := &Sealer{}
	for _, master := range append([][]byte{present}, others...) {
		k, err := newSealKey(master)
		if err != nil {
			return nil, err
		}
		if _, twice := s.key(k.id); !twice {
			s.keys = append(s.keys, k)
		}
	}
	return s.withDigestKey(s.keys[0].digest()), nil
}

func newSealKey(master []byte) (sealKey, error) {
	if len(master) != masterKeyBytes {
		return sealKey{}, fmt.Errorf("the master key has %d bytes, it must have %d", len(master), masterKeyBytes)
	}
	key, err := hkdf.Key(sha256.New, master, nil, "usher seal 1", 32)
	if err != nil {
		return sealKey{}, fmt.Errorf("deriving the sealing key: %w", err)
	}
	digest, err := hkdf.Key(sha256.New, master, nil, "usher digest 1", 32)
	if err != nil {
		return sealKey{}, fmt.Errorf("deriving the digest key: %w", err)
	}
	id, err := hkdf.Key(sha256.New, master, nil, "usher master key id", sealKeyIDBytes)
	if err != nil {
		return sealKey{}, fmt.Errorf("deriving the master key's id: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealKey{}, fmt.Errorf("preparing the sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealKey{}, fmt.Errorf("preparing the sealing key: %w", err)
	}
	return sealKey{
		id:     id,
		aead:   func() cipher.AEAD { return aead },
		digest: func() []byte { return digest },
	}, nil
}

// key finds one by its id.
func (s *Sealer) key(id []byte) (sealKey, bool) {
	for _, k := range s.keys {
		if bytes.Equal(k.id, id) {
			return k, true
		}
	}
	return sealKey{}, false
}

// withDigestKey is the same sealer with another key of digests.
func (s *Sealer) withDigestKey(key []byte) *Sealer {
	return &Sealer{keys: s.keys, mac: func() hash.Hash { return hmac.New(sha256.New, key) }}
}

// KeyIDs are the ids of the master keys, the present one first: eight hexadecimal
// digits each, from which no key can be found.
func (s *Sealer) KeyIDs() []string {
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = hex.EncodeToString(k.id)
	}
	return ids
}

// Seal encrypts plain for its place, under the present master key. Two seals of
// the same text differ.
func (s *Sealer) Seal(plain []byte, place ...string) []byte {
	head := s.head()
	return s.keys[0].aead().Seal(head, nil, plain, prefixed(string(head), place))
}

// keyIDOf is the id of the master key that a sealed value names in its head, its
// first sealHeadBytes bytes; "" = it is no such head.
func keyIDOf(head []byte) string {
	if len(head) != sealHeadBytes || head[0] != sealVersion {
		return ""
	}
	return hex.EncodeToString(head[1:])
}

// MasterKeyIDs are the ids of the master keys that the heads of sealed values name.
func MasterKeyIDs(heads [][]byte) []string {
	var ids []string
	for _, head := range heads {
		if id := keyIDOf(head); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// head is how a value begins that is sealed under the present master key.
func (s *Sealer) head() []byte { return append([]byte{sealVersion}, s.keys[0].id...) }

// Open returns what was sealed for this place under any of the master keys. The
// error is ErrSealedElsewhere or ErrSealBroken.
func (s *Sealer) Open(sealed []byte, place ...string) ([]byte, error) {
	if len(sealed) < sealHeadBytes || sealed[0] != sealVersion {
		return nil, ErrSealBroken
	}
	head, box := sealed[:sealHeadBytes], sealed[sealHeadBytes:]
	k, ok := s.key(head[1:])
	if !ok {
		return nil, ErrSealedElsewhere
	}
	plain, err := k.aead().Open(nil, nil, box, prefixed(string(head), place))
	if err != nil {
		return nil, ErrSealBroken
	}
	return plain, nil
}

// Digest is a keyed fingerprint of text in a place (HMAC-SHA-256, RFC 2104):
// 32 bytes, the same for the same text and place in one installation, whatever its
// master key is by now (see KeepDigestKey). It lets a text be recognised that is
// not kept. Without the key, short texts cannot be found by trying.
func (s *Sealer) Digest(text string, place ...string) []byte {
	mac := s.mac()
	mac.Write(prefixed(text, place))
	return mac.Sum(nil)
}

// prefixed joins texts so that no two lists of texts give the same bytes:
// each with its length before it.
func prefixed(first string, rest []string) []byte {
	joined := binary.AppendUvarint(nil, uint64(len(first)))
	joined = append(joined, first...)
	for _, text := range rest {
		joined = binary.AppendUvarint(joined, uint64(len(text)))
		joined = append(joined, text...)
	}
	return joined
}

var errMasterKeyForm = errors.New("the master key is not 32 bytes in base64 or hexadecimal; make one with: openssl rand -base64 32")

// ParseMasterKey reads 32 bytes written in hexadecimal or in base64 (either
// alphabet, with or without padding); white space around is dropped, as files
// end in a newline. A key whose bytes are all the same is refused: it is a
// placeholder. The error never quotes the text.
func ParseMasterKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, "\r\n") { // which the base64 decoder skips
		return nil, errMasterKeyForm
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != masterKeyBytes {
		standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSuffix(text, "="))
		key, err = base64.RawStdEncoding.Strict().DecodeString(standard)
	}
	if err != nil || len(key) != masterKeyBytes {
		return nil, errMasterKeyForm
	}
	if bytes.Count(key, key[:1]) == len(key) {
		return nil, errors.New("the master key is one byte repeated; make a random one with: openssl rand -base64 32")
	}
	return key, nil
}
