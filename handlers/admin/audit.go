package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// auditFilter reads what part of the audit log is asked for.
func auditFilter(c *gin.Context) (provisioning.AuditFilter, error) {
	f := provisioning.AuditFilter{
		Actor: strings.TrimSpace(c.Query("actor")), Action: strings.TrimSpace(c.Query("action")), Object: strings.TrimSpace(c.Query("object")),
	}
	if text := c.Query("after"); text != "" {
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil || before < 1 {
			return f, badRequest("after is the number of a row.")
		}
		f.Before = before
	}
	return f, nil
}

type auditAnswer struct {
	Seq       int64           `json:"seq"`
	At        time.Time       `json:"at"`
	Actor     string          `json:"actor"`
	ActorName string          `json:"actor_name"`
	Action    string          `json:"action"`
	Object    string          `json:"object"`
	Detail    json.RawMessage `json:"detail"`
	Reference string          `json:"reference"`
	Hash      string          `json:"hash"`
}

// AuditLog: GET /admin/api/v1/audit?actor=&action=&object=&after=, newest first.
func (a *Admin) AuditLog(c *gin.Context) error {
	filter, err := auditFilter(c)
	if err != nil {
		return err
	}
	rows, next, err := a.Provisioning.AuditLog(c.Request.Context(), handlers.TenantOf(c), filter, apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []auditAnswer{}
	for _, r := range rows {
		answers = append(answers, auditAnswer{
			Seq: r.Seq, At: r.Time(), Actor: r.Actor, ActorName: r.ActorName, Action: r.Action, Object: r.Object,
			Detail: json.RawMessage(r.Detail), Reference: r.Reference, Hash: fmt.Sprintf("%x", []byte(r.Hash)),
		})
	}
	return list(c, "audit", answers, cursor(next))
}

// ExportAudit answers with the whole log as JSON lines, which “usher audit
// verify” reads. It is written into memory first: half an export would look
// like a log whose end was cut.
func (a *Admin) ExportAudit(c *gin.Context) error {
	var lines bytes.Buffer
	if err := a.Provisioning.ExportAudit(c.Request.Context(), handlers.TenantOf(c), &lines); err != nil {
		return explain(err)
	}
	c.Header("Content-Disposition", `attachment; filename="audit.jsonl"`)
	c.Data(http.StatusOK, "application/jsonl", lines.Bytes())
	return nil
}

// AuditPage: GET /admin/audit?actor=&action=&object=&after=.
func (a *Admin) AuditPage(c *gin.Context) error {
	filter, err := auditFilter(c)
	if err != nil {
		return err
	}
	rows, next, err := a.Provisioning.AuditLog(c.Request.Context(), handlers.TenantOf(c), filter, pageRows)
	if err != nil {
		return explain(err)
	}
	head, err := a.Provisioning.AuditHead(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return explain(err)
	}
	page := web.Audit{
		Frame: a.frame(c, auditPath, "Audit log"), Pager: pager(c, auditPath, cursor(next)),
		Filtered: filter.Actor != "" || filter.Action != "" || filter.Object != "",
		Filters: []web.Field{
			{Name: "actor", Label: "Actor", Type: "search", Value: filter.Actor},
			{Name: "action", Label: "Action", Type: "search", Value: filter.Action},
			{Name: "object", Label: "Object", Type: "search", Value: filter.Object},
		},
	}
	if head.Seq > 0 {
		page.Head = provisioning.AuditMark{Seq: head.Seq, Hash: head.Hash}.String()
	}
	for _, r := range rows {
		page.Rows = append(page.Rows, web.AuditRow{
			Seq: r.Seq, At: r.Time(), Actor: r.Actor, ActorName: r.ActorName, Action: r.Action, Words: actInWords(r.Action),
			Object: r.Object, Reference: r.Reference, Detail: auditDetail(r.Detail),
		})
	}
	return a.showAs(c, http.StatusOK, page)
}

// actInWords makes a code readable: "integration_installed" is "Integration
// installed".
func actInWords(code string) string {
	text := strings.ReplaceAll(code, "_", " ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// auditDetail makes lines of a row's detail, by name. What was changed says
// from what to what.
func auditDetail(text string) []web.AuditDetail {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return []web.AuditDetail{{Name: "detail", To: text}}
	}
	var lines []web.AuditDetail
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var change map[string]json.RawMessage
		if json.Unmarshal(members[name], &change) == nil && len(change) == 2 && change["from"] != nil && change["to"] != nil {
			lines = append(lines, web.AuditDetail{Name: name, Changed: true, From: plain(change["from"]), To: plain(change["to"])})
			continue
		}
		lines = append(lines, web.AuditDetail{Name: name, To: plain(members[name])})
	}
	return lines
}

// plain writes a JSON value for people: texts without quotes, lists with
// commas.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && value[0] == '"' {
		if text == "" {
			return "(empty)"
		}
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil && value[0] == '[' {
		if len(list) == 0 {
			return "(none)"
		}
		parts := make([]string, len(list))
		for i, element := range list {
			parts[i] = plain(element)
		}
		return strings.Join(parts, ", ")
	}
	return string(value)
}
