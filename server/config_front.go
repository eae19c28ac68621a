package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/handlers"
	"usher/provisioning"
)

func setUpstream(c *Config, value string) *wrong {
	const form = "Set UPSTREAM_URL=http://app:3000, say: scheme, host and port, and a path if the application has one."
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Opaque != "":
		return &wrong{"it is not a URL", form}
	case u.Scheme != "http" && u.Scheme != "https":
		return &wrong{"it begins neither with http:// nor with https://", form}
	case u.Hostname() == "":
		return &wrong{"it names no host", form}
	case u.User != nil:
		return &wrong{"it has a user name or password", form}
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(value, "#"):
		return &wrong{"it has a part after ? or #", form}
	case handlers.HasDotSegments(u.Path):
		return &wrong{"its path has . or .. in it", form}
	}
	c.Upstream = u
	return nil
}

func setUpstreamPublic(c *Config, value string) *wrong {
	var err error
	if c.UpstreamPublic, err = handlers.ParsePathPrefixes(value); err != nil {
		problem := err.Error()
		if quoted(value) == shownSecret { // which the error repeats
			problem = "it is not a list of paths that begin with /"
		}
		return &wrong{problem, "Set USHER_UPSTREAM_PUBLIC=/assets,/health, say, or / for everything."}
	}
	return nil
}

func setAdminHosts(c *Config, value string) *wrong {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		host, err := provisioning.CanonicalHost(item)
		if err != nil || strings.Contains(item[strings.LastIndexByte(item, ']')+1:], ":") {
			return &wrong{quoted(item) + " is not a host name", "Set names without a port, separated by commas, such as sso-admin.example.com."}
		}
		if !slices.Contains(c.AdminHosts, host) {
			c.AdminHosts = append(c.AdminHosts, host)
		}
	}
	return nil
}

// frontFaults are what is wrong with the settings of the application behind us
// when they are taken together.
func (c Config) frontFaults() []fault {
	public := c.PublicURL
	switch {
	case c.Upstream == nil && len(c.UpstreamPublic) > 0:
		return []fault{{"UPSTREAM_URL", "", wrong{
			"it is not set, and USHER_UPSTREAM_PUBLIC is", "Set it to where the application is, or unset the other.",
		}}}
	case slices.Contains(c.AdminHosts, public.Host()):
		return []fault{{"USHER_ADMIN_HOSTS", "", wrong{
			"it has the host of USHER_PUBLIC_URL", "Name hosts for the admin alone, such as sso-admin.example.com.",
		}}}
	case c.Upstream == nil || public == (provisioning.Origin{}):
		return nil
	case public.String() == c.Upstream.Scheme+"://"+c.Upstream.Host:
		return []fault{{"UPSTREAM_URL", strconv.Quote(c.Upstream.String()), wrong{
			"it is the address of Usher itself", "Set it to where the application is reached from here.",
		}}}
	case len(c.adminHosts(public)) == 0:
		return []fault{{"USHER_ADMIN_HOSTS", "", wrong{
			"it is not set, and UPSTREAM_URL puts the application's scripts where the admin's pages are, which they could use as whoever is signed in there",
			"Let a further host name lead to Usher, such as sso-admin.example.com, and set it to that.",
		}}}
	}
	return nil
}

// adminHosts are the hosts at which the admin's pages are; none = every host.
// On a developer's machine another name of it does while an application is on
// the first.
func (c Config) adminHosts(public provisioning.Origin) []string {
	switch {
	case len(c.AdminHosts) > 0 || c.Upstream == nil || !public.Loopback():
		return c.AdminHosts
	case public.Host() == "127.0.0.1":
		return []string{"localhost"}
	default:
		return []string{"127.0.0.1"}
	}
}
