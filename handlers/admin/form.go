package admin

import (
	"errors"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/web"
)

// form takes the fields of a page's form, all of them text.
func form(c *gin.Context) (url.Values, error) {
	if err := c.Request.ParseForm(); err != nil {
		return nil, badRequest("The form is not complete.")
	}
	values := c.Request.PostForm
	for name, list := range values {
		for _, value := range list {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return nil, badRequest("The field %q is not valid UTF-8, or it has a NUL character.", name)
			}
		}
	}
	return values, nil
}

// point puts problems beside their fields, and returns how many were told.
func point(found faults, fields ...*web.Field) (told int) {
	for _, field := range fields {
		if problem, ok := found[field.Name]; ok {
			field.Fault = problem
			told++
		}
	}
	return told
}

// choose marks the option that has been chosen.
func choose(field *web.Field, value string) {
	for i := range field.Options {
		field.Options[i].Chosen = field.Options[i].Value == value
	}
}

// wholeNumber reads a number field. What is no number becomes −1, which no
// field accepts, so that the service says what it does accept.
func wholeNumber(text string) int64 {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// separated reads a field with entries between spaces, commas or line ends.
func separated(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ' ' || r == ',' })
}

// confirmed compares what was typed with the word that was asked for.
func confirmed(values url.Values, word string) string {
	if strings.TrimSpace(values.Get("confirm")) == strings.TrimSpace(word) {
		return ""
	}
	return notTyped
}

// faults are what is wrong with a form, by the names of its fields.
type faults map[string]string

// faultsOf sorts what a service did not accept by field; ok is false for an
// error that is no fault of the form.
func faultsOf(err error) (found faults, ok bool) {
	if joined, is := err.(interface{ Unwrap() []error }); is { //nolint:errorlint // the list itself is asked for
		found = faults{}
		for _, one := range joined.Unwrap() {
			some, ok := faultsOf(one)
			if !ok {
				return nil, false
			}
			maps.Copy(found, some)
		}
		return found, true
	}
	var invalid *provisioning.Invalid
	if !errors.As(err, &invalid) {
		return nil, false
	}
	return faults{invalid.Field: sentence(invalid.Problem)}, true
}

// faultsIn are those of a form's fields, or nil when err is about something
// else.
func faultsIn(err error) faults {
	found, _ := faultsOf(err)
	return found
}

// field returns a field as it was sent, with what is wrong with it.
func (f faults) field(field web.Field) web.Field {
	field.Fault = f[field.Name]
	return field
}

// changedFault is shown when somebody else was faster.
const changedFault = "Somebody else has changed this meanwhile. What they made of it is below; make your change again."

// revisionOf is the hidden field that says which state a form was made from.
// An unreadable one matches no state.
func revisionOf(c *gin.Context) []int64 {
	revision, err := strconv.ParseInt(c.PostForm("revision"), 10, 64)
	if err != nil {
		return []int64{}
	}
	return []int64{revision}
}
