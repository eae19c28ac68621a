package main

import (
	"testing"

	"usher/testenv"
)

// What a browser's settings let a frame of another site keep, as a profile's
// preferences.
var cookieSettings = map[string]fields{
	"third-party cookies allowed": {"profile": fields{"cookie_controls_mode": 0}},
	"default":                     nil,
	"third-party cookies blocked": {"profile": fields{"cookie_controls_mode": 1, "block_third_party_cookies": true}},
	"all cookies blocked": {"profile": fields{"default_content_setting_values": fields{"cookies": 2}, "content_settings": fields{"exceptions": fields{"cookies": fields{
		"http://localhost,*": fields{"setting": 2}, "http://127.0.0.1,*": fields{"setting": 1},
	}}}}},
}

func TestExplore(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	demo := startDemo(t)
	for name, preferences := range cookieSettings {
		t.Run(name, func(t *testing.T) {
			w := openWindowWith(t, &instance{origin: demo["Partner site"]}, preferences)
			w.bound(t)
			w.open(t, "/embedded")
			w.until(t, "signed in", `document.querySelector("#events").textContent.includes("usher:resize")`)
			defer func() { t.Log(w.complaints.all()) }()
			shell := w.frame(t, "http://localhost")
			t.Log(eval[string](t, shell, `location.href+document.body.innerText + " " + document.cookie`))
			content := w.frame(t, eval[string](t, shell, `document.querySelector("iframe").src`))
			t.Log(eval[string](t, content, `location.href+" "+self.origin+document.body.innerText`))
			t.Log(eval[string](t, content, `JSON.stringify(performance.getEntriesByType("resource").map(e => [e.name, e.responseStatus])) + document.styleSheets.length + JSON.stringify([...document.querySelectorAll("script,link")].map(n=>n.outerHTML))`))
			w.shoot(t, "explore "+name)
		})
	}
}
