package admin

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// Import: POST /admin/api/v1/import with {"rows": "…"}.
func (a *Admin) Import(c *gin.Context) error {
	var body struct {
		Rows string `json:"rows"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	j, err := a.Provisioning.ImportCatalog(c.Request.Context(), handlers.TenantOf(c), []byte(body.Rows), by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, answerJob(j))
	return nil
}

// ImportPage: GET /admin/import.
func (a *Admin) ImportPage(c *gin.Context) error { return a.show(c, a.importPage(c, "")) }

func (a *Admin) importPage(c *gin.Context, rows string) web.AdminImport {
	return web.AdminImport{
		Frame: a.frame(c, jobsPath, "Import groups and credits"), Most: provisioning.MaxImport >> 10,
		Rows: web.Field{Name: "rows", Label: "Or type or paste them", Type: "textarea", Value: rows},
	}
}

// ImportForm: POST /admin/import, with a file or with the text itself.
func (a *Admin) ImportForm(c *gin.Context) error {
	// What is beyond the limits of every request is refused as it is read.
	rows := c.PostForm("rows")
	text := []byte(rows)
	if file, err := c.FormFile("file"); err == nil && file.Size > 0 {
		opened, err := file.Open()
		if err != nil {
			return badRequest("file: it could not be read.")
		}
		defer func() { _ = opened.Close() }() // it was only read
		if text, err = io.ReadAll(io.LimitReader(opened, provisioning.MaxImport+1)); err != nil {
			return badRequest("file: it could not be read.")
		}
	} else if err != nil && !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return badRequest("The form could not be read: at most %d KiB at once.", provisioning.MaxImport>>10)
	}
	j, err := a.Provisioning.ImportCatalog(c.Request.Context(), handlers.TenantOf(c), text, by(c))
	var invalid *provisioning.Invalid
	if errors.As(err, &invalid) {
		page := a.importPage(c, rows)
		page.Faults = strings.Split(err.Error(), "\n")
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, jobsPath+"/"+j.ID)
	return nil
}
