package admin

import (
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// apiRoot is where the API's paths begin.
const apiRoot = "/admin/api/v1"

// exactQuery makes a handler of the API refuse parameters that its description
// does not have, and repeated ones: a misspelt filter would select everything.
func exactQuery(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		if c.Request.URL.RawQuery == "" {
			return handle(c)
		}
		query, err := url.ParseQuery(c.Request.URL.RawQuery)
		if err != nil {
			return badRequest("The query of the address is not well-formed.")
		}
		known, err := parameters()
		if err != nil {
			return err
		}
		names := known[c.Request.Method+" "+c.FullPath()]
		for name, values := range query {
			switch {
			case !slices.Contains(names, name):
				return badRequest("There is no parameter %q here.", name)
			case len(values) > 1:
				return badRequest("%s: give it once.", name)
			}
		}
		return handle(c)
	}
}

// parameters are the names that may stand in a query, by method and pattern of
// the route.
var parameters = sync.OnceValues(func() (map[string][]string, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	pattern := strings.NewReplacer("{", ":", "}", "")
	known := map[string][]string{}
	for path, item := range doc.Paths {
		for method, op := range item.operations {
			route := strings.ToUpper(method) + " " + item.root() + pattern.Replace(path)
			for _, p := range op.Parameters {
				if p = doc.parameter(p); p.In == "query" {
					known[route] = append(known[route], p.Name)
				}
			}
		}
	}
	return known, nil
})
