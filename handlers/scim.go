package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// SCIMPath is where directories keep the people and groups of an integration (RFC
// 7644 §3.2).
const SCIMPath = "/scim/v2"

// The schemas of RFC 7643 and RFC 7644 that we speak.
const (
	scimCore         = "urn:ietf:params:scim:schemas:core:2.0:"
	scimUserSchema   = scimCore + "User"
	scimGroupSchema  = scimCore + "Group"
	scimMessages     = "urn:ietf:params:scim:api:messages:2.0:"
	scimListMessage  = scimMessages + "ListResponse"
	scimPatchMessage = scimMessages + "PatchOp"
	scimErrorMessage = scimMessages + "Error"
)

const (
	scimType = "application/scim+json; charset=utf-8" // RFC 7644 §8.1
	// maxSCIMPage and usualSCIMPage are how many resources a list has at most, and
	// when the request does not say.
	maxSCIMPage   = 200
	usualSCIMPage = 100
	maxSCIMStart  = 1 << 31
)

// directoryHandler answers a directory.
type directoryHandler func(c *gin.Context, d provisioning.Directory) error

// WrapSCIM is Wrap for what directories ask: errors have SCIM's form, and every
// request carries a live token of an integration of this tenant (RFC 6750 §2.1).
func (a *App) WrapSCIM(handle directoryHandler) gin.HandlerFunc {
	return func(c *gin.Context) {
		d, err := a.directory(c)
		if err == nil {
			err = explainSCIM(handle(c, d))
		}
		if err != nil {
			a.answer(c, err, asSCIM)
		}
	}
}

// directory finds whose token the request carries.
func (a *App) directory(c *gin.Context) (provisioning.Directory, error) {
	token, ok := bearer(c.Request.Header)
	if !ok {
		return provisioning.Directory{}, &Fault{Code: SCIMTokenInvalid}
	}
	d, err := a.Provisioning.Directory(c.Request.Context(), siteOf(c).tenant, token)
	if errors.Is(err, provisioning.ErrDirectory) {
		return d, &Fault{Code: SCIMTokenInvalid, Err: err}
	} else if err != nil {
		return d, err
	}
	Note(c, slog.String("integration", d.IntegrationID), slog.String("scim_token", d.TokenID))
	return d, a.rate(c, RateSCIM, d.IntegrationID, d.Rate)
}

// byDirectory says in journals and the audit log that a directory asks. A weak
// ETag counts as well, as in RFC 7644 §3.14: proxies that compress make ours weak.
func byDirectory(c *gin.Context, d provisioning.Directory) (provisioning.By, error) {
	lines := c.Request.Header["If-Match"]
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], `W/"`, `"`)
	}
	revisions, err := ReadIfMatch(c)
	return provisioning.By{
		Actor: "scim_token " + d.TokenID, Name: d.TokenName, Reference: RequestID(c.Request.Context()), IfMatch: revisions,
	}, err
}

// scimFault is a Fault with a detail error keyword of RFC 7644 §3.12.
type scimFault struct {
	*Fault
	scimType string
}

func (f *scimFault) Unwrap() error { return f.Fault }

// Keywords of scimFault.
const (
	scimInvalidFilter = "invalidFilter"
	scimInvalidPath   = "invalidPath"
	scimInvalidSyntax = "invalidSyntax"
	scimInvalidValue  = "invalidValue"
	scimMutability    = "mutability"
	scimNoTarget      = "noTarget"
	scimTooMany       = "tooMany"
	scimUniqueness    = "uniqueness"
)

func scimBad(scimType, text string, args ...any) error {
	return &scimFault{&Fault{Code: BadRequest, Public: fmt.Sprintf(text, args...)}, scimType}
}

// explainSCIM turns the service's errors into answers.
func explainSCIM(err error) error {
	var invalid *provisioning.Invalid
	var taken *provisioning.SCIMTaken
	var refusal *provisioning.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &taken):
		told := taken.Attribute + ": another one has this already."
		if taken.Why != "" {
			told += " " + taken.Why
		}
		return &scimFault{&Fault{Code: Conflict, Public: told, Err: err}, scimUniqueness}
	case errors.As(err, &invalid):
		return &scimFault{&Fault{Code: BadRequest, Public: invalid.Error() + ".", Err: err}, scimInvalidValue}
	case errors.As(err, &refusal) && refusal.Reason == provisioning.UserDisabled:
		// The refusal itself would be told in the terms of a link.
		return &Fault{Code: NotAllowed, Public: "This person was erased or disabled here. An administrator can lift that.", Err: errors.New(err.Error())}
	case errors.Is(err, provisioning.ErrTooMany):
		return scimBad(scimTooMany, "The groups have more than %d members. Ask with excludedAttributes=members.", provisioning.MaxSCIMMembersShown)
	case errors.Is(err, provisioning.ErrDirectory):
		return &Fault{Code: SCIMTokenInvalid, Err: err}
	case errors.Is(err, provisioning.ErrNotFound):
		return &Fault{Code: NotFound, Public: "There is no such resource.", Err: err}
	case errors.Is(err, provisioning.ErrChanged):
		return &Fault{Code: PreconditionFailed, Err: err}
	}
	return err
}

// scimError is the JSON form of an error (RFC 7644 §3.12), with the reference that
// the log knows in the text: readers keep to the members that they know.
type scimError struct {
	Schemas []string `json:"schemas"`
	Status  string   `json:"status"`
	Type    string   `json:"scimType,omitempty"`
	Detail  string   `json:"detail"`
}

// scimAdvice stands for directories where the usual advice is for people with a
// link.
var scimAdvice = map[string]string{
	string(provisioning.TooLarge):         "The body is larger than a request may be.",
	string(provisioning.StoreUnavailable): "A part of the server is away. Send the request again in a moment: it may have been carried out in part or whole, and is not carried out twice.",
	string(Overloaded):                    "The server is very busy. Send the request again in a moment.",
	string(NotFound):                      "There is no such resource.",
}

// scimError encodes the ruling on err.
func (r ruling) scimError(err error, reference string) []byte {
	detail := r.advice()
	if told, ok := scimAdvice[r.code]; ok && r.public == "" {
		detail = told
	}
	answer := scimError{
		Schemas: []string{scimErrorMessage}, Status: strconv.Itoa(r.status),
		Detail: detail + " (" + r.code + ", reference " + reference + ")",
	}
	if fault, ok := errors.AsType[*scimFault](err); ok {
		answer.Type = fault.scimType
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("a struct of strings does not encode: %v", err))
	}
	return text
}

// scimAnswer sends a resource or a list.
func scimAnswer(c *gin.Context, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("scim: %w", err)
	}
	c.Data(status, scimType, text)
	return nil
}

// scimLocation is the address of a resource.
func scimLocation(c *gin.Context, kind, id string) string {
	return siteOf(c).own[0].String() + SCIMPath + "/" + kind + "/" + id
}
