package provisioning

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"usher/sql/store"
)

// MaxSpecimenBytes is the most that a pasted text may have: a token of the
// largest size, and a link around it.
const MaxSpecimenBytes = MaxTokenInForm + 16<<10

// Specimen is a link that is to be examined: a pasted one, or one of the
// sign-in log.
type Specimen struct {
	Tenant    store.Tenant
	Own       []Origin // the tenant's own origins
	Audiences []string // as in Link

	// Text is a whole link with any host, a path with a query, a query, or a
	// bare token. What copying puts around it is forgiven. The address of an
	// embed, and a token with JWT before it, are presented; all else is held to
	// the rules of the callback.
	Text string
	// Record is an entry of the sign-in log, instead of Text. Signatures are
	// not kept: whether this one held is taken from the entry.
	Record *SignInRecord
	// At is when the link arrives; zero = now, or when the entry's did.
	At time.Time
	// Withhold is why what is stored about people is not told; "" = it is told.
	// Then there is no forecast, and the checks of the user say nothing, so that
	// a token that nobody has signed reads nobody's data.
	Withhold string
}

// pasted is a text as it was understood.
type pasted struct {
	link   Link
	wanted string // go
	host   string // that the link names; "" = none
	bare   bool   // a token without a link
	door   string // through which it would come
	notes  []string
	err    error // why the callback would not read the link; a *Refusal
}

// readPasted takes a pasted text apart. It never fails: what is no link counts
// as a token, and a broken one.
func readPasted(text string) pasted {
	var p pasted
	text = p.clean(text)
	query, isLink := queryOf(text)
	if !isLink {
		p.bare = true
		p.link = Link{Token: text, Limit: MaxTokenInForm}
		if p.door == DoorHeader {
			p.link = Link{Token: text, Limit: MaxTokenInURL, Presented: true}
		} else {
			p.door = DoorPost
		}
		if text == "" {
			p.err = refuse(TokenMissing, "no token was sent")
		}
		if len(text) > MaxTokenInURL && !p.link.Presented {
			p.note("This token is too long for a link: over %d bytes it has to be sent by a form (POST).", MaxTokenInURL)
		}
		return p
	}
	p.door = DoorGet
	if u, err := url.Parse(text); err == nil {
		p.host = u.Host
	}
	if strings.Contains(query, "&amp;") {
		query = strings.ReplaceAll(query, "&amp;", "&")
		p.note("“&amp;” was read as “&”: the link was copied from HTML source.")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		p.err = refuse(TokenMalformed, "the query string is malformed")
		return p
	}
	if isEmbed(text, values) {
		p.door = DoorEmbed
		p.link, p.err = ReadPresented(values)
		p.link.Presented = true
		if p.err == nil && p.link.Token == "" {
			p.err = &Refusal{Reason: TokenMissing}
		}
	} else {
		p.link, p.wanted, p.err = ReadLink(values)
	}
	p.link.Limit = MaxTokenInURL
	return p
}

// isEmbed reports whether a link is the address of an embed: by its path, or by
// the names of its parameters.
func isEmbed(link string, values url.Values) bool {
	u, err := url.Parse(link)
	return err == nil && strings.HasPrefix(u.Path, "/embed/") || values.Has("user") && !values.Has("token")
}

// note says what was done to the text, each thing once.
func (p *pasted) note(text string, args ...any) {
	if said := fmt.Sprintf(text, args...); !slices.Contains(p.notes, said) {
		p.notes = append(p.notes, said)
	}
}

// clean takes away what copying puts around a link, and notes what it was.
func (p *pasted) clean(text string) string {
	for {
		text = strings.TrimFunc(text, func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' })
		before := text
		for _, pair := range []struct{ open, close string }{
			{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"<", ">"}, {"(", ")"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"},
		} {
			if inner, found := strings.CutPrefix(text, pair.open); found {
				if inner, found = strings.CutSuffix(inner, pair.close); found {
					text = inner
					p.note("The quotes or brackets around it were taken away.")
				}
			}
		}
		for _, word := range []string{"Authorization:", "Bearer ", "JWT "} {
			if len(text) > len(word) && strings.EqualFold(text[:len(word)], word) {
				text = text[len(word):]
				if word == "JWT " {
					p.door = DoorHeader
				}
				p.note("“%s” before it was taken away.", strings.TrimSpace(word))
			}
		}
		if text != before {
			continue
		}
		joined := strings.Join(strings.Fields(text), "")
		if joined == text {
			return text
		}
		p.note("Spaces and line breaks within it were taken out. In the link itself they would break it.")
		text = joined
	}
}

// queryOf finds the query of a link, a path or a query alone; false = the text
// is none of them. What follows a # is for the browser only.
func queryOf(text string) (query string, isLink bool) {
	text, _, _ = strings.Cut(text, "#")
	if _, query, isLink = strings.Cut(text, "?"); isLink {
		return query, true
	}
	for _, name := range []string{"token=", "user="} {
		if strings.HasPrefix(text, name) || strings.Contains(text, "&"+name) {
			return text, true
		}
	}
	return "", strings.Contains(text, "://") || strings.HasPrefix(text, "/")
}

// looseParts decodes what it can of a token, be it broken: "" for a part that
// is not there or is no base64 of any kind. It is for people to look at, and
// decides nothing.
func looseParts(text string) (header, payload string) {
	first, rest, _ := strings.Cut(text, ".")
	second, _, _ := strings.Cut(rest, ".")
	return looseBase64(first), looseBase64(second)
}

// looseBase64 decodes either alphabet, with or without padding, and the whole
// groups of a text that was cut off.
func looseBase64(text string) string {
	text = strings.NewReplacer("+", "-", "/", "_", "%3D", "", "=", "").Replace(text)
	for cut := range min(len(text), 4) {
		if decoded, err := base64.RawURLEncoding.DecodeString(text[:len(text)-cut]); err == nil {
			return strings.ToValidUTF8(string(decoded), "\ufffd")
		}
	}
	return ""
}
