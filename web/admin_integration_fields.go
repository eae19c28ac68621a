package web

import "slices"

// IntegrationSettings are the fields of what can be chosen for an integration.
type IntegrationSettings struct {
	Name, MaxAge, Leeway, Issuer, LandingPage, SignInURL, RequireNonce Field
	ReturnOrigins, EmbedOrigins, EmbedMaxAge, ContentOrigins           Field
	LinkPolicy, AutoCreate, SingleUse                                  Field
	UnknownGroups, UnknownCredits, GroupScope, MetaMode                Field
	SessionIdle, SessionAbsolute, DriftGuard, DriftThreshold           Field
	JWKSURL                                                            Field
	AllowDisable                                                       Field
	SignInRate                                                         Field
	// Open shows the rarer settings without being asked, for a fault in them.
	Open bool
}

// NewIntegrationSettings returns the fields without values.
func NewIntegrationSettings() IntegrationSettings {
	return IntegrationSettings{
		Name: Field{Name: "name", Label: "Name", Required: true, Autocomplete: "off", Hint: "How administrators and people see the partner."},
		MaxAge: Field{
			Name: "max_age", Label: "Max age of a link, in seconds", Type: "number",
			Hint: "180 suits links that are made when somebody clicks. Empty or 0 means that links never expire: an old one that is found still signs in.",
		},
		Leeway: Field{Name: "leeway", Label: "Tolerance between the clocks, in seconds", Type: "number", Hint: "0 to 300. It is added to both ends."},
		Issuer: Field{
			Name: "issuer", Label: "Issuer", Autocomplete: "off",
			Hint: "What iss has to be in the partner's tokens; the app id is always good too. Empty: iss is not checked and may be missing, but the name of another integration is refused.",
		},
		LandingPage: Field{Name: "landing_page", Label: "Landing page", Autocomplete: "off", Hint: "A path such as /courses, for links that do not say where to go."},
		SignInURL: Field{
			Name: "sign_in_url", Label: "The partner's sign-in page", Type: "url", Autocomplete: "off",
			Hint: "People who come here without a link are sent to this page to get one.",
		},
		RequireNonce: Field{
			Name: "require_nonce", Label: "Take only links that this browser has asked for", Type: "checkbox",
			Hint: "Needs the partner's sign-in page, and its code has to put the nonce into the token.",
		},
		ReturnOrigins: Field{
			Name: "return_origins", Label: "Return origins", Type: "textarea",
			Hint: "Other sites to which a link may lead, one origin in each line, such as https://app.partner.example.",
		},
		EmbedOrigins: Field{Name: "embed_origins", Label: "Embed origins", Type: "textarea", Hint: "Sites that may show this application in a frame, one origin in each line."},
		EmbedMaxAge: Field{
			Name: "embed_max_age", Label: "Max age of a token for embeds and API calls, in seconds", Type: "number",
			Hint: "3600 is an hour, at most 86400. Such a token is shown again and again and not used up. Empty or 0 means that only its exp ends it.",
		},
		ContentOrigins: Field{
			Name: "content_origins", Label: "Content origins", Type: "textarea",
			Hint: "Where the partner's embedded content may be fetched from, one origin in each line. Nothing else is fetched.",
		},
		JWKSURL: Field{
			Name: "jwks_url", Label: "JWKS URL", Type: "url", Autocomplete: "off",
			Hint: "Where the partner publishes its public keys, if it does. They are read there when this is saved, and again when they change. A new integration then gets no secret, unless one is typed below.",
		},
		AllowDisable: Field{
			Name: "allow_disable", Label: "The partner may disable its people", Type: "checkbox",
			Hint: "By a signed token with the event “disable”. Administrators alone enable them again. Signing its people out, by the event “logout”, is always allowed.",
		},
		SignInRate: Field{
			Name: "sign_in_rate", Label: "Links a second, on each server", Type: "number",
			Hint: "Those above it are told to come again (rate_limited), once ten seconds' worth has come at once. Empty or 0 means any number.",
		},
		LinkPolicy: Field{
			Name: "link_policy", Label: "When the e-mail belongs to a user already", Type: "radio",
			Options: []Option{
				{Value: "unclaimed", Label: "Join users whom no integration has brought", Hint: "Users of other integrations are refused (email_in_use)."},
				{Value: "trusted", Label: "Join users of other integrations too", Hint: "This partner can then sign in as any of them. Only for partners whom you trust with that."},
				{Value: "never", Label: "Never join by e-mail"},
			},
		},
		AutoCreate: Field{Name: "auto_create", Label: "Make an account for people who are new", Type: "checkbox", Hint: "Otherwise they are refused (user_unknown)."},
		SingleUse: Field{
			Name: "single_use", Label: "Every link is good once", Type: "checkbox",
			Hint: "Links with a jti are good once in any case; with this, those without one are too.",
		},
		UnknownGroups: Field{Name: "unknown_groups", Label: "Groups that do not exist here", Type: "radio", Options: []Option{
			{Value: "ignore", Label: "Leave them out", Hint: "They are listed on the integration's page, where they can be created."},
			{Value: "create", Label: "Create them"},
			{Value: "refuse", Label: "Refuse the link"},
		}},
		UnknownCredits: Field{Name: "unknown_credits", Label: "Credits that do not exist here", Type: "radio", Options: []Option{
			{Value: "park", Label: "Keep them until they do"},
			{Value: "ignore", Label: "Leave them out"},
			{Value: "refuse", Label: "Refuse the link"},
		}},
		GroupScope: Field{Name: "group_scope", Label: "The groups of a link replace", Type: "radio", Options: []Option{
			{Value: "all", Label: "What this partner has said before, and memberships given by hand", Hint: "Pinned memberships stay."},
			{Value: "owned", Label: "Only what this partner has said before"},
		}},
		MetaMode: Field{Name: "meta_mode", Label: "The meta data of a link is", Type: "radio", Options: []Option{
			{Value: "merge", Label: "Merged into what is kept"},
			{Value: "replace", Label: "Put in the place of what is kept"},
		}},
		SessionIdle:     Field{Name: "session_idle", Label: "A session ends when unused for, in seconds", Type: "number", Hint: "28800 is 8 hours. From 60."},
		SessionAbsolute: Field{Name: "session_absolute", Label: "A session ends in any case after, in seconds", Type: "number", Hint: "2592000 is 30 days. At most 7776000, which is 90 days."},
		DriftGuard: Field{
			Name: "drift_guard", Label: "Guard against drift", Type: "checkbox",
			Hint: "When links empty the groups of one person after another, further removals are held until an administrator has looked. When a claim stops coming, there is an alert.",
		},
		DriftThreshold: Field{
			Name: "drift_threshold", Label: "People whose groups may be emptied within an hour", Type: "number",
			Hint: "From 1 to 1000. For one person more, the guard holds.",
		},
	}
}

