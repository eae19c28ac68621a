package admin

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// IfMatch makes a change of one object conditional on the ETag that the client
// has seen (RFC 9110 §13.1.1). The service decides, in the transaction of the
// change: by(c) hands the header on, and store methods ask By. Without the
// header nothing is different.
func (a *Admin) IfMatch(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		revisions, err := readIfMatch(c)
		if err != nil {
			return err
		}
		c.Set(ifMatchKey{}, revisions)
		return handle(c)
	}
}

// Unconditional is for acts that go by no state of an object. A condition that
// nobody checks is not passed over: what has no ETag matches none.
func (a *Admin) Unconditional(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		revisions, err := readIfMatch(c)
		if err != nil {
			return err
		}
		if revisions != nil {
			return &handlers.Fault{Code: handlers.PreconditionFailed, Public: "No ETag is looked at here, so none matches: leave If-Match out."}
		}
		return handle(c)
	}
}

// readIfMatch returns the revisions that a request names; nil = any.
func readIfMatch(c *gin.Context) ([]int64, error) {
	revisions, ok := parseIfMatch(c.Request.Header.Values("If-Match"))
	if !ok {
		return nil, badRequest("If-Match is a list of ETags as they were in answers, or *.")
	}
	return revisions, nil
}

type ifMatchKey struct{}

// ifMatchOf is what by hands on.
func ifMatchOf(c *gin.Context) []int64 {
	value, _ := c.Get(ifMatchKey{})
	revisions, _ := value.([]int64)
	return revisions
}

// setETag names the state of the one object that an answer shows: a strong
// ETag (RFC 9110 §8.8.3) of its revision.
func setETag(c *gin.Context, revision int64) {
	c.Header("ETag", `"`+strconv.FormatInt(revision, 10)+`"`)
}

// maxETags is how many ETags a request may list.
const maxETags = 32

// parseIfMatch reads the lines of an If-Match header: nil when there is none,
// or "*" for any state. Weak ETags never match, and neither does one that we
// cannot have given; both are allowed in the list.
func parseIfMatch(lines []string) (revisions []int64, ok bool) {
	if len(lines) == 0 {
		return nil, true
	}
	text := strings.Trim(strings.Join(lines, ","), " \t")
	if text == "*" {
		return nil, true
	}
	revisions = []int64{}
	for n := 0; text != ""; n++ {
		if n == maxETags {
			return nil, false
		}
		if text[0] == ',' { // empty elements are to be ignored (RFC 9110 §5.6.1)
			text = strings.TrimLeft(text[1:], " \t")
			continue
		}
		rest, weak := strings.CutPrefix(text, "W/")
		rest, quoted := strings.CutPrefix(rest, `"`)
		tag, rest, closed := strings.Cut(rest, `"`)
		rest = strings.TrimLeft(rest, " \t")
		if !quoted || !closed || strings.ContainsFunc(tag, notInETag) || (rest != "" && rest[0] != ',') {
			return nil, false
		}
		revision, err := strconv.ParseInt(tag, 10, 64)
		if err == nil && !weak && strconv.FormatInt(revision, 10) == tag {
			revisions = append(revisions, revision)
		}
		text = rest
	}
	return revisions, true
}

// notInETag reports whether a character cannot stand in an ETag.
func notInETag(r rune) bool { return r <= ' ' || r == 0x7f }
