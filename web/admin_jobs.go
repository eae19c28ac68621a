package web

import "time"

// AdminJobs is the list of long work.
type AdminJobs struct {
	Frame
	Jobs   []AdminJobRow
	Pager  Pager
	Export bool // an export may be started
	Import bool // groups and credits may be imported
	Undo   bool // changes may be undone
}

func (AdminJobs) template() string { return "admin/jobs" }

// AdminJobRow is a job in a list.
type AdminJobRow struct {
	What, Path string
	State      Pill
	Done       int64
	Total      int64  // 0 = not known
	Unit       string // what they count
	By         string // who started it
	CreatedAt  time.Time
}

// AdminJob is a job with its progress.
type AdminJob struct {
	Frame
	AdminJobRow
	ID         string
	Live       bool // it is not over: the page is loaded again by itself
	Left       time.Duration
	Reference  string
	StartedAt  *time.Time
	FinishedAt *time.Time
	Fault      string   // why it failed
	Results    []string // what has come of it so far, in sentences
	Cancel     string   // where the form goes; "" = it cannot be
	Download   string   // where the form goes; "" = there is nothing
	ExpiresAt  *time.Time
}

func (AdminJob) template() string { return "admin/job" }

// AdminImport is the form that takes groups and credits.
type AdminImport struct {
	Frame
	Rows   Field
	Faults []string
	Most   int // KiB
}

func (AdminImport) template() string { return "admin/import" }

// AdminUndo says what an undoing would do, and asks. Without People there is
// only the form that finds something to undo.
type AdminUndo struct {
	Frame
	Find []UndoForm

	What    string // what would be undone
	People  int64
	Entries int64
	First   []UndonePerson
	More    bool // there are more people than First
	Hidden  []Field
	Submit  string
	Confirm Confirm
	Able    bool // something of it can be undone, and the actor may
	Fault   string
	Back    string
}

func (AdminUndo) template() string { return "admin/undo" }

// UndoForm is a form that finds something to undo.
type UndoForm struct {
	Title  string
	Fields []Field
}

// UndonePerson is what becomes of one person's changes.
type UndonePerson struct {
	Email, Path string
	Lines       []UndoneLine
}

// UndoneLine is what becomes of one change.
type UndoneLine struct {
	At    time.Time
	Text  string
	Class string // pass = undone, warn = in part, skip = left
	Word  string // the class in a word, for readers
	Why   string
}

// AdminAlerts lists what the drift guard has seen.
type AdminAlerts struct {
	Frame
	Alerts []AdminAlertRow
}

func (AdminAlerts) template() string { return "admin/alerts" }

// AdminAlertRow is an alert in the list.
type AdminAlertRow struct {
	Path        string
	Integration string
	Text        string // one sentence
	State       Pill
	OpenedAt    time.Time
}

// AdminAlert is an alert with what can be decided about it.
type AdminAlert struct {
	Frame
	AdminAlertRow
	IntegrationPath string
	Explanation     []string
	Emptied, Held   int64
	ReleasedUntil   *time.Time
	UndoPath        string // to take back what was let through; "" = nothing was
	Decide          string // where the forms go; "" = the actor may not
	GroupsEmptied   bool
	Release         Field
	Confirm         Confirm
	Dismissed       bool
	Fault           string
}

func (AdminAlert) template() string { return "admin/alert" }
