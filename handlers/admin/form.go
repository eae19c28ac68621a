package admin

import (
	"errors"
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

// faults are the problems of a request by the fields that they are of, as the
// API names them; nil when err is about something else.
func faults(err error) map[string]string {
	var invalid *provisioning.Invalid
	if !errors.As(err, &invalid) {
		return nil
	}
	found := map[string]string{}
	collect(err, found)
	return found
}

func collect(err error, into map[string]string) {
	//nolint:errorlint // each layer is looked at by itself
	switch err := err.(type) {
	case *provisioning.Invalid:
		if _, ok := into[err.Field]; !ok {
			into[err.Field] = sentence(err.Problem)
		}
	case interface{ Unwrap() []error }:
		for _, one := range err.Unwrap() {
			collect(one, into)
		}
	case interface{ Unwrap() error }:
		collect(err.Unwrap(), into)
	}
}

// point puts problems beside their fields, and returns how many were told.
func point(found map[string]string, fields ...*web.Field) (told int) {
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
	return "Type the word exactly as it stands here. Nothing has been done."
}
