package web

import "slices"

// Frame is what surrounds the content of an admin's page.
type Frame struct {
	Title  string // of the page
	Tenant string // whose space this is
	Actor  string // who is signed in
	Role   string // "owner", "admin", "viewer"; "" = not shown
	Nav    []NavItem
	Notice string // what has just been done; "" = nothing
}

// NavItem is an entry of the navigation.
type NavItem struct {
	Label, Path string
	Current     bool
}

// adminPages lists the empty form of each page for administrators.
func adminPages() []Page {
	log := []Page{
		SignIns{},
		SignInEntry{},
		Doctor{
			Specimen: Field{Name: "specimen", Type: "textarea"}, At: Field{Name: "at"}, Reference: Field{Name: "reference"},
			Result: &Examined{},
		},
		Builder{Signed: &TestLink{}},
	}
	users := []Page{Users{}, User{}, UserInGroup{}, UserAct{}, MergeUsers{Merging: &Merging{Seen: "1.1"}}}
	work := []Page{
		AdminImport{Rows: Field{Name: "rows", Type: "textarea"}},
		AdminUndo{First: []UndonePerson{{Lines: []UndoneLine{{}}}}, Able: true},
		AdminAlerts{Alerts: []AdminAlertRow{{}}},
		AdminAlert{GroupsEmptied: true, Decide: "/", Release: Field{Name: "until"}},
		AdminJobs{Jobs: []AdminJobRow{{}}},
		AdminJob{},
	}
	accounts := []Page{
		AdminAccounts{},
		AdminAccountPage{},
		AdminLink{},
		AdminAPIKeys{},
		AdminAPIKeyPage{},
		AdminNewAPIKey{},
		AdminRemoval{},
		AdminSelf{Name: Field{Name: "name"}},
		AdminPasskeyStep{},
		AdminSignIn{Email: Field{Name: "email"}, Password: Field{Name: "password"}},
		AdminEnrol{},
		AdminDeadLink{},
	}
	return slices.Concat(
		[]Page{Overview{}}, integrationPages(), log, users, catalogPages(), resourcePages(),
		clientPages(), organizationPages(), tokenPages(), identityPages(), webhookPages(), work, settingsPages(), accounts, []Page{APIReference{}},
	)
}
