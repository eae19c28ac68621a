package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"
)

const apiRoot = "/admin/api/v1"

// ownRoots are where the described paths are that have servers of their own.
var ownRoots = []string{"/api/", "/connect/", "/v1/oauth/"}

// described reports whether the description has to know a path.
func described(path string) bool {
	return strings.HasPrefix(path, apiRoot+"/") ||
		slices.ContainsFunc(ownRoots, func(root string) bool { return strings.HasPrefix(path, root) })
}

// contract is the API's description, ready to hold requests and answers
// against. The kit does that with everything that any test sends. The router
// knows the document's own servers only, so the paths that have others are
// written out.
var contract = sync.OnceValues(func() (routers.Router, error) {
	text, err := os.ReadFile("../handlers/admin/openapi.json")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	openapi3filter.RegisterBodyDecoder("application/jsonl", openapi3filter.FileBodyDecoder) // as text
	openapi3filter.RegisterBodyDecoder("application/jwt", openapi3filter.FileBodyDecoder)
	doc.Servers = openapi3.Servers{{URL: "/"}}
	for path, item := range doc.Paths.Map() {
		if len(item.Servers) == 0 {
			doc.Paths.Delete(path)
			doc.Paths.Set(apiRoot+path, item)
		}
	}
	return legacy.NewRouter(doc)
})

// checkContract holds an answer of the API against the description, and a
// request that was accepted as well.
func checkContract(request *http.Request, body string, a answer) error {
	if !described(request.URL.Path) || a.status == http.StatusNotFound && a.reason() == "not_found" ||
		a.status == http.StatusMethodNotAllowed || a.status == http.StatusRequestHeaderFieldsTooLarge || request.Method == http.MethodOptions {
		return nil // there is no such address, or net/http has answered
	}
	router, err := contract()
	if err != nil {
		return err
	}
	request = request.Clone(request.Context())
	request.URL.Host, request.URL.Scheme, request.Host = "", "", ""
	request.Body = io.NopCloser(strings.NewReader(body))
	if body != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	route, parameters, err := router.FindRoute(request)
	if err != nil {
		return fmt.Errorf("openapi.json: %s %s: %w", request.Method, request.URL.Path, err)
	}
	asked := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
			ExcludeResponseBody: a.header.Get("Content-Type") == "application/x-ndjson", // lines, not a document
		},
	}
	if a.status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(request.Context(), asked); err != nil {
			return fmt.Errorf("openapi.json refuses what was accepted: %w", err)
		}
	}
	answered := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader([]byte(a.body))), Options: asked.Options,
	}
	if err := openapi3filter.ValidateResponse(request.Context(), answered); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // the schema follows
		return fmt.Errorf("openapi.json describes another answer of %s %s: %s", request.Method, request.URL.Path, first)
	}
	return nil
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	a := i.get(t, "/openapi.json")
	if got, want := a.header.Get("Content-Type"), "application/json"; a.status != http.StatusOK || got != want {
		t.Fatalf("got %v of type %q, want 200 and %s", a, got, want)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("got version %s, want 3.1", doc.OpenAPI)
	}
	var told []string
	for path, item := range doc.Paths.Map() {
		root := apiRoot
		if len(item.Servers) > 0 {
			root = ""
		}
		for method := range item.Operations() {
			told = append(told, method+" "+root+path)
		}
	}
	slices.Sort(told)
	parameter := regexp.MustCompile(`:([a-z_]+)`)
	var served []string
	for _, r := range everyRoute(t) {
		if strings.HasPrefix(r, http.MethodOptions) {
			continue // between browsers and us
		}
		if _, path, _ := strings.Cut(r, " "); described(path) {
			served = append(served, parameter.ReplaceAllString(r, "{$1}"))
		}
	}
	slices.Sort(served) // anew: "{" and ":" have other neighbours
	if diff := cmp.Diff(served, told); diff != "" {
		t.Errorf("got a description that differs from the routes (-program +openapi.json):\n%s", diff)
	}
	// Every operation is on the page for people, under its own anchor.
	page := i.get(t, "/openapi")
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !strings.Contains(page.body, `id="`+operation.OperationID+`"`) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	if page.status != http.StatusOK || strings.Contains(page.body, "#/components/") {
		t.Errorf("got page %v, want 200 and no unresolved reference", page)
	}
}

// TestContractIsHeld makes sure that the kit would notice.
func TestContractIsHeld(t *testing.T) {
	t.Parallel()
	request := func(method, target string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, apiRoot+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	kind := http.Header{"Content-Type": {"application/json"}}
	for name, test := range map[string]struct {
		request *http.Request
		body    string
		answer  answer
		good    bool
	}{
		"good":            {request("GET", "/groups"), "", answer{200, kind, `{"groups":[],"next":null}`}, true},
		"missing member":  {request("GET", "/groups"), "", answer{200, kind, `{"groups":[]}`}, false},
		"more members":    {request("GET", "/groups"), "", answer{200, kind, `{"groups":[],"next":null,"x":1}`}, false},
		"wrong type":      {request("GET", "/groups"), "", answer{200, kind, `{"groups":{},"next":null}`}, false},
		"no such route":   {request("GET", "/nothing"), "", answer{200, kind, `{}`}, false},
		"request refused": {request("POST", "/credits"), `{"id":"7"}`, answer{201, kind, `{"id":7,"name":"x","created_at":"2030-01-01T00:00:00Z"}`}, false},
	} {
		if err := checkContract(test.request, test.body, test.answer); (err == nil) != test.good {
			t.Errorf("%s: got error %v, want accepted: %v", name, err, test.good)
		}
	}
}
