package provisioning

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of the claims. Characters are Unicode code points.
const (
	maxSubjectBytes = 255
	maxNameChars    = 200
	maxPhoneChars   = 64
	maxLocaleChars  = 35 // RFC 5646 §4.4.1
	maxPictureBytes = 2048
	maxMetaBytes    = 16 << 10
	maxMetaKeys     = 100
	maxMetaDepth    = 6
	maxNumberChars  = 40
	maxNumberPower  = 308
	maxGroups       = 1000
	maxGroupChars   = 64
	maxCredits      = 500
	maxAuthorized   = 1000
	maxOrderIDChars = 32
	// maxAuthorizedChars bounds the id of a resource.
	maxAuthorizedChars = 128
	maxCreditID        = 1<<53 - 1
	minSessionLength   = time.Minute
	maxSessionLength   = 365 * 24 * time.Hour
)

func claimInvalid(path, expected string) *Refusal {
	return &Refusal{Reason: ClaimInvalid, Path: path, Expected: expected}
}

// readClaims takes from a payload whose signature holds everything but the
// registered claims, which Verify has checked. The error is a *Refusal with
// ClaimMissing or ClaimInvalid.
//
// A claim that is absent says nothing, and JSON null is absent with a warning.
// A claim of a wrong type or over its limit refuses the whole token: nothing
// is guessed or cut. Claims are known by their exact names, all others are
// ignored.
//
// A token that is presented may leave the e-mail out, or empty, if it has a
// sub.
func readClaims(payload jsonValue, presented bool) (Assertion, error) {
	a, faults := readAllClaims(payload, presented)
	if len(faults) > 0 {
		return Assertion{}, faults[0]
	}
	return a, nil
}

// readAllClaims is readClaims that goes on past a fault, for whoever wants to
// mend them all. An assertion beside faults is not to be used.
func readAllClaims(payload jsonValue, presented bool) (Assertion, []*Refusal) {
	r := claimReader{payload: payload, presented: presented}
	return r.all()
}

// readWho is readClaims of a presented token for whoever wants to know no more than
// whom it is from: every claim is checked, but Meta, Groups and Credits, which are
// most of what reading takes, are left out of the assertion.
func readWho(payload jsonValue) (Assertion, error) {
	r := claimReader{payload: payload, presented: true, whoOnly: true}
	a, faults := r.all()
	if len(faults) > 0 {
		return Assertion{}, faults[0]
	}
	return a, nil
}

// all reads all claims.
func (r *claimReader) all() (Assertion, []*Refusal) {
	email, emailKey := r.email()
	a := Assertion{
		Email:         email,
		EmailKey:      emailKey,
		Subject:       r.subject(),
		EmailVerified: r.boolean("email_verified"),
		FirstName:     r.either("firstName", "given_name"),
		LastName:      r.either("lastName", "family_name"),
		Name:          r.text("name", maxNameChars),
		Phone:         r.text("phone", maxPhoneChars),
		Birthdate:     r.birthdate(),
		Locale:        r.text("locale", maxLocaleChars),
		Picture:       r.picture(),
		Meta:          r.meta(),
		Groups:        r.groups(),
		Credits:       r.credits(),
		Authorized:    r.authorized(),
		Onboard:       isTrue(r.boolean("onboard")),
		Go:            r.freeText("go"),
		Nonce:         r.freeText("nonce"),
		SessionLength: r.sessionLength(),
	}
	if r.presented && len(r.faults) == 0 && emailKey == "" && a.Subject == "" {
		r.faults = append(r.faults, &Refusal{Reason: ClaimMissing, Path: "sub", Expected: expectedSubject + ", as there is no e-mail"})
	}
	r.noEvent()
	a.Warnings = r.warnings
	return a, r.faults
}

const (
	expectedEmail   = "an e-mail address of 3 to 254 bytes with one @"
	expectedSubject = "a string of 1 to 255 bytes or an integer that identifies the person"
)

// claimReader reads claims one after the other and gathers the faults, so that
// the reading can be written down as a list.
type claimReader struct {
	payload   jsonValue
	presented bool
	whoOnly   bool // see readWho
	warnings  []Warning
	faults    []*Refusal
}

// claim finds a claim by name. One that is null counts as absent.
func (r *claimReader) claim(name string) jsonValue {
	v := r.payload.member(name)
	if v.exists() && v.kind() == jsonNull {
		r.warnings = append(r.warnings, Warning{
			Code: "claim_null", Path: name,
			Text: "The claim is null, which changes nothing. Leave it out, or send an empty value to clear.",
		})
		return nil
	}
	return v
}

func (r *claimReader) invalid(path, expected string) {
	r.faults = append(r.faults, claimInvalid(path, expected))
}

