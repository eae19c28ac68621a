// Package admins knows who administers Usher, and what they may do: accounts
// with passwords and passkeys, their sessions, and API keys for automation.
//
// It has nothing to do with the people whom partners send: no partner's token
// ever makes an actor of this package.
package admins
