package xapi

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	idPattern       = regexp.MustCompile(`^[0-9]{1,19}$`)
	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,15}$`)
)

// ids reads the required list of a lookup, at most 100 of them.
func (c *call) ids(name string, pattern *regexp.Regexp) []string {
	v := c.Query.Get(name)
	if v == "" {
		c.AddFault(name, c.Query[name], "The `%s` query parameter can not be empty", name)
		return nil
	}
	list := strings.Split(v, ",")
	if len(list) > 100 {
		c.AddFault(name, []string{v}, "The number of values in the `%s` query parameter list [%d] is not between 1 and 100", name, len(list))
		return nil
	}
	for _, id := range list {
		if !pattern.MatchString(id) {
			c.AddFault(name, []string{v}, "The `%s` query parameter value [%s] is not valid", name, id)
		}
	}
	return list
}

// id reads an optional id; 0 if absent.
func (c *call) id(name string) uint64 {
	v := c.Query.Get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || !idPattern.MatchString(v) {
		c.AddFault(name, []string{v}, "The `%s` query parameter value [%s] is not valid", name, v)
	}
	return n
}

// instant reads an optional time, of which X wants RFC 3339.
func (c *call) instant(name string) time.Time {
	v := c.Query.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		c.AddFault(name, []string{v}, "The `%s` query parameter value [%s] is not a valid RFC3339 date/time", name, v)
	}
	return t
}
