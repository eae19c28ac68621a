package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// cache is the Redis that REDIS_URL names.
type cache struct {
	url *url.URL
}

func openCache(address string) (*cache, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" || u.Hostname() == "" || u.Port() == "" {
		return nil, errors.New("REDIS_URL: want redis://user:password@host:port/0; the simplest is to run: make bench")
	}
	return &cache{url: u}, nil
}

// dsn is the URL, by way of a proxy when one is given.
func (c *cache) dsn(proxy string) string {
	u := *c.url
	if proxy != "" {
		u.Host = proxy
	}
	return u.String()
}

// server asks the server for its process id and version.
func (c *cache) server() (pid int, version string, err error) {
	found, err := c.info("process_id", "redis_version")
	if err != nil {
		return 0, "", err
	}
	if pid, err = strconv.Atoi(found[0]); err != nil {
		return 0, "", fmt.Errorf("redis does not say its process id: %w", err)
	}
	return pid, found[1], nil
}

// used is how many bytes its data take (used_memory).
func (c *cache) used() (float64, error) {
	found, err := c.info("used_memory")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(found[0], 64)
}

// info asks for fields by INFO.
func (c *cache) info(names ...string) (values []string, err error) {
	conn, err := net.DialTimeout("tcp", c.url.Host, exchangeLimit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return nil, err
	}
	if secret, ok := c.url.User.Password(); ok {
		user := c.url.User.Username()
		if user == "" {
			user = "default"
		}
		fmt.Fprintf(conn, "AUTH %s %s\r\n", user, secret)
	}
	fmt.Fprint(conn, "INFO\r\nQUIT\r\n")
	found := make(map[string]string)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			found[name] = value
		}
	}
	for _, name := range names {
		value, ok := found[name]
		if !ok {
			return nil, errors.Join(fmt.Errorf("redis does not say its %s", name), lines.Err())
		}
		values = append(values, value)
	}
	return values, nil
}
