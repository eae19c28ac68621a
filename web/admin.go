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
	pages := []Page{
		Overview{},
		Doctor{
			Specimen: Field{Name: "specimen", Type: "textarea"}, At: Field{Name: "at"}, Reference: Field{Name: "reference"},
			Result: &Examined{},
		},
		Builder{Signed: &TestLink{}},
		APIReference{},
		Users{},
		User{},
		UserInGroup{},
		UserAct{},
		MergeUsers{Merging: &Merging{Seen: "1.1"}},
		AdminSignIn{Email: Field{Name: "email"}, Password: Field{Name: "password"}},
		AdminEnrol{},
		AdminDeadLink{},
		AdminLink{},
		AdminPasskeyStep{},
		AdminAccounts{},
		AdminAccountPage{},
		AdminRemoval{},
		AdminSelf{Name: Field{Name: "name"}},
		AdminAPIKeys{},
		AdminNewAPIKey{},
		SignIns{},
		SignInEntry{},
		AdminJobs{Jobs: []AdminJobRow{{}}},
		AdminJob{},
		AdminImport{Rows: Field{Name: "rows", Type: "textarea"}},
		AdminUndo{First: []UndonePerson{{Lines: []UndoneLine{{}}}}, Able: true},
		AdminAlerts{Alerts: []AdminAlertRow{{}}},
		AdminAlert{GroupsEmptied: true, Decide: "/", Release: Field{Name: "until"}},
	}
	return slices.Concat(pages, integrationPages(), catalogPages(), settingsPages())
}
