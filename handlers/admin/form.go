package admin

import (
	"errors"
	"maps"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/web"
)

// pageRows is how many rows of a list a page shows.
const pageRows = 50

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

// pager is the way through a list: path with the query's other parameters, and
// next as the following page's after ("" = none).
func pager(c *gin.Context, next string) web.Pager {
	path, query := c.Request.URL.Path, c.Request.URL.Query()
	address := func(after string) string {
		kept := url.Values{}
		for name, values := range query {
			if name != "after" && name != "done" && values[0] != "" {
				kept.Set(name, values[0])
			}
		}
		if after != "" {
			kept.Set("after", after)
		}
		if len(kept) == 0 {
			return path
		}
		return path + "?" + kept.Encode()
	}
	var p web.Pager
	if query.Get("after") != "" {
		p.First = address("")
	}
	if next != "" {
		p.Next = address(next)
	}
	return p
}
