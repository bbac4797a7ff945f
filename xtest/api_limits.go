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

// take counts a call and tells how many are left after it, -1 when it was one too many.
func (a *apiState) take(key string, limit int, length time.Duration, now time.Time) (left int, reset time.Time) {
	w := a.windows[key]
	if w == nil || !now.Before(w.until) {
		if a.windows == nil {
			a.windows = map[string]*apiWindow{}
		}
		w = &apiWindow{until: now.Add(length)}
		a.windows[key] = w
	}
	if w.used >= limit {
		return -1, w.until
	}
	w.used++
	return limit - w.used, w.until
}

// countCall counts a call in its windows, sets the headers and tells whether one of them was spent before it.
func (x *X) countCall(w http.ResponseWriter, c *call) (spent bool) {
	name, by := c.end.name(), "app:"+c.who.app
	limit := c.end.appLimit
	if c.who.user != nil {
		by, limit = "user:"+c.who.user.ID, c.end.userLimit
	}
	if set, ok := x.api.limits[name]; ok {
		limit = set
	}
	left, reset := x.api.take("15m "+by+" "+name, limit, quarter, c.now)
	setLimit(w, "x-rate-limit-", limit, left, reset)
	spent = left < 0

	appDay := c.end.appLimit
	if !c.end.daily {
		appDay = c.sw.DailyLimit
	}
	if c.end.daily || c.sw.DailyLimit > 0 {
		left, reset := x.api.take("24h app:"+c.who.app+" "+name, appDay, day, c.now)
		spent = spent || left < 0
		if c.sw.DailyLimit > 0 {
			setLimit(w, "x-app-limit-24hour-", appDay, left, reset)
		}
	}
	if c.sw.DailyLimit > 0 && c.who.user != nil {
		left, reset := x.api.take("24h "+by+" "+name, c.sw.DailyLimit, day, c.now)
		spent = spent || left < 0
		setLimit(w, "x-user-limit-24hour-", c.sw.DailyLimit, left, reset)
	}
	return spent
}

// untouchedWindow is for answers to callers that X does not know, whom it cannot count.
func (c *call) untouchedWindow(w http.ResponseWriter) {
	setLimit(w, "x-rate-limit-", c.end.userLimit, c.end.userLimit, c.now.Add(quarter))
}

func setLimit(w http.ResponseWriter, prefix string, limit, left int, reset time.Time) {
	h := w.Header()
	h.Set(prefix+"limit", strconv.Itoa(limit))
	h.Set(prefix+"remaining", strconv.Itoa(max(left, 0)))
	h.Set(prefix+"reset", strconv.FormatInt(reset.Unix(), 10))
}
