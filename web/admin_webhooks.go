package web

import "time"

// webhookPages are the pages about who is told of changes.
func webhookPages() []Page {
	return []Page{
		Webhooks{Webhooks: []WebhookRow{{}}},
		NewWebhook{},
		WebhookPage{Write: true, Secrets: []WebhookSecretRow{{}}, Deliveries: []DeliveryRow{{}}},
		DeliveryPage{Write: true, Attempts: []AttemptRow{{}}},
	}
}

// Webhooks lists the endpoints that are told of changes.
type Webhooks struct {
	Frame
	Write    bool // may the actor change them
	Webhooks []WebhookRow
}

func (Webhooks) template() string { return "admin/webhooks" }

// WebhookRow is an endpoint in a list.
type WebhookRow struct {
	Path, Origin, Description string
	State                     Pill
	Types                     []string
	CreatedAt                 time.Time
}

// NewWebhook is the form of an endpoint to be made.
type NewWebhook struct {
	Frame
	Fields []Field
	Once   string
}

func (NewWebhook) template() string { return "admin/webhook_new" }

// WebhookPage is one endpoint, and what was sent to it.
type WebhookPage struct {
	Frame
	Write        bool
	Path         string
	Description  string
	State        Pill
	Disabled     bool
	Trouble      string // why it is disabled, or that it fails; "" = neither
	URL          string // "" = not for this actor
	Types        []string
	CreatedAt    time.Time
	UpdatedAt    time.Time
	FailingSince *time.Time
	Revision     int64
	Fault        string
	Fields       []Field
	Secrets      []WebhookSecretRow
	Roll         Field
	Once         string
	Since        Field // of what is sent again
	States       []NavItem
	Deliveries   []DeliveryRow
	Pager        Pager
}

func (WebhookPage) template() string { return "admin/webhook" }

// WebhookSecretRow is what an endpoint's deliveries are signed with.
type WebhookSecretRow struct {
	CreatedAt time.Time
	ExpiresAt *time.Time // nil = never
}

// DeliveryRow is an event on its way to an endpoint.
type DeliveryRow struct {
	Path, Event, Type string
	State             Pill
	Attempts          int64
	CreatedAt         time.Time
	NextAt            *time.Time // of one that waits
}

// DeliveryPage is one delivery with its attempts.
type DeliveryPage struct {
	Frame
	Write    bool
	Disabled bool // the endpoint is: nothing can be sent again
	Back     string
	Origin   string
	Fault    string
	DeliveryRow
	FinishedAt *time.Time
	Payload    string
	Attempts   []AttemptRow
}

func (DeliveryPage) template() string { return "admin/webhook_delivery" }

// AttemptRow is one request that carried, or should have carried, an event.
type AttemptRow struct {
	At           time.Time
	Milliseconds int64
	Status       int    // 0 = there was no answer
	Fault        string // what went wrong, in words; "" = delivered
	Answer       string // how the answer began
}
