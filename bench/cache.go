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

// server asks the server for its process id and version (INFO).
func (c *cache) server() (pid int, version string, err error) {
	conn, err := net.DialTimeout("tcp", c.url.Host, exchangeLimit)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return 0, "", err
	}
	if secret, ok := c.url.User.Password(); ok {
		user := c.url.User.Username()
		if user == "" {
			user = "default"
		}
		fmt.Fprintf(conn, "AUTH %s %s\r\n", user, secret)
	}
	fmt.Fprint(conn, "INFO server\r\nQUIT\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "process_id":
			pid, err = strconv.Atoi(value)
		case "redis_version":
			version = value
		}
	}
	if pid == 0 || err != nil {
		return 0, "", errors.Join(errors.New("redis does not say its process id"), err, lines.Err())
	}
	return pid, version, nil
}