// email is the address as sent, without spaces around it, and its EmailKey.
// Both are "" for none, which only a presented token may have.
func (r *claimReader) email() (address, key string) {
	v := r.claim("email")
	if r.presented && (!v.exists() || v.kind() == jsonString && v.text() == "") {
		return "", ""
	}
	if !v.exists() {
		r.faults = append(r.faults, &Refusal{Reason: ClaimMissing, Path: "email", Expected: expectedEmail})
		return "", ""
	}
	if v.kind() != jsonString {
		r.invalid("email", expectedEmail)
		return "", ""
	}
	key, err := EmailKey(v.text())
	if err != nil {
		r.invalid("email", expectedEmail)
		return "", ""
	}
	return strings.TrimSpace(v.text()), key
}

// subject is the person's id at the partner, compared byte for byte. The words
// that broken templates write for "no value" would make everyone one person.
func (r *claimReader) subject() string {
	v := r.claim("sub")
	if !v.exists() {
		return ""
	}
	id, ok := externalID(v)
	switch strings.ToLower(id) {
	case "", "null", "none", "nil", "undefined":
		ok = false
	}
	if !ok || len(id) > maxSubjectBytes {
		r.invalid("sub", expectedSubject)
		return ""
	}
	return id
}

// externalID is a text, or the decimal text of a number that is written as an
// integer.
func externalID(v jsonValue) (string, bool) {
	switch v.kind() {
	case jsonString:
		return v.text(), true
	case jsonNumber:
		return v.text(), v.text() != "-0" && !strings.ContainsAny(v.text(), ".eE")
	case jsonNull, jsonBool, jsonArray, jsonObject:
	}
	return "", false
}

func (r *claimReader) boolean(name string) *bool {
	v := r.claim(name)
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonBool {
		r.invalid(name, "true or false")
		return nil
	}
	truth := v.isTrue()
	return &truth
}

func isTrue(b *bool) bool { return b != nil && *b }

// text is a string of at most limit characters; "" clears.
func (r *claimReader) text(name string, limit int) *string {
	v := r.claim(name)
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonString || utf8.RuneCountInString(v.text()) > limit {
		r.invalid(name, fmt.Sprintf("a string of at most %d characters", limit))
		return nil
	}
	text := v.text()
	return &text
}

// either reads a name that has two spellings; the first wins when both are
// sent, but both have to be good.
func (r *claimReader) either(first, second string) *string {
	a, b := r.text(first, maxNameChars), r.text(second, maxNameChars)
	if a != nil {
		return a
	}
	return b
}

// freeText is a string whose form is checked where it is used; "" = none.
func (r *claimReader) freeText(name string) string {
	v := r.claim(name)
	if !v.exists() {
		return ""
	}
	if v.kind() != jsonString {
		r.invalid(name, "a string")
		return ""
	}
	return v.text()
}

func (r *claimReader) birthdate() *string {
	date := r.text("birthdate", len(time.DateOnly))
	if date == nil || *date == "" {
		return date
	}
	// There is no year 0: it stands for "unknown", and databases refuse it.
	if day, err := time.Parse(time.DateOnly, *date); err != nil || day.Year() == 0 {
		r.invalid("birthdate", "a date written YYYY-MM-DD, or an empty string")
		return nil
	}
	return date
}

func (r *claimReader) picture() *string {
	v := r.claim("picture")
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonString || v.text() != "" && !isPictureURL(v.text()) {
		r.invalid("picture", fmt.Sprintf("an absolute http or https URL of at most %d bytes, or an empty string", maxPictureBytes))
		return nil
	}
	text := v.text()
	return &text
}

