package admin

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// readForm reads the form that a page has sent, and refuses one that broke off
// or whose fields are not text. Handlers take the fields by c.PostForm.
func readForm(c *gin.Context) error {
	if c.Request.Method != http.MethodPost {
		return nil
	}
	if err := c.Request.ParseForm(); err != nil {
		return badRequest("The form is not complete.")
	}
	for name, list := range c.Request.PostForm {
		for _, value := range list {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return badRequest("The field %q is not valid UTF-8, or it has a NUL character.", name)
			}
		}
	}
	return nil
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

// confirmed compares what was typed with the word that was asked for. It
// returns the confirmation's fault, "" for none.
func confirmed(c *gin.Context, word string) (fault string) {
	if strings.TrimSpace(c.PostForm("confirm")) == strings.TrimSpace(word) {
		return ""
	}
	return "This is not what stands above, letter by letter."
}

// faults are what is wrong with a form, by the names of its fields.
type faults map[string]string

// faultsOf sorts what a service did not accept by field; ok is false for an
// error that is no fault of the form.
func faultsOf(err error) (found faults, ok bool) {
	if joined, is := err.(interface{ Unwrap() []error }); is {
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
	if wrong, is := errors.AsType[*provisioning.Invalid](err); is {
		return faults{wrong.Field: sentence(wrong.Problem)}, true
	}
	if wrong, is := errors.AsType[*admins.Invalid](err); is {
		return faults{wrong.Field: sentence(wrong.Problem)}, true
	}
	if wrong, is := errors.AsType[*tokens.Invalid](err); is {
		return faults{wrong.Field: sentence(wrong.Problem)}, true
	}
	return nil, false
}

// field returns a field as it was sent, with what is wrong with it.
func (f faults) field(field web.Field) web.Field {
	f.point(&field)
	return field
}

// point puts problems beside their fields, and returns how many were told.
func (f faults) point(fields ...*web.Field) (told int) {
	for _, field := range fields {
		if problem, ok := f[field.Name]; ok {
			field.Fault = problem
			told++
		}
	}
	return told
}

// mark is point for the fields of a list.
func (f faults) mark(fields []web.Field) (told int) {
	for i := range fields {
		told += f.point(&fields[i])
	}
	return told
}

// sentence makes one of the words behind a field's name.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
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
