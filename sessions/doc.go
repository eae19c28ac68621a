// Package sessions issues, checks and ends sessions.
//
// A session lives in the store of package kv. The browser holds a cookie with
// 256 random bits; the store knows their SHA-256 only, so that its contents
// open nothing. Every sign-in makes a new cookie and never takes over one that
// a request brought.
//
//	Issue  ──► random cookie ──► Put under SHA-256(cookie) ──► is the user's epoch,
//	           the integration's generation still the one that the sign-in saw?
//	Check  ──► Get under SHA-256(cookie) ──► the record's own? generation? idle, absolute end?
//
// A session ends for every request that starts after the ending call has
// returned, on every instance, in one of these ways:
//
//	End, EndByID          the session is deleted
//	EndUser               the user's epoch is raised, all sessions of the user are deleted
//	EndOlder              sessions of earlier epochs are deleted: EndUser again, later
//	EndIntegration        the integration's generation is raised; Check compares it
//	idle, absolute end    Check compares our clock; the store's time to live follows
//
// Epochs and generations have their truth in the database. Raise them there,
// commit, and then call EndUser or EndIntegration with the new number.
package sessions
