package admin

import (
	"strconv"
	"strings"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// noRate is none that a service accepts, so that it says what it does accept.
const noRate = provisioning.UsualRate - 1

// rateAnswer is a rate in the API: null = as the server's settings say.
func rateAnswer(rate int64) *int64 {
	if rate == provisioning.UsualRate {
		return nil
	}
	return &rate
}

// rateGiven is a rate of a request: nil when it is absent.
func rateGiven(field given[*int64]) *int64 {
	if !field.there {
		return nil
	}
	rate := int64(provisioning.UsualRate)
	if field.value != nil {
		if rate = *field.value; rate < 0 {
			rate = noRate
		}
	}
	return &rate
}

// rateShown is a rate in a form: empty = as the server's settings say.
func rateShown(rate int64) string {
	if rate == provisioning.UsualRate {
		return ""
	}
	return strconv.FormatInt(rate, 10)
}

// rateSent is a rate as a form has sent it.
func rateSent(text string) *int64 {
	rate := int64(provisioning.UsualRate)
	if text = strings.TrimSpace(text); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if rate = n; err != nil || n < 0 {
			rate = noRate
		}
	}
	return &rate
}

// rateField is the field of a rate.
func (a *Admin) rateField(kind handlers.RateKind, shown string) web.Field {
	usual := "any number"
	if rate := a.Rates.Usual(kind); rate > 0 {
		usual = strconv.FormatInt(rate, 10)
	}
	return web.Field{
		Name: "rate", Label: "Requests a second, on each server", Type: "number", Value: shown,
		Hint: "Ten seconds’ worth may come at once. Empty: as the server’s settings say, which is " + usual + ". 0: any number.",
	}
}
