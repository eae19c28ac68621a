package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/sessions/tokens"
)

// read takes a request's JSON object: one, with no unknown and no repeated
// members, and nothing after it.
func read(c *gin.Context, into any) error { return handlers.ReadJSON(c, into) }

func badRequest(text string, args ...any) error {
	return &handlers.Fault{Code: handlers.BadRequest, Public: fmt.Sprintf(text, args...)}
}

// explain turns the service's errors into answers.
func explain(err error) error {
	var invalid *provisioning.Invalid
	var wrong *admins.Invalid
	var amiss *tokens.Invalid
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return &handlers.Fault{Code: handlers.BadRequest, Public: wrong.Error()}
	case errors.As(err, &amiss):
		return &handlers.Fault{Code: handlers.BadRequest, Public: strings.ReplaceAll(err.Error(), "\n", "; ")}
	case errors.Is(err, tokens.ErrKeyWaits):
		return &handlers.Fault{Code: handlers.Conflict, Public: keyWaitsFault, Err: err}
	case errors.Is(err, tokens.ErrHasChildren):
		return &handlers.Fault{Code: handlers.Conflict, Public: hasChildrenFault, Err: err}
	case errors.Is(err, admins.ErrLastOwner):
		return &handlers.Fault{Code: handlers.Conflict, Public: "The tenant needs an owner: make somebody else one first.", Err: err}
	case errors.Is(err, admins.ErrNotAllowed):
		return &handlers.Fault{Code: handlers.NotAllowed, Public: "This takes rights that you do not have yourself.", Err: err}
	case errors.Is(err, admins.ErrBusy):
		return &handlers.Fault{Code: handlers.Overloaded, Err: err}
	case errors.Is(err, provisioning.ErrNotFound):
		return &handlers.Fault{Code: handlers.NotFound, Err: err}
	case errors.Is(err, provisioning.ErrTaken):
		return &handlers.Fault{Code: handlers.Conflict, Public: "This id is in use already.", Err: err}
	case errors.Is(err, provisioning.ErrMerged):
		return &handlers.Fault{Code: handlers.Conflict, Public: "This user was merged into another: act on that one.", Err: err}
	case errors.Is(err, provisioning.ErrConsumed):
		return &handlers.Fault{Code: handlers.Conflict, Public: "Another request has consumed this credit.", Err: err}
	case errors.Is(err, provisioning.ErrChanged):
		return &handlers.Fault{Code: handlers.PreconditionFailed, Err: err}
	case errors.Is(err, provisioning.ErrOtherRequest):
		return &handlers.Fault{Code: handlers.IdempotencyConflict, Err: err}
	case errors.Is(err, provisioning.ErrInProgress), errors.Is(err, provisioning.ErrOvertaken):
		return &handlers.Fault{Code: handlers.IdempotencyInProgress, Err: err}
	case errors.Is(err, provisioning.ErrAnswerLost):
		return &handlers.Fault{
			Code: handlers.Conflict, Err: err,
			Public: "This request was carried out, but its answer is lost. Look at what is there, and use a new Idempotency-Key.",
		}
	case errors.Is(err, provisioning.ErrAnswerSpent):
		return &handlers.Fault{
			Code: handlers.Conflict, Err: err,
			Public: "This request was carried out. Its answer showed a secret that has been destroyed since, and is not kept any more.",
		}
	case errors.As(err, &invalid):
		// Several faults are joined by line ends: all are told at once.
		return &handlers.Fault{Code: handlers.BadRequest, Public: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return err
}

// given is a field of a request that may be absent, null or have a value. Null
// stands for none, which a truth value does not have.
type given[T any] struct {
	there bool
	value T
}

// UnmarshalJSON implements json.Unmarshaler; it is called for null as well.
func (g *given[T]) UnmarshalJSON(text []byte) error {
	g.there = true
	if string(text) == "null" {
		if _, flag := any(g.value).(bool); flag {
			return errors.New("null is neither true nor false")
		}
		return nil
	}
	return json.Unmarshal(text, &g.value)
}

// pointer is nil when the field is absent; null counts as the zero value.
func (g given[T]) pointer() *T {
	if !g.there {
		return nil
	}
	return &g.value
}
