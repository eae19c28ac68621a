// Package handlers is HTTP in and HTTP out: it reads requests, calls the
// packages that decide, and writes what they said.
//
//	request → NewEngine's middleware → Wrap(Handler) → answer
//	                                        │ error
//	                                        └→ HTTP.answer → outcomes → page or problem
//
// A handler returns an error instead of writing a refusal. One adapter looks
// it up in the one table, logs it once under the request's id, and shows the
// person that id as the reference, and never more than the table says.
package handlers
