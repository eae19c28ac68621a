package provisioning

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/sql/store"
)

const (
	webhookSecretPrefix = "whsec_"
	webhookSecretBytes  = 32
	// DefaultRollAfter is how long the old secret goes on signing beside a new
	// one, and MaxRollAfter the longest that it may.
	DefaultRollAfter = 24 * time.Hour
	MaxRollAfter     = 7 * 24 * time.Hour
	// MaxWebhookSecrets is how many secrets of an endpoint can be live: each
	// signs every delivery, and receivers bound the headers that they take.
	MaxWebhookSecrets = 5
)

// newSecret makes a secret, and returns it in clear as receivers' libraries take
// it, this once.
func (w *Webhooks) newSecret(e WebhookEndpoint) (WebhookSecret, string, error) {
	id, err := store.NewID()
	if err != nil {
		return WebhookSecret{}, "", err
	}
	var key [webhookSecretBytes]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand since Go 1.24)
	k := WebhookSecret{TenantID: e.TenantID, ID: id, EndpointID: e.ID, CreatedAt: w.moment()}
	k.SealedSecret = w.sealer.Seal(key[:], placeOfWebhookSecret(k)...)
	return k, webhookSecretPrefix + base64.StdEncoding.EncodeToString(key[:]), nil
}

// placeOfWebhookSecret is where a secret stands; it opens nowhere else.
func placeOfWebhookSecret(k WebhookSecret) []string {
	return []string{k.TenantID, "webhook_secrets", k.ID, "sealed_secret"}
}

// Roll gives an endpoint a new secret, which is returned in clear, this once.
// For the time after, the secrets that it had sign as well, so that the receiver
// can change over meanwhile; 0 = they are destroyed now. The errors are
// ErrNotFound, ErrChanged and *Invalid.
func (w *Webhooks) Roll(ctx context.Context, tenant, id string, after time.Duration, by By) (Webhook, error) {
	if !store.IsID(id) {
		return Webhook{}, ErrNotFound
	}
	if after < 0 || after > MaxRollAfter {
		return Webhook{}, invalid("after", "0 to %d seconds", int(MaxRollAfter.Seconds()))
	}
	secret := ""
	err := w.store.ChangeWebhook(ctx, tenant, id, func(e *WebhookEndpoint, secrets []WebhookSecret) (store.WebhookChange, error) {
		live := slices.DeleteFunc(slices.Clone(secrets), func(k WebhookSecret) bool { return !k.Live(w.now()) })
		if after > 0 && len(live) >= MaxWebhookSecrets {
			return store.WebhookChange{}, invalid("after", "0, which destroys the old secrets: %d sign already, and no more may at a time", len(live))
		}
		next, clear, err := w.newSecret(*e)
		if err != nil {
			return store.WebhookChange{}, err
		}
		secret = clear
		act := webhookAct(by, "webhook_secret_rolled", id, map[string]any{"secret": next.ID, "after": int64(after / time.Second)})
		act.SecretOf = next.ID
		return store.WebhookChange{Roll: &next, RollAt: next.CreatedAt.Add(after), Act: act}, nil
	})
	if err != nil {
		return Webhook{}, err
	}
	rolled, err := w.Get(ctx, tenant, id)
	rolled.Secret = secret
	return rolled, err
}

// signatures are the webhook-signature header of a delivery: one signature for
// each live secret, the newest first (Standard Webhooks, “Signature scheme”). A
// secret that does not open is left out, and with none there is no header.
func (w *Webhooks) signatures(secrets []WebhookSecret, id string, at time.Time, payload string) (string, error) {
	var all []string
	var last error
	for i := len(secrets) - 1; i >= 0; i-- {
		key, err := w.sealer.Open(secrets[i].SealedSecret, placeOfWebhookSecret(secrets[i])...)
		if err != nil {
			w.log.Error("a webhook's secret cannot be opened", slog.String("tenant", secrets[i].TenantID),
				slog.String("secret", secrets[i].ID), slog.Any("error", err))
			last = err
			continue
		}
		all = append(all, signWebhook(key, id, at, payload))
	}
	if len(all) == 0 {
		return "", errors.Join(errors.New("there is no secret to sign with"), last)
	}
	return strings.Join(all, " "), nil
}

// signWebhook is a symmetric signature of a delivery.
func signWebhook(key []byte, id string, at time.Time, payload string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "." + payload))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
