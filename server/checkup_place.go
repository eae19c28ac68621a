package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"usher/provisioning"
)

// lookAtPublicURL judges the address by itself: nothing is asked of a name
// server or of anybody else.
func lookAtPublicURL(_ context.Context, p *patient) result {
	host := p.origin.Host()
	_, ip := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case p.cfg.PublicURL == (provisioning.Origin{}):
		return one(sound, p.origin.String()+", for this machine alone, as USHER_PUBLIC_URL is not set", "")
	case p.origin.Loopback() && p.cfg.Env == Production:
		return one(doubtful, p.origin.String()+" is this machine alone, in production", "Set USHER_PUBLIC_URL to the https address that browsers use.")
	case p.origin.Loopback():
		return one(sound, p.origin.String()+", for this machine alone", "")
	case ip == nil:
		return one(doubtful, p.origin.String()+" has an address in place of a name: passkeys need a name, and so do most certificates",
			"Let a name lead here, and set USHER_PUBLIC_URL to it.")
	case !strings.Contains(host, ".") || isReserved(host):
		return one(doubtful, p.origin.String()+" has a name that the public internet does not know", "Ignore this in a network of your own; otherwise set USHER_PUBLIC_URL to the address that browsers use.")
	}
	return one(sound, p.origin.String()+": https, so that browsers take the __Host- cookies", "")
}

// isReserved reports whether a host is under a name that nobody can own (RFC
// 2606, RFC 6761, RFC 6762).
func isReserved(host string) bool {
	for _, name := range []string{"example.com", "example.net", "example.org", "example", "test", "invalid", "local", "internal"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}

// Networks wider than these are no list of proxies.
const (
	widestIPv4 = 8
	widestIPv6 = 16
)

func lookAtProxies(_ context.Context, p *patient) result {
	var wide []string
	for _, prefix := range p.cfg.TrustedProxies {
		if prefix.Addr().Is4() && prefix.Bits() < widestIPv4 || prefix.Addr().Is6() && prefix.Bits() < widestIPv6 {
			wide = append(wide, prefix.String())
		}
	}
	switch {
	case len(wide) > 0:
		return one(failing, "USHER_TRUSTED_PROXIES has "+strings.Join(wide, ", ")+": almost anybody can say which client, host and scheme a request has",
			"List the addresses of your proxies alone.")
	case len(p.cfg.TrustedProxies) > 0:
		return one(sound, counted(len(p.cfg.TrustedProxies), "network of proxies is", "networks of proxies are")+" believed", "")
	case p.origin.Scheme() == "https":
		return one(doubtful, "the public URL is https, which a proxy in front has to end, and none is trusted: every client has the proxy's address in the logs and limits",
			"Set USHER_TRUSTED_PROXIES to the address of the proxy.")
	}
	return one(sound, "none is in front, and none is believed", "")
}

// Free room below which a disk is a worry, and a fault.
const (
	littleRoom = 1 << 30
	noRoom     = 100 << 20
)

func lookAtFolder(_ context.Context, p *patient) result {
	if p.cfg.DatabaseURL != "" && p.cfg.MasterKey != "" {
		return one(sound, "not needed: database and master key are elsewhere", "")
	}
	folder := p.cfg.DataDir
	info, err := os.Stat(folder)
	switch {
	case os.IsNotExist(err) && !writable(nearestFolder(folder)):
		return one(failing, fmt.Sprintf("%s is not there, and this user cannot make it in %s", folder, nearestFolder(folder)),
			"Make the folder and let the user that runs Usher own it, or set USHER_DATA_DIR; run the doctor as that user.")
	case os.IsNotExist(err):
		return one(sound, folder+" is not there yet: the first start makes it", "")
	case err != nil:
		return one(failing, err.Error(), "Let the user that runs Usher own the folder.")
	case !info.IsDir():
		return one(failing, folder+" is not a folder", "Set USHER_DATA_DIR to a folder.")
	case !writable(folder):
		return one(failing, folder+" cannot be written by this user", "Let the user that runs Usher own the folder; run the doctor as that user.")
	}
	var r result
	if open := info.Mode().Perm() & 0o077; open != 0 {
		r.add(doubtful, fmt.Sprintf("%s is open to other users of the machine (mode %#o)", folder, info.Mode().Perm()), "chmod 700 "+folder)
		if open&0o011 != 0 {
			r.findings = append(r.findings, openFiles(folder)...)
		}
	}
	switch free, known := freeBytes(folder); {
	case !known:
	case free < noRoom:
		r.add(failing, fmt.Sprintf("%s has %s left on its disk", folder, room(free)), "Make room, or move the folder to a larger disk while Usher is stopped.")
	case free < littleRoom:
		r.add(doubtful, fmt.Sprintf("%s has %s left on its disk", folder, room(free)), "Make room: the database cannot be written on a full disk.")
	case len(r.findings) == 0:
		r.add(sound, fmt.Sprintf("%s can be written, by its owner alone, with %s free", folder, room(free)), "")
	}
	if len(r.findings) == 0 {
		r.add(sound, folder+" can be written, by its owner alone", "")
	}
	return r
}

// nearestFolder is what is there of the folders above one that is not.
func nearestFolder(folder string) string {
	for {
		above := filepath.Dir(folder)
		if above == folder || exists(above) {
			return above
		}
		folder = above
	}
}

// openFiles finds the files that other users can read in a folder that they can
// enter.
func openFiles(folder string) (found []finding) {
	for _, name := range []string{masterKeyFile, databaseFile} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o044 != 0 {
			found = append(found, finding{
				Verdict: failing, Found: fmt.Sprintf("%s can be read by other users of the machine (mode %#o)", path, info.Mode().Perm()),
				Fix: "chmod 600 " + path,
			})
		}
	}
	return found
}

// room writes a size as people say it.
func room(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	default:
		return fmt.Sprintf("%d MiB", n>>20)
	}
}
