package admin

import (
	"encoding/json"
	"fmt"
	"html"

	"usher/provisioning"
)

// embedScript is the HTML with which a partner's page shows a resource through
// usher-embed.js. The title is the only text in it that is not ours.
func embedScript(r provisioning.Resource, origin, app string) string {
	title, err := json.Marshal(r.Title) // with < and > escaped, so that it cannot end the script
	if err != nil {
		panic(fmt.Sprintf("a text does not encode: %v", err))
	}
	return fmt.Sprintf(`<div id="usher"></div>
<script src="%[1]s/embed/usher-embed.js"></script>
<script>
  UsherEmbed.mount(document.getElementById("usher"), {
    usher: "%[1]s",
    kind: "%[2]s",
    id: "%[3]s",
    appId: "%[4]s",
    title: %[5]s,
    token: () => fetch("/usher-token").then((answer) => answer.text()),
  });
</script>`, origin, r.Kind, r.ID, app, title)
}

// embedFrame is a plain frame with a place for a token.
func embedFrame(r provisioning.Resource, address string) string {
	return fmt.Sprintf(`<iframe src="%s&amp;user=TOKEN" title="%s" width="100%%" height="600"></iframe>`,
		html.EscapeString(address), html.EscapeString(r.Title))
}
