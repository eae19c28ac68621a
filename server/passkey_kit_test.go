package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// authenticator is a device that makes and uses one passkey (WebAuthn §6).
type authenticator struct {
	key    *ecdsa.PrivateKey
	id     []byte // of the credential
	handle []byte // of the account, as it was told
	used   uint32
}

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authenticator{key: key, id: []byte(rand.Text())}
}

// Flags of the authenticator's data (WebAuthn §6.1).
const (
	userPresent      = 1 << 0
	userVerified     = 1 << 2
	attestedIncluded = 1 << 6
)

// answers fills in the form of a page on which the browser makes or uses a
// passkey, as the page's script does.
func (d *authenticator) answers(t *testing.T, page answer, port string) url.Values {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range document.Descendants() {
		mode, there := attribute(n, "data-passkey")
		if !there {
			continue
		}
		text, _ := attribute(n, "data-options")
		sent := asSent(n)
		sent.Set("response", d.credential(t, mode, text, port))
		return sent
	}
	t.Fatalf("got %v, want a page that asks for a passkey", page)
	return nil
}

// credential is the JSON form of a PublicKeyCredential.
func (d *authenticator) credential(t *testing.T, mode, optionsText, port string) string {
	t.Helper()
	var options struct {
		Challenge string
		RPID      string `json:"rpId"`
		RP        struct{ ID string }
		User      struct{ ID string }
	}
	if err := json.Unmarshal([]byte(optionsText), &options); err != nil {
		t.Fatalf("options %q: %v", optionsText, err)
	}
	site := options.RPID + options.RP.ID
	client := []byte(jsonText(fields{
		"type": "webauthn." + mode, "challenge": options.Challenge, "origin": "http://" + site + ":" + port, "crossOrigin": false,
	}))
	encode := base64.RawURLEncoding.EncodeToString
	response := fields{"clientDataJSON": encode(client)}
	party := sha256.Sum256([]byte(site))
	if mode == "create" {
		handle, err := base64.RawURLEncoding.DecodeString(options.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		d.handle = handle
		data := slices.Concat(party[:], []byte{userPresent | userVerified | attestedIncluded}, make([]byte, 4), make([]byte, 16),
			binary.BigEndian.AppendUint16(nil, uint16(len(d.id))), d.id, d.publicKey(t))
		// {"fmt": "none", "attStmt": {}, "authData": data} in CBOR.
		response["attestationObject"] = encode(slices.Concat([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), []byte{byte(len(data))}, data))
	} else {
		d.used++
		data := binary.BigEndian.AppendUint32(append(party[:], userPresent|userVerified), d.used)
		hash := sha256.Sum256(client)
		digest := sha256.Sum256(slices.Concat(data, hash[:]))
		signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		response["authenticatorData"], response["signature"], response["userHandle"] = encode(data), encode(signature), encode(d.handle)
	}
	return jsonText(fields{"id": encode(d.id), "rawId": encode(d.id), "type": "public-key", "response": response})
}

// publicKey is the key in COSE (RFC 9053 §7.1.1): {1: EC2, 3: ES256, -1: P-256,
// -2: x, -3: y}.
func (d *authenticator) publicKey(t *testing.T) []byte {
	t.Helper()
	point, err := d.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat([]byte("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"), point[1:33], []byte("\x22\x58\x20"), point[33:])
}
