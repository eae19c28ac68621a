package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// expectation is what should happen to a link.
type expectation struct {
	reason   string // why Usher refuses it; "" = it is accepted
	sentence string
}

// expect says what Usher should make of the wish's link, by the order in which
// Usher checks.
func (cfg partnerConfig) expect(w wish) expectation {
	refused := func(reason, because string) expectation {
		return expectation{reason, fmt.Sprintf("Usher refuses it with %s, because %s; nothing changes and nobody is signed in.", reason, because)}
	}
	switch {
	case w.signature == signNone:
		return refused("alg_not_allowed", "the key, not the token, says how to sign")
	case w.signature == signBroken:
		return refused("signature_invalid", "the signature does not fit what was signed")
	case w.signature == signWrongSecret:
		return refused("signature_invalid", "whoever signed it does not know the secret")
	case w.expires == timePast:
		return refused("token_expired", "its exp is long over")
	case w.issuedAt == timeAbsent:
		return refused("iat_missing", "a link here has to say when it was made")
	case w.issuedAt == timeFuture:
		return refused("issued_in_future", "its iat is still to come")
	case w.issuedAt == timePast:
		return refused("token_too_old", fmt.Sprintf("a link here lives %d seconds", int(partnerMaxAge.Seconds())))
	case !isObject(w.meta):
		return refused("claim_invalid", "meta is to be an object")
	case w.groupsHow == sendWrongType:
		return refused("claim_invalid", "groups is to be a list")
	case w.creditsHow == sendWrongType:
		return refused("claim_invalid", "a credit's id is to be a number")
	}
	if w.id == idAgain && w.lastID != "" {
		return expectation{sentence: "If no link with this token id was opened before, " + cfg.accepted(w) +
			"; if one was, Usher refuses this one with token_replayed, unless this browser still holds the session made from it."}
	}
	return expectation{sentence: cfg.accepted(w) + "."}
}

// accepted says what changes when the link is accepted, without a full stop.
func (cfg partnerConfig) accepted(w wish) string {
	var groups, credits []string
	for i, g := range cfg.Groups {
		if w.groups[i] {
			groups = append(groups, g.Name)
		}
	}
	for i, c := range cfg.Credits {
		if w.credits[i] {
			credits = append(credits, c.Name)
		}
	}
	return fmt.Sprintf("%s is signed in, %s, %s, and goes to %s",
		w.person.first, holds("group", w.groupsHow, groups), holds("credit", w.creditsHow, credits), w.destination())
}

// holds says what becomes of the person's groups or credits.
func holds(one, how string, names []string) string {
	switch {
	case how == sendNothing || how == sendNull:
		return "keeps the " + one + "s from before"
	case how == sendEmpty || len(names) == 0:
		return "loses every " + one
	case len(names) == 1:
		return "has exactly the " + one + " " + names[0]
	default:
		return "has exactly the " + one + "s " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
}

func (w wish) destination() string {
	place := "the application"
	switch w.goTo {
	case goHome:
		place = "Usher's start page"
	case goHostile:
		place = "Usher's landing page instead of the hostile address"
	case goAbsent:
		place = "Usher's landing page"
	case goTyped:
		place = "the typed address if it is Usher's own or on the integration's list, else to Usher's landing page"
	}
	if w.onboard {
		return "the welcome page on the very first visit, otherwise to " + place
	}
	return place
}

// isObject reports whether the meta text is one that Usher takes: an object,
// null or nothing.
func isObject(meta string) bool {
	if strings.TrimSpace(meta) == "" {
		return true
	}
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(meta), &object) == nil
}
