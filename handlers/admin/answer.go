package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// apiRows is how many rows of a list the API answers with.
const apiRows = 200

// list answers with a part of a list. next is the cursor of the following
// part; its zero value, null in the answer, means that there is none.
func list[T any, C comparable](c *gin.Context, name string, rows []T, next C) error {
	c.JSON(http.StatusOK, gin.H{name: rows, "next": orNull(next)})
	return nil
}

func noContent(c *gin.Context) error {
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

// orNull is a value in its JSON form where the zero value stands for none.
func orNull[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}
