package main

import (
	"net/http"
	"testing"
)

// BenchmarkVerify is what a proxy waits for, over loopback, on the embedded
// stores: with a session, and with a token in the Authorization header.
func BenchmarkVerify(b *testing.B) {
	i := launch(b, world{environ: []string{"USHER_DATA_DIR=" + b.TempDir()}})
	lumen := i.install(b, nil)
	for name, header := range map[string][]string{
		"session": {holding(i.signIn(b, link(lumen.token(person("anna")))))},
		"token":   lumen.calling(person("anna")),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if a := i.send(b, http.MethodGet, "/auth/verify", "", header...); a.status != http.StatusNoContent {
					b.Fatalf("got %v, want 204", a)
				}
			}
		})
	}
}