func isPictureURL(text string) bool {
	if len(text) > maxPictureBytes {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c == 0x7F || c == '\\' {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil
}

// meta is the partner's own data. Its numbers stay as they were written, so
// they are bounded to what every reader and both databases can hold.
func (r *claimReader) meta() map[string]any {
	v := r.claim("meta")
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonObject || v.bytes() > maxMetaBytes || v.count() > maxMetaKeys || v.depth() > maxMetaDepth {
		r.invalid("meta", fmt.Sprintf("an object of at most %d bytes of JSON, %d keys and %d levels", maxMetaBytes, maxMetaKeys, maxMetaDepth))
		return nil
	}
	for _, node := range v {
		if node.kind == jsonNumber && !isPortableNumber(node.text) {
			r.invalid("meta", fmt.Sprintf("numbers of at most %d characters within the range of a double", maxNumberChars))
			return nil
		}
	}
	if r.whoOnly {
		return nil
	}
	object, _ := v.tree().(map[string]any)
	return object
}

// isPortableNumber keeps numbers within the range of a double (RFC 8259 §6)
// and with a power of ten that a decimal column can hold.
func isPortableNumber(text string) bool {
	if len(text) > maxNumberChars {
		return false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if power := smallExponent(text[i+1:]); power > maxNumberPower || power < -maxNumberPower {
			return false
		}
	}
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// groups is the exact set of the person's groups by their external ids; nil =
// not sent.
func (r *claimReader) groups() *[]string {
	v := r.claim("groups")
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonArray || v.count() > maxGroups {
		r.invalid("groups", fmt.Sprintf("an array of at most %d strings or integers", maxGroups))
		return nil
	}
	var ids []string
	if !r.whoOnly {
		ids = make([]string, 0, v.count())
	}
	i := 0
	for element := range v.children() {
		id, ok := externalID(element)
		if !ok || id == "" || utf8.RuneCountInString(id) > maxGroupChars {
			r.invalid(fmt.Sprintf("groups[%d]", i), fmt.Sprintf("a string of 1 to %d characters or an integer", maxGroupChars))
			return nil
		}
		if !r.whoOnly {
			ids = append(ids, id)
		}
		i++
	}
	if r.whoOnly {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return &ids
}

// authorized joins the ids of authorizedVotes and authorizedResources; nil =
// the person has default rights.
//
// An empty list gives default rights, exactly as an absent claim does: that is
// what the format says. Groups mean the opposite by theirs, "out of every
// group", so the two readings share no code in which one could become the
// other.
func (r *claimReader) authorized() []string {
	var ids []string
	for _, name := range [...]string{"authorizedVotes", "authorizedResources"} {
		v := r.claim(name)
		if !v.exists() {
			continue
		}
		if v.kind() != jsonArray || v.count() > maxAuthorized {
			r.invalid(name, fmt.Sprintf("an array of at most %d strings or integers", maxAuthorized))
			continue
		}
		i := 0
		for element := range v.children() {
			id, ok := externalID(element)
			if !ok || id == "" || utf8.RuneCountInString(id) > maxAuthorizedChars {
				r.invalid(fmt.Sprintf("%s[%d]", name, i), fmt.Sprintf("a string of 1 to %d characters or an integer", maxAuthorizedChars))
				break
			}
			ids = append(ids, id)
			i++
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// credits is the exact set of the person's grants; nil = not sent. Unknown
// members of a grant are ignored.
func (r *claimReader) credits() *[]Grant {
	v := r.claim("credits")
	if !v.exists() {
		return nil
	}
	if v.kind() != jsonArray || v.count() > maxCredits {
		r.invalid("credits", fmt.Sprintf("an array of at most %d objects with orderId and id", maxCredits))
		return nil
	}
	var grants []Grant
	if !r.whoOnly {
		grants = make([]Grant, 0, v.count())
	}
	i := 0
	for element := range v.children() {
		grant, ok := r.grant(element, i)
		if !ok {
			return nil
		}
		if !r.whoOnly {
			grants = append(grants, grant)
		}
		i++
	}
	if r.whoOnly {
		return nil
	}
	slices.SortFunc(grants, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.ID, b.ID))
	})
	grants = slices.Compact(grants)
	return &grants
}

// grant is the one that stands at place i of the list.
func (r *claimReader) grant(v jsonValue, i int) (Grant, bool) {
	path := func(member string) string { return fmt.Sprintf("credits[%d]%s", i, member) }
	if v.kind() != jsonObject {
		r.invalid(path(""), "an object with orderId and id")
		return Grant{}, false
	}
	order := v.member("orderId")
	if !order.exists() || order.kind() != jsonString || order.text() == "" || utf8.RuneCountInString(order.text()) > maxOrderIDChars {
		r.invalid(path(".orderId"), fmt.Sprintf("a string of 1 to %d characters", maxOrderIDChars))
		return Grant{}, false
	}
	id, ok := integer(v.member("id"), 1, maxCreditID)
	if !ok {
		r.invalid(path(".id"), fmt.Sprintf("an integer of 1 to %d", int64(maxCreditID)))
		return Grant{}, false
	}
	return Grant{OrderID: order.text(), ID: id}, true
}

// sessionLength is how short the partner wants the session; 0 = not sent.
func (r *claimReader) sessionLength() time.Duration {
	v := r.claim("session_length")
	if !v.exists() {
		return 0
	}
	least, most := int64(minSessionLength/time.Second), int64(maxSessionLength/time.Second)
	length, ok := integer(v, least, most)
	if !ok {
		r.invalid("session_length", fmt.Sprintf("an integer of %d to %d seconds", least, most))
		return 0
	}
	return time.Duration(length) * time.Second
}

// integer reads a number that is written as an integer: 5.0 and 1e2 are not.
func integer(v jsonValue, least, most int64) (int64, bool) {
	if !v.exists() || v.kind() != jsonNumber {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text(), 10, 64)
	return n, err == nil && n >= least && n <= most
}
