package provisioning

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"
)

const goodHeader = `{"alg":"HS256","typ":"JWT"}`

func TestReadTokenHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		want         Reason
	}{
		{"usual", goodHeader, ""},
		{"J01 HS384", `{"alg":"HS384"}`, ""},
		{"J01 HS512", `{"alg":"HS512"}`, ""},
		{"J01 RS256", `{"alg":"RS256"}`, ""},
		{"J01 ES256", `{"alg":"ES256"}`, ""},
		{"J01 EdDSA", `{"alg":"EdDSA"}`, ""},
		{"H3 typ in lower case", `{"alg":"HS256","typ":"jwt"}`, ""},
		{"H3 kid", `{"alg":"HS256","kid":"` + strings.Repeat("k", 128) + `"}`, ""},
		{"H3 other members are ignored", `{"alg":"HS256","cty":"x","x":[1],"ALG":"none","Typ":5}`, ""},
		{"J10 jku, x5u, jwk and x5c are not followed", `{"alg":"HS256","jku":"http://127.0.0.1:1/","x5u":"file:///etc/passwd","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"]}`, ""},

		{"J01 none", `{"alg":"none"}`, AlgNotAllowed},
		{"J01 None", `{"alg":"None"}`, AlgNotAllowed},
		{"J01 NONE", `{"alg":"NONE"}`, AlgNotAllowed},
		{"J01 nOnE", `{"alg":"nOnE"}`, AlgNotAllowed},
		{"J01 none behind escapes", `{"alg":"\u006eone"}`, AlgNotAllowed},
		{"J01 lower case", `{"alg":"hs256"}`, AlgNotAllowed},
		{"J01 space behind", `{"alg":"HS256 "}`, AlgNotAllowed},
		{"J01 empty", `{"alg":""}`, AlgNotAllowed},
		{"J01 absent", `{"typ":"JWT"}`, AlgNotAllowed},
		{"J01 null", `{"alg":null}`, AlgNotAllowed},
		{"J01 number", `{"alg":256}`, AlgNotAllowed},
		{"J01 list", `{"alg":["HS256"]}`, AlgNotAllowed},
		{"J01 object", `{"alg":{"HS256":1}}`, AlgNotAllowed},
		{"H9 PS256", `{"alg":"PS256"}`, AlgNotAllowed},
		{"H9 PS512", `{"alg":"PS512"}`, AlgNotAllowed},
		{"J01 RS384", `{"alg":"RS384"}`, AlgNotAllowed},
		{"J01 ES384", `{"alg":"ES384"}`, AlgNotAllowed},
		{"J01 ES256K", `{"alg":"ES256K"}`, AlgNotAllowed},
		{"J01 Ed25519", `{"alg":"Ed25519"}`, AlgNotAllowed},
		{"J01 HS1", `{"alg":"HS1"}`, AlgNotAllowed},
		{"J06 RSA-OAEP", `{"alg":"RSA-OAEP"}`, AlgNotAllowed},

		{"H3 duplicated alg", `{"alg":"none","alg":"HS256"}`, TokenMalformed},
		{"H6 alg duplicated behind an escape", `{"alg":"none","\u0061lg":"HS256"}`, TokenMalformed},
		{"H3 crit", `{"alg":"HS256","crit":["exp"]}`, TokenMalformed},
		{"H3 empty crit", `{"alg":"HS256","crit":[]}`, TokenMalformed},
		{"H3 crit null", `{"alg":"HS256","crit":null}`, TokenMalformed},
		{"H3 b64", `{"alg":"HS256","b64":false}`, TokenMalformed},
		{"H3 b64 with crit", `{"alg":"HS256","b64":false,"crit":["b64"]}`, TokenMalformed},
		{"J06 zip", `{"alg":"HS256","zip":"DEF"}`, TokenMalformed},
		{"J06 enc", `{"alg":"HS256","enc":"A256GCM"}`, TokenMalformed},
		{"J11 access token", `{"alg":"HS256","typ":"at+jwt"}`, TokenMalformed},
		{"J11 logout token", `{"alg":"HS256","typ":"logout+jwt"}`, TokenMalformed},
		{"H3 typ JOSE", `{"alg":"HS256","typ":"JOSE"}`, TokenMalformed},
		{"H3 typ with a long s", `{"alg":"HS256","typ":"JWſ"}`, TokenMalformed},
		{"H3 typ empty", `{"alg":"HS256","typ":""}`, TokenMalformed},
		{"H3 typ null", `{"alg":"HS256","typ":null}`, TokenMalformed},
		{"H3 typ list", `{"alg":"HS256","typ":["JWT"]}`, TokenMalformed},
		{"H3 kid number", `{"alg":"HS256","kid":1}`, TokenMalformed},
		{"H3 kid null", `{"alg":"HS256","kid":null}`, TokenMalformed},
		{"H3 kid too long", `{"alg":"HS256","kid":"` + strings.Repeat("k", 129) + `"}`, TokenMalformed},
		{"H13 kid with NUL", `{"alg":"HS256","kid":"a\u0000"}`, TokenMalformed},
		{"J07 byte order mark", "\ufeff" + goodHeader, TokenMalformed},
		{"J07 invalid UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xff\"}", TokenMalformed},
		{"H8 trailing bytes", goodHeader + "{}", TokenMalformed},
		{"H8 null", `null`, TokenMalformed},
		{"H8 list", `[]`, TokenMalformed},
		{"J16 depth", `{"alg":"HS256","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, TokenMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := readToken(hs256(testSecret, test.header, "{}"), 64<<10)
			if reason := reasonOf(t, err); reason != test.want {
				t.Fatalf("got %q (%v), want %q", reason, err, test.want)
			}
			if err == nil && (got.payload != "{}" || len(got.signature) != sha256.Size) {
				t.Errorf("got payload %q and a signature of %d bytes, want {} and %d", got.payload, len(got.signature), sha256.Size)
			}
		})
	}
}

func TestReadTokenForm(t *testing.T) {
	t.Parallel()
	good := goodToken()
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]

	tests := []struct {
		name, token string
		limit       int
		want        Reason
	}{
		{"good", good, 64 << 10, ""},
		{"exactly the limit", good, len(good), ""},
		{"without signature", header + "." + payload + ".", 64 << 10, ""},
		{"nothing", "", 64 << 10, TokenMissing},
		{"one over the limit", good, len(good) - 1, TooLarge},
		{"no limit set", good, 0, TooLarge},

		{"J06 one part", header, 64 << 10, TokenMalformed},
		{"J06 two parts", header + "." + payload, 64 << 10, TokenMalformed},
		{"J06 four parts", good + ".", 64 << 10, TokenMalformed},
		{"J06 five parts", header + "." + payload + "." + signature + "." + payload + "." + signature, 64 << 10, TokenMalformed},
		{"J06 dots only", "..", 64 << 10, TokenMalformed},
		{"J06 empty header", "." + payload + "." + signature, 64 << 10, TokenMalformed},
		{"J06 empty payload", header + ".." + signature, 64 << 10, TokenMalformed},
		{"J06 general JSON serialisation", `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`, 64 << 10, TokenMalformed},
		{"J06 JSON serialisation with dots", `{"a":"` + good + `"}`, 64 << 10, TokenMalformed},
		{"Bearer in front", "Bearer " + good, 64 << 10, TokenMalformed},
		{"quotes around", `"` + good + `"`, 64 << 10, TokenMalformed},
		{"H5 LF behind", good + "\n", 64 << 10, TokenMalformed},
		{"H5 CR in the signature", header + "." + payload + "." + signature[:5] + "\r" + signature[5:], 64 << 10, TokenMalformed},
		{"H5 LF in the payload", header + "." + payload[:4] + "\n" + payload[4:] + "." + signature, 64 << 10, TokenMalformed},
		{"H5 LF in the header", header[:4] + "\n" + header[4:] + "." + payload + "." + signature, 64 << 10, TokenMalformed},
		{"H5 space", good[:20] + " " + good[20:], 64 << 10, TokenMalformed},
		{"H5 padding", good + "=", 64 << 10, TokenMalformed},
		{"H5 plus for a space of a form", header + "." + payload + ".+" + signature[1:], 64 << 10, TokenMalformed},
		{"H5 standard alphabet", header + "." + payload + "./" + signature[1:], 64 << 10, TokenMalformed},
		{"H5 one character over", good + "AA", 64 << 10, TokenMalformed},
		{"NUL", good[:20] + "\x00" + good[20:], 64 << 10, TokenMalformed},
		{"not ASCII", good[:20] + "é" + good[20:], 64 << 10, TokenMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := readToken(test.token, test.limit)
			if reason := reasonOf(t, err); reason != test.want {
				t.Fatalf("got %q (%v), want %q", reason, err, test.want)
			}
			if err == nil && got.signed != header+"."+payload {
				t.Errorf("signing input: got %q, want %q", got.signed, header+"."+payload)
			}
		})
	}
}

// The last character of a 32-byte signature carries two unused bits.
func TestReadTokenRefusesUnusedBits(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	good := goodToken()
	accepted := 0
	for _, last := range alphabet {
		if _, err := readToken(good[:len(good)-1]+string(last), 64<<10); err == nil {
			accepted++
		}
	}
	if want := len(alphabet) / 4; accepted != want {
		t.Errorf("H5: got %d last characters accepted, want the %d without unused bits", accepted, want)
	}
}

func TestReadTokenCost(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	tests := map[string]string{
		"J16 dots":           strings.Repeat(".", megabyte),
		"J16 dots behind":    goodToken() + strings.Repeat(".", megabyte),
		"J16 letters":        strings.Repeat("A", megabyte),
		"J16 a big header":   hs256(testSecret, `{"x":`+strings.Repeat("[", megabyte), "{}"),
		"J16 a big kid":      hs256(testSecret, `{"alg":"HS256","kid":"`+strings.Repeat("k", megabyte)+`"}`, "{}"),
		"J16 many parts":     strings.Repeat("QUFB.", megabyte/5),
		"J16 a big bad part": "e30." + strings.Repeat("A", megabyte) + "!.AA",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			took := fastest(func() {
				if _, err := readToken(text, 2*megabyte); err == nil {
					t.Error("got no error, want one")
				}
			})
			if took > 50*time.Millisecond*raceFactor {
				t.Errorf("got %v for a megabyte, want at most %v", took, 50*time.Millisecond*raceFactor)
			}
		})
	}
}

func FuzzReadHeader(f *testing.F) {
	for _, seed := range []string{
		goodHeader, `{"alg":"none"}`, `{"alg":"HS256","kid":"k1","crit":["b64"],"b64":false}`,
		`{"\u0061lg":"HS256","alg":"none"}`, `{"typ":"at+jwt","alg":"RS256"}`, `{"alg":["HS256"]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		var got token
		err := got.readHeader(header)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Reason != TokenMalformed && refusal.Reason != AlgNotAllowed {
				t.Fatalf("got error %v, want a refusal as token_malformed or alg_not_allowed", err)
			}
			return
		}
		members, _ := standardJSON(t, header).(map[string]any)
		if members["alg"] != got.algorithm || !allowedAlgorithm(got.algorithm) {
			t.Errorf("alg of %q: got %q, want %v, one of the list", header, got.algorithm, members["alg"])
		}
		if kid, sent := members["kid"]; sent && kid != got.keyID || !sent && got.keyID != "" || len(got.keyID) > maxKeyIDBytes {
			t.Errorf("kid of %q: got %q, want %v", header, got.keyID, kid)
		}
		for _, name := range []string{"crit", "b64"} {
			if _, sent := members[name]; sent {
				t.Errorf("accepted a header with %s: %q", name, header)
			}
		}
	})
}
