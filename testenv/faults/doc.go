// Package faults breaks what Usher rests on and looks at what it does then.
// Its tests run the real program, built once, on a Postgres and a Redis of
// their own, with a [proxy] in between that delays, cuts, garbles and swallows:
//
//	people ──HTTP──▶ usher ──proxy──▶ Postgres
//	                   └────proxy──▶ Redis
//
// Each row of the tables says which fault there is, which answers may come while
// it lasts and how soon, and how soon everything works again without a restart.
// The people keep a [ledger] of every token that they were given and of what was
// answered; after each row the whole database is read and held against it and
// against the invariants (see scan).
//
//	go test ./testenv/faults          the short form, under two minutes
//	go test ./testenv/faults -long    more of everything, and the rows that take long
//
// With -long the version before (-before, a commit) is built and runs beside this
// one, and so is a program whose clock can be stepped.
//
// Without Postgres and Redis in the environment (see testenv) the rows of the
// embedded store run alone.
package faults
