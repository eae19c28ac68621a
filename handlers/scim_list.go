package handlers

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// scimPage is which part of a list is wanted (RFC 7644 §3.4.2.4).
type scimPage struct {
	start, count int // start counts from 1
}

func readSCIMPage(c *gin.Context) (scimPage, error) {
	page := scimPage{1, usualSCIMPage}
	for _, field := range []struct {
		name  string
		least int
		most  int
		into  *int
	}{{"startIndex", 1, maxSCIMStart, &page.start}, {"count", 0, maxSCIMPage, &page.count}} {
		text, once := single(c.Request.URL.Query()[field.name])
		if !once {
			return page, scimBad(scimInvalidValue, "%s: give it once.", field.name)
		}
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return page, scimBad(scimInvalidValue, "%s: a whole number.", field.name)
		}
		*field.into = int(min(max(n, int64(field.least)), int64(field.most)))
	}
	return page, nil
}

// listSCIM answers with a page of resources of one kind: those that the filter asks
// for, which read reads from the request; wanted is false when it asks for what none
// has. related names the attribute that is read from elsewhere, so only when it is
// shown.
func listSCIM[F, R any](
	c *gin.Context, d provisioning.Directory, related string,
	read func(c *gin.Context) (filter F, wanted bool, err error),
	find func(ctx context.Context, tenant provisioning.Tenant, d provisioning.Directory, filter F, offset, limit int, related bool) ([]R, int64, error),
	form func(c *gin.Context, resource R) map[string]any,
) error {
	page, err := readSCIMPage(c)
	if err != nil {
		return err
	}
	shown, err := readShown(c)
	if err != nil {
		return err
	}
	filter, wanted, err := read(c)
	if err != nil {
		return err
	}
	var found []R
	var total int64
	if wanted {
		found, total, err = find(c.Request.Context(), siteOf(c).tenant, d, filter, page.start-1, page.count, shown.has(related))
		if err != nil {
			return err
		}
	}
	resources := make([]map[string]any, len(found))
	for i, one := range found {
		resources[i] = shown.of(form(c, one))
	}
	return scimList(c, page, total, resources)
}

// scimList is the answer to a query (RFC 7644 §3.4.2).
func scimList(c *gin.Context, page scimPage, total int64, resources []map[string]any) error {
	return scimAnswer(c, http.StatusOK, map[string]any{
		"schemas": []string{scimListMessage}, "totalResults": total, "startIndex": page.start,
		"itemsPerPage": len(resources), "Resources": resources,
	})
}
