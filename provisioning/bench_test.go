package provisioning

import "testing"

// benchPayload makes a token of about 500 bytes.
func benchPayload() string {
	return `{"iss":"` + testAppID + `","sub":"u-48151623","email":"anna.lindqvist@example.com",` +
		`"firstName":"Anna","lastName":"Lindqvist","groups":["staff","readers","42"],` +
		`"credits":[{"orderId":"A-1001","id":7}],"meta":{"plan":"gold","seats":3},"iat":1773500966,` +
		`"exp":1773501146,"jti":"0f8fad5b-d9cb-469f-a165-70867728950e"}`
}

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		b.Run(algorithm, func(b *testing.B) {
			ring, err := NewKeyring(oneIntegration(), testKeys(algorithm), openPlain)
			if err != nil {
				b.Fatal(err)
			}
			link := linkOf(signedAs(algorithm, testSecret, benchPayload()))
			b.ReportMetric(float64(len(link.Token)), "token-bytes")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify(ring, link, testNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("bad signature", func(b *testing.B) {
		ring, err := NewKeyring(oneIntegration(), testKeys("HS256"), openPlain)
		if err != nil {
			b.Fatal(err)
		}
		link := linkOf(signedAs("HS256", testOtherSecret, benchPayload()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Verify(ring, link, testNow); err == nil {
				b.Fatal("got no error, want a refusal")
			}
		}
	})
}

func BenchmarkReadClaims(b *testing.B) {
	payload, err := readJSON(benchPayload())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readClaims(payload, false); err != nil {
			b.Fatal(err)
		}
	}
}
