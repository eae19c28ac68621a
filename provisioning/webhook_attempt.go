package provisioning

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"usher/sql/store"
)

// Why an attempt failed.
const (
	FaultStatus   = "status"    // an answer that is neither 2xx nor a redirect
	FaultRedirect = "redirect"  // 3xx: the endpoint's address has to be changed
	FaultTimeout  = "timeout"   // no whole answer in time
	FaultName     = "name"      // the host's name leads to no address
	FaultTLS      = "tls"       // no trusted connection
	FaultRefused  = "refused"   // the address may not be called
	FaultNoAnswer = "no_answer" // no connection, or one that was cut
)

// maxAnswer is how much of an answer is read and kept, in bytes.
const maxAnswer = 1 << 10

// deliver makes one attempt. What comes of it stands in the end; an error means
// that no attempt was made, or that it was broken off with ctx.
func (w *Webhooks) deliver(ctx context.Context, d WebhookDelivery) (store.DeliveryEnd, error) {
	work, err := w.store.DeliveryWork(ctx, d)
	if err != nil {
		return store.DeliveryEnd{}, err
	}
	id, err := store.NewID()
	if err != nil {
		return store.DeliveryEnd{}, err
	}
	at := w.moment()
	signature, err := w.signatures(work.Secrets, d.EventID, at, work.Event.Payload)
	if err != nil {
		return store.DeliveryEnd{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	r, err := http.NewRequestWithContext(bounded, http.MethodPost, work.Endpoint.URL, strings.NewReader(work.Event.Payload))
	if err != nil {
		return store.DeliveryEnd{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Usher-Webhooks")
	r.Header.Set("Webhook-Id", d.EventID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", signature)

	answer := w.call(r)
	if ctx.Err() != nil && answer.fault != "" {
		return store.DeliveryEnd{}, ctx.Err()
	}
	return w.judge(d, work.Endpoint, answer, WebhookAttempt{
		TenantID: d.TenantID, ID: id, EventID: d.EventID, EndpointID: d.EndpointID, At: at,
		Took: w.now().Sub(at).Milliseconds(), Status: answer.status, Fault: answer.fault, Answer: answer.body,
	}), nil
}

// webhookAnswer is what came of a request.
type webhookAnswer struct {
	status     int    // 0 = no answer
	body       string // how it begins
	fault      string // "" = delivered
	retryAfter string // the header
}

// call makes the request and reads what is needed of the answer.
func (w *Webhooks) call(r *http.Request) webhookAnswer {
	response, err := w.caller.Do(r)
	if err != nil {
		return webhookAnswer{fault: faultOfCall(err)}
	}
	defer func() { _ = response.Body.Close() }()
	// One that says “delivered” and then hangs has delivered.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	answer := webhookAnswer{
		status: response.StatusCode, body: legible(body), retryAfter: response.Header.Get("Retry-After"),
	}
	switch response.StatusCode / 100 {
	case 2:
	case 3:
		answer.fault = FaultRedirect
	default:
		answer.fault = FaultStatus
	}
	return answer
}

// legible is text that every database and every page takes.
func legible(body []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' {
			return -1
		}
		if r == utf8.RuneError || r != '\n' && r != '\t' && isControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(string(body), "\uFFFD"))
}

// faultOfCall names what went wrong. The error's own text is kept nowhere: it
// quotes the address.
func faultOfCall(err error) string {
	if blocked, ok := errors.AsType[interface {
		error
		Blocked() bool
	}](err); ok && blocked.Blocked() {
		return FaultRefused
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return FaultTimeout
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return FaultName
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return FaultTLS
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return FaultTLS
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return FaultTLS
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return FaultTLS
	}
	return FaultNoAnswer
}

// retryAfter are the pauses before the second and each later attempt, as the
// specification of Standard Webhooks proposes them: about three days in all.
var retryAfter = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	// disableAfter is for how long an endpoint may fail without one success.
	disableAfter = 5 * 24 * time.Hour
	// maxHold bounds the pause that a receiver can ask for.
	maxHold = 24 * time.Hour
)

// judge decides what becomes of a delivery and its endpoint after an attempt.
func (w *Webhooks) judge(d WebhookDelivery, e WebhookEndpoint, answer webhookAnswer, a WebhookAttempt) store.DeliveryEnd {
	end := store.DeliveryEnd{Attempt: a, State: store.DeliveryDelivered, NextAt: a.At}
	if answer.fault == "" {
		return end
	}
	now := w.now()
	end.State = store.DeliveryFailed
	if d.Tries < len(retryAfter) {
		end.State, end.NextAt = store.DeliveryWaiting, now.Add(jittered(retryAfter[d.Tries]))
	}
	if answer.status == http.StatusTooManyRequests || answer.status == http.StatusServiceUnavailable {
		if hold := min(parseRetryAfter(answer.retryAfter, now), maxHold); hold > 0 {
			end.HoldUntil = now.Add(hold)
			if end.NextAt.Before(end.HoldUntil) {
				end.NextAt = end.HoldUntil
			}
		}
	}
	switch {
	case answer.status == http.StatusGone:
		end.State, end.Disable = store.DeliveryFailed, store.WebhookGone
	case e.FailingSince != nil && now.Sub(*e.FailingSince) >= disableAfter:
		end.Disable = store.WebhookFailing
	}
	if end.Disable != "" && e.DisabledAt == nil {
		end.DisableAct = webhookAct(By{Actor: "usher", Name: "Usher"}, "webhook_disabled", e.ID, map[string]any{"reason": end.Disable})
		w.log.Warn("a webhook endpoint was disabled", slog.String("tenant", e.TenantID), slog.String("endpoint", e.ID),
			slog.String("reason", end.Disable))
	} else {
		end.Disable = ""
	}
	return end
}

// jittered is a pause up to a tenth longer, so that what failed together does
// not come back together.
func jittered(pause time.Duration) time.Duration {
	return pause + rand.N(pause/10) //nolint:gosec // jitter needs no secrecy
}

// parseRetryAfter reads a Retry-After header (RFC 9110 §10.2.3); 0 for one that
// is missing, past or not understood. More seconds than 31 bits hold are as many
// as these do.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}