// All returns the fields for setting values and faults.
func (s *IntegrationSettings) All() []*Field {
	return slices.Concat([]*Field{&s.Name, &s.MaxAge, &s.Issuer, &s.LandingPage, &s.ReturnOrigins}, s.rarer())
}

func (s *IntegrationSettings) rarer() []*Field {
	return []*Field{
		&s.LinkPolicy, &s.AutoCreate, &s.UnknownGroups, &s.UnknownCredits, &s.GroupScope, &s.MetaMode, &s.Leeway,
		&s.SingleUse, &s.SignInURL, &s.RequireNonce, &s.EmbedOrigins, &s.EmbedMaxAge, &s.ContentOrigins, &s.SessionIdle, &s.SessionAbsolute,
		&s.DriftGuard, &s.DriftThreshold,
		&s.JWKSURL,
		&s.AllowDisable,
		&s.SignInRate,
	}
}

// Show opens what is folded away when there is a fault in it.
func (s *IntegrationSettings) Show() {
	s.Open = slices.ContainsFunc(s.rarer(), func(f *Field) bool { return f.Fault != "" })
}

// KeySettings are the fields of a new key.
type KeySettings struct {
	Secret, Algorithm, PublicKey Field
	Open                         bool // see IntegrationSettings
}

// NewKeySettings returns the fields without values.
func NewKeySettings() KeySettings {
	return KeySettings{
		Secret: Field{
			Name: "secret", Label: "Shared secret", Type: "password", Autocomplete: "off",
			Hint: "Leave it empty, and a strong one is made. A typed one has 32 to 1024 bytes; its characters themselves are the key.",
		},
		Algorithm: Field{Name: "algorithm", Label: "Algorithm of the secret", Type: "select", Options: []Option{
			{Value: "HS256", Label: "HS256"},
			{Value: "HS384", Label: "HS384"},
			{Value: "HS512", Label: "HS512"},
		}},
		PublicKey: Field{
			Name: "public_key", Label: "Public key, instead of a secret", Type: "textarea",
			Hint: "PEM (BEGIN PUBLIC KEY) or one JWK: RSA of 2048 to 8192 bits, P-256 or Ed25519. It decides the algorithm.",
		},
	}
}

// All returns the fields for setting values and faults.
func (s *KeySettings) All() []*Field { return []*Field{&s.Secret, &s.Algorithm, &s.PublicKey} }
