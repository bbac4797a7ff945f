package xtest

import (
	"net/http"
	"strconv"
	"time"
)

const (
	quarter = 15 * time.Minute
	day     = 24 * time.Hour
)

// limitHeaders are the rate-limit headers of X, which sends no Retry-After.
var limitHeaders = []string{
	"x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset",
	"x-user-limit-24hour-limit", "x-user-limit-24hour-remaining", "x-user-limit-24hour-reset",
	"x-app-limit-24hour-limit", "x-app-limit-24hour-remaining", "x-app-limit-24hour-reset",
}

// apiWindow counts the calls of one user or app to one endpoint. It begins with its first call.
type apiWindow struct {
	until time.Time
	used  int
}

// take counts a call and returns how many are left after it, or -1 if the limit was spent before.
func (x *X) take(key string, limit int, length time.Duration, now time.Time) (left int, reset time.Time) {
	w := x.windows[key]
	if w == nil || !now.Before(w.until) {
		w = &apiWindow{until: now.Add(length)}
		x.windows[key] = w
	}
	if w.used >= limit {
		return -1, w.until
	}
	w.used++
	return limit - w.used, w.until
}

// countCall counts a call in its windows, sets the headers and reports whether one of them was spent before.
func (x *X) countCall(w http.ResponseWriter, c *Call) (spent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name, by := c.Endpoint.Name(), "app:"+c.who.app
	limit := c.Endpoint.AppLimit
	if c.who.user != nil {
		by, limit = "user:"+c.who.user.ID, c.Endpoint.UserLimit
	}
	if set, ok := x.rateLimits[name]; ok {
		limit = set
	}
	left, reset := x.take("15m "+by+" "+name, limit, quarter, c.Now)
	setLimit(w, "x-rate-limit-", limit, left, reset)
	spent = left < 0

	appDay := c.Endpoint.AppLimit
	if !c.Endpoint.Daily {
		appDay = c.Switches.DailyLimit
	}
	if c.Endpoint.Daily || c.Switches.DailyLimit > 0 {
		left, reset := x.take("24h app:"+c.who.app+" "+name, appDay, day, c.Now)
		spent = spent || left < 0
		if c.Switches.DailyLimit > 0 {
			setLimit(w, "x-app-limit-24hour-", appDay, left, reset)
		}
	}
	if c.Switches.DailyLimit > 0 && c.who.user != nil {
		left, reset := x.take("24h "+by+" "+name, c.Switches.DailyLimit, day, c.Now)
		spent = spent || left < 0
		setLimit(w, "x-user-limit-24hour-", c.Switches.DailyLimit, left, reset)
	}
	return spent
}

// untouchedWindow is for answers to unknown callers, which X cannot count.
func (c *Call) untouchedWindow(w http.ResponseWriter) {
	setLimit(w, "x-rate-limit-", c.Endpoint.UserLimit, c.Endpoint.UserLimit, c.Now.Add(quarter))
}

func setLimit(w http.ResponseWriter, prefix string, limit, left int, reset time.Time) {
	h := w.Header()
	h.Set(prefix+"limit", strconv.Itoa(limit))
	h.Set(prefix+"remaining", strconv.Itoa(max(left, 0)))
	h.Set(prefix+"reset", strconv.FormatInt(reset.Unix(), 10))
}

// SetRateLimit sets how many calls an endpoint answers in a window of 15 minutes, for each user, and for each app that
// uses an app-only token. The endpoint is written as X documents it, "GET /2/users/me" or "GET /2/users/:id/tweets".
// Windows that are open stay open, with what was used in them. A limit of 0 refuses every call; a negative one restores
// X's own limit. It panics when the simulator has no such endpoint. Goroutines may share it.
func (x *X) SetRateLimit(endpoint string, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.ext.Endpoints {
		if x.ext.Endpoints[i].Name() != endpoint {
			continue
		}
		x.rateLimits[endpoint] = limit
		if limit < 0 {
			delete(x.rateLimits, endpoint)
		}
		return
	}
	panic("xtest: SetRateLimit: no endpoint " + endpoint)
}
