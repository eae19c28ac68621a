package handlers

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// ReadIfMatch returns the revisions that a request's If-Match header names (RFC
// 9110 §13.1.1); nil = any. The error is a Fault with BadRequest.
func ReadIfMatch(c *gin.Context) ([]int64, error) {
	revisions, ok := parseIfMatch(c.Request.Header.Values("If-Match"))
	if !ok {
		return nil, badRequest("If-Match is a list of ETags as they were in answers, or *.")
	}
	return revisions, nil
}

// SetETag names the state of the one object that an answer shows: a strong
// ETag (RFC 9110 §8.8.3) of its revision.
func SetETag(c *gin.Context, revision int64) {
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
