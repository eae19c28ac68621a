package provisioning

import (
	"encoding/base64"
	"strings"
)

// maxKeyIDBytes bounds the header's kid.
const maxKeyIDBytes = 128

// token is a compact JWS (RFC 7515 §7.1), read step by step. Nothing in it is
// verified yet.
type token struct {
	signed    string // header "." payload as sent: what the signature covers
	signature []byte
	header    string    // decoded
	members   jsonValue // of the header
	algorithm string    // one that partners may use, see allowedAlgorithm
	keyID     string    // "" = none
	payload   string    // decoded, not yet read as JSON
	room      *nodeRoom // for what is read; nil = it makes its own
}

// nodeRoom is room for the nodes of a token's header and payload, and for its
// signature. It is most of what verifying a token would allocate.
type nodeRoom struct {
	header    [8]jsonNode
	payload   [usualNodes]jsonNode
	signature [256]byte // of an RSA key of 2048 bits, and more than of any other
}

func (r *nodeRoom) ofHeader() []jsonNode {
	if r == nil {
		return nil
	}
	return r.header[:0]
}

func (r *nodeRoom) ofPayload() []jsonNode {
	if r == nil {
		return nil
	}
	return r.payload[:0]
}

func (r *nodeRoom) ofSignature() []byte {
	if r == nil {
		return nil
	}
	return r.signature[:0]
}

// split takes a token apart and decodes the parts. It refuses with
// TokenMalformed.
//
// An empty signature is a matter for the key, not for the form: a token with
// alg none ends in "." and is to be told that its algorithm is not allowed.
func (t *token) split(text string) error {
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, found := strings.Cut(rest, ".")
	if !found || strings.Contains(signature, ".") {
		// The limit on the count keeps a megabyte of dots cheap.
		if len(strings.SplitN(text, ".", 6)) == 5 {
			return refuse(TokenMalformed, "five parts: an encrypted token (JWE), which is not accepted")
		}
		return refuse(TokenMalformed, "not three parts between dots")
	}
	if header == "" || payload == "" {
		return refuse(TokenMalformed, "an empty header or payload")
	}
	var room [1024]byte
	decoded, err := decodePart(room[:0], "header", header)
	if err != nil {
		return err
	}
	end := len(decoded)
	if decoded, err = decodePart(decoded, "payload", payload); err != nil {
		t.header = string(decoded[:end]) // for the log, whatever becomes of the rest
		return err
	}
	both := string(decoded)
	t.header, t.payload = both[:end], both[end:]
	if t.signature, err = decodePart(t.room.ofSignature(), "signature", signature); err != nil {
		return err
	}
	t.signed = text[:len(header)+1+len(payload)]
	return nil
}

// strictBase64 is base64url without padding (RFC 7515 §2), and without bits that
// mean nothing.
var strictBase64 = base64.RawURLEncoding.Strict()

// decodePart adds a decoded part to decoded, which it returns as it was beside an
// error. Go's decoder skips CR and LF even in strict mode, so these are looked for
// first: otherwise one token had many spellings.
func decodePart(decoded []byte, name, part string) ([]byte, error) {
	if strings.IndexByte(part, '\n') >= 0 || strings.IndexByte(part, '\r') >= 0 {
		return decoded, refuse(TokenMalformed, "the %s holds a line break", name)
	}
	whole, err := strictBase64.AppendDecode(decoded, []byte(part))
	if err != nil {
		// The decoder's error is left out: it says where, and the form of
		// the whole is what the partner has to mend.
		return decoded, refuse(TokenMalformed, "the %s is not strict base64url without padding", name)
	}
	return whole, nil
}

// readMembers takes kid and typ from the JOSE header. Members that would change
// how the token is to be read (crit, b64, zip, enc) are refused; all others are
// ignored, and none is ever followed (jku, x5u, jwk, x5c).
func (t *token) readMembers() error {
	var err error
	if t.members, err = readJSONIn(t.room.ofHeader(), t.header); err != nil {
		return refuse(TokenMalformed, "header: %s", err)
	}
	if kid := t.members.member("kid"); kid.exists() {
		if kid.kind() != jsonString || len(kid.text()) > maxKeyIDBytes {
			return refuse(TokenMalformed, "the header's kid is not a string of at most %d bytes", maxKeyIDBytes)
		}
		t.keyID = kid.text()
	}
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if t.members.member(name).exists() {
			return refuse(TokenMalformed, "the header member %s is not accepted", name)
		}
	}
	// RFC 7519 §5.1 recommends upper case for compatibility only. Any other
	// type (at+jwt, logout+jwt …) is a token made for something else.
	if typ := t.members.member("typ"); typ.exists() && (typ.kind() != jsonString || !strings.EqualFold(typ.text(), "JWT")) {
		return refuse(TokenMalformed, "the header's typ is not JWT")
	}
	return nil
}

// readAlgorithm takes alg from the header, or refuses with AlgNotAllowed.
func (t *token) readAlgorithm() error {
	alg := t.members.member("alg")
	if !alg.exists() || alg.kind() != jsonString || !allowedAlgorithm(alg.text()) {
		return refuse(AlgNotAllowed, "the header's alg is none of %s", algorithmList)
	}
	t.algorithm = alg.text()
	return nil
}

const algorithmList = "HS256, HS384, HS512, RS256, ES256, EdDSA"

// allowedAlgorithm compares exactly: RFC 7515 §4.1.1 makes alg case-sensitive.
// There is no PS*: its verification takes a salt of any length.
func allowedAlgorithm(name string) bool {
	switch name {
	case "HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA":
		return true
	default:
		return false
	}
}
