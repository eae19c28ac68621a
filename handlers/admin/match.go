package admin

import (
	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// IfMatch makes a change of one object conditional on the ETag that the client
// has seen (RFC 9110 §13.1.1). The service decides, in the transaction of the
// change: by(c) hands the header on, and store methods ask By. Without the
// header nothing is different.
func (a *Admin) IfMatch(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		revisions, err := handlers.ReadIfMatch(c)
		if err != nil {
			return err
		}
		c.Set(ifMatchKey{}, revisions)
		return handle(c)
	}
}

// Unconditional is for acts that go by no state of an object. A condition that
// nobody checks is not passed over: what has no ETag matches none.
func (a *Admin) Unconditional(handle handlers.Handler) handlers.Handler {
	return func(c *gin.Context) error {
		revisions, err := handlers.ReadIfMatch(c)
		if err != nil {
			return err
		}
		if revisions != nil {
			return &handlers.Fault{Code: handlers.PreconditionFailed, Public: "No ETag is looked at here, so none matches: leave If-Match out."}
		}
		return handle(c)
	}
}

type ifMatchKey struct{}

// ifMatchOf is what by hands on.
func ifMatchOf(c *gin.Context) []int64 {
	value, _ := c.Get(ifMatchKey{})
	revisions, _ := value.([]int64)
	return revisions
}

// setETag names the state of the one object that an answer shows.
func setETag(c *gin.Context, revision int64) { handlers.SetETag(c, revision) }
