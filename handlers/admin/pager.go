package admin

import (
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"usher/web"
)

// pageRows is how many rows of a list a page shows.
const pageRows = 50

// pager is the way through the list at a path: with the query's other
// parameters, and next as the following page's after ("" = none).
func pager(c *gin.Context, path, next string) web.Pager { return pagerBy(c, path, "after", next) }

// pagerBy is pager for a list whose cursor has another name.
func pagerBy(c *gin.Context, path, name, next string) web.Pager {
	query := c.Request.URL.Query()
	address := func(at string) string {
		kept := url.Values{}
		for parameter, values := range query {
			if parameter != name && parameter != "done" && values[0] != "" {
				kept.Set(parameter, values[0])
			}
		}
		if at != "" {
			kept.Set(name, at)
		}
		if len(kept) == 0 {
			return path
		}
		return path + "?" + kept.Encode()
	}
	var p web.Pager
	if query.Get(name) != "" {
		p.First = address("")
	}
	if next != "" {
		p.Next = address(next)
	}
	return p
}

// cursor writes the number of a row as a cursor; 0 is the end of the list.
func cursor(row int64) string {
	if row == 0 {
		return ""
	}
	return strconv.FormatInt(row, 10)
}
