package tokens

import "slices"

const maxClaimName = 64

// StandardClaims lists the claims that every tenant can tell about a person, by
// name: those of the person's record and of its groups. Beside them stands sub,
// which every answer has.
func StandardClaims() []string {
	return []string{
		"birthdate", "email", "email_verified", "family_name", "given_name", "groups", "locale", "name", "phone", "picture",
	}
}

func isStandardClaim(name string) bool { return slices.Contains(StandardClaims(), name) }

// isClaimName reports whether a text can name a custom claim.
func isClaimName(text string) bool {
	return text != "" && len(text) <= maxClaimName && isLower(text[0]) &&
		consistsOf(text, func(c byte) bool { return isLower(c) || isDigit(c) || c == '_' })
}

// hasOwnMeaning reports whether a claim says something about a token or its
// person already, so that no tenant can give it another meaning.
func hasOwnMeaning(name string) bool {
	return isOwnClaim(name) || isStandardClaim(name) || name == claimUsername
}
