package admin

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/web"
)

// openAPI describes the API (OpenAPI 3.1). Tests hold it against the routes and
// against every answer that they get.
//
//go:embed openapi.json
var openAPI []byte

// OpenAPI: GET /openapi.json.
func (a *Admin) OpenAPI(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json", openAPI)
	return nil
}

// Reference: GET /openapi, the same for people.
func (a *Admin) Reference(c *gin.Context) error {
	page, err := reference()
	if err != nil {
		return err
	}
	page.Frame = web.Frame{Title: page.Title, Tenant: handlers.TenantOf(c).Name}
	return a.show(c, page)
}

// document is as much of OpenAPI 3.1 as our own description uses.
type document struct {
	Info struct {
		Title, Description string
	}
	Tags       []struct{ Name, Description string }
	Paths      map[string]pathItem
	Components struct {
		Schemas    map[string]schema
		Responses  map[string]response
		Parameters map[string]parameter
	}
}

// pathItem are the operations of a path by their methods. Most paths are below
// apiRoot; those with servers of their own are from the root.
type pathItem struct {
	elsewhere  bool
	operations map[string]operation
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *pathItem) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	i.operations = map[string]operation{}
	for name, value := range members {
		if name == "servers" {
			i.elsewhere = true
			continue
		}
		var op operation
		if err := json.Unmarshal(value, &op); err != nil {
			return err
		}
		i.operations[name] = op
	}
	return nil
}

// root is what stands before the path.
func (i pathItem) root() string {
	if i.elsewhere {
		return ""
	}
	return apiRoot
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Description string
	Tags        []string
	Scope       string `json:"x-scope"`
	Parameters  []parameter
	RequestBody *struct{ Content map[string]media }
	Responses   map[string]response
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]media
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `json:"$ref"`
	Type        any    // a text or a list of texts
	Description string
	Format      string
	Enum        []any
	Required    []string
	Properties  map[string]schema
	Items       *schema
	AllOf       []schema `json:"allOf"`
	OneOf       []schema `json:"oneOf"`
}

// methods in the order in which they are shown.
var methods = []string{"get", "post", "put", "patch", "delete"}

// description is openAPI, read once.
var description = sync.OnceValues(func() (*document, error) {
	var doc document
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("the API's description: %w", err)
	}
	return &doc, nil
})

// reference makes the page out of the description, once.
var reference = sync.OnceValues(func() (web.APIReference, error) {
	doc, err := description()
	if err != nil {
		return web.APIReference{}, err
	}
	page := web.APIReference{Title: doc.Info.Title, Description: doc.Info.Description}
	for _, tag := range doc.Tags {
		group := web.APIGroup{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, method := range methods {
				item := doc.Paths[path]
				if op, ok := item.operations[method]; ok && slices.Contains(op.Tags, tag.Name) {
					group.Operations = append(group.Operations, doc.operation(method, item.root()+path, op))
				}
			}
		}
		page.Groups = append(page.Groups, group)
	}
	return page, nil
})

func (d *document) operation(method, path string, op operation) web.APIOperation {
	shown := web.APIOperation{
		ID: op.OperationID, Method: strings.ToUpper(method), Path: path, Summary: op.Summary,
		Description: op.Description, Scope: op.Scope,
		Parameters: web.APITable{Caption: "Parameters of " + op.OperationID},
	}
	for _, p := range op.Parameters {
		p = d.parameter(p)
		shown.Parameters.Fields = append(shown.Parameters.Fields, web.APIField{
			Name: p.Name, Type: p.In + ", " + d.typeOf(p.Schema), Required: p.Required, Description: p.Description,
		})
	}
	if op.RequestBody != nil {
		for _, kind := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
			shown.Body = web.APITable{
				Caption: "Body of " + op.OperationID, Fields: d.fields(op.RequestBody.Content[kind].Schema),
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = d.Components.Responses[name]
		}
		answer := web.APIAnswer{Status: status, Description: r.Description}
		if body, ok := r.Content["application/json"]; ok {
			answer.Table = web.APITable{
				Caption: "Answer " + status + " of " + op.OperationID, Fields: d.fields(body.Schema),
			}
		}
		shown.Answers = append(shown.Answers, answer)
	}
	return shown
}

// parameter follows a reference to a named parameter.
func (d *document) parameter(p parameter) parameter {
	if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
		return d.Components.Parameters[name]
	}
	return p
}

// resolve follows a reference to a named schema.
func (d *document) resolve(s schema) (resolved schema, name string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		found := d.Components.Schemas[name]
		if s.Description != "" {
			found.Description = s.Description
		}
		return found, name
	}
	return s, ""
}

// fields are an object's members: the required ones first, then by name.
func (d *document) fields(s schema) []web.APIField {
	s, _ = d.resolve(s)
	var fields []web.APIField
	for _, part := range s.AllOf {
		fields = append(fields, d.fields(part)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := s.Properties[name]
		resolved, _ := d.resolve(member)
		fields = append(fields, web.APIField{
			Name: name, Type: d.typeOf(member), Required: slices.Contains(s.Required, name), Description: resolved.Description,
		})
	}
	slices.SortStableFunc(fields, func(a, b web.APIField) int {
		switch {
		case a.Required == b.Required:
			return strings.Compare(a.Name, b.Name)
		case a.Required:
			return -1
		}
		return 1
	})
	return fields
}

// typeOf says in a word or two what a value is.
func (d *document) typeOf(s schema) string {
	resolved, name := d.resolve(s)
	if name != "" && len(resolved.Enum) == 0 {
		return name
	}
	if len(resolved.Enum) > 0 {
		texts := make([]string, len(resolved.Enum))
		for i, value := range resolved.Enum {
			texts[i] = fmt.Sprint(value)
		}
		return strings.Join(texts, " | ")
	}
	var names []string
	switch kind := resolved.Type.(type) {
	case string:
		names = []string{kind}
	case []any:
		for _, one := range kind {
			names = append(names, fmt.Sprint(one))
		}
	}
	for i, one := range names {
		switch {
		case one == "array" && resolved.Items != nil:
			names[i] = "list of " + d.typeOf(*resolved.Items)
		case one == "string" && resolved.Format != "":
			names[i] = resolved.Format
		}
	}
	for _, one := range resolved.OneOf {
		names = append(names, d.typeOf(one))
	}
	return strings.Join(names, " or ")
}
