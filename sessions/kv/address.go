package kv

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Bounds of every call: a slow Redis is a fault to be told, not to be waited
// for.
const (
	dialTimeout = time.Second
	ioTimeout   = 500 * time.Millisecond
	poolTimeout = time.Second
	connections = 32      // per server
	bufferSize  = 8 << 10 // bytes; a sign-in sends and receives about 1 KiB
)

// parseURL reads the address of a Redis; see [OpenRedis] for the forms. Its
// errors never repeat the URL, which may hold a password.
func parseURL(raw string) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, errors.New("kv: the Redis URL has no scheme: want redis://host:6379/0")
	}
	rest, rawQuery, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, errors.New("kv: the query of the Redis URL is malformed")
	}
	opts := &redis.UniversalOptions{
		ContextTimeoutEnabled: true,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           ioTimeout,
		WriteTimeout:          ioTimeout,
		PoolTimeout:           poolTimeout,
		MaxRetries:            -1, // Redis decides itself what may be repeated
		PoolSize:              connections,
		PipelinePoolSize:      -1, // every call is a pipeline: one pool, one bound
		ReadBufferSize:        bufferSize,
		WriteBufferSize:       bufferSize,
		Protocol:              2, // no push messages between the replies
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	}

	credentials, rest, ok := cutLast(rest, "@")
	if ok {
		user, password, _ := strings.Cut(credentials, ":")
		if opts.Username, err = url.PathUnescape(user); err == nil {
			opts.Password, err = url.PathUnescape(password)
		}
		if err != nil {
			return nil, errors.New("kv: user name or password of the Redis URL is not percent-encoded")
		}
	} else {
		rest = credentials
	}

	hosts, path, _ := strings.Cut(rest, "/")
	database := path
	switch scheme {
	case "rediss":
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	case "redis":
	case "unix":
		if hosts != "" || path == "" {
			return nil, errors.New("kv: a Redis URL of a socket has the form unix:///path?db=0")
		}
		opts.Addrs = []string{"/" + path}
		database = query.Get("db")
		query.Del("db")
	default:
		return nil, errors.New("kv: the scheme of the Redis URL is none of redis, rediss, unix")
	}

	if scheme != "unix" {
		opts.MasterName = query.Get("master")
		opts.SentinelUsername = query.Get("sentinel_username")
		opts.SentinelPassword = query.Get("sentinel_password")
		opts.IsClusterMode = query.Get("cluster") == "true"
		port := "6379"
		if opts.MasterName != "" {
			port = "26379"
		}
		for host := range strings.SplitSeq(hosts, ",") {
			address, err := address(host, port)
			if err != nil {
				return nil, err
			}
			opts.Addrs = append(opts.Addrs, address)
		}
		for _, name := range []string{"master", "sentinel_username", "sentinel_password", "cluster"} {
			query.Del(name)
		}
	}
	if len(query) > 0 {
		return nil, errors.New("kv: the Redis URL has a parameter that is not known")
	}

	if database != "" {
		if opts.DB, err = strconv.Atoi(database); err != nil || opts.DB < 0 {
			return nil, errors.New("kv: the database of the Redis URL is not a number")
		}
	}
	cluster := opts.IsClusterMode || opts.MasterName == "" && len(opts.Addrs) > 1
	if cluster && opts.MasterName != "" {
		return nil, errors.New("kv: the Redis URL names a Sentinel master and a Cluster; it can be one only")
	}
	if cluster && opts.DB != 0 {
		return nil, errors.New("kv: a Redis Cluster has database 0 only")
	}
	return opts, nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// address completes host, host:port, [v6] and [v6]:port.
func address(hostport, defaultPort string) (string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]"), defaultPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if host == "" || err != nil || number == 0 || strings.ContainsAny(host, "[]/ ") ||
		strings.Contains(host, ":") && !strings.HasPrefix(hostport, "[") {
		return "", errors.New("kv: an address of the Redis URL is not of the form host:port")
	}
	return net.JoinHostPort(host, port), nil
}
