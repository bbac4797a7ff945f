package client

import (
	"net/http"
	"strconv"
	"time"
)

// Limit is a rate limit as an answer of X's API states it: Remaining more calls
// of Limit to this endpoint until Reset.
type Limit struct {
	Limit     int
	Remaining int
	Reset     time.Time
}

// RateLimit reads the x-rate-limit-limit, -remaining and -reset headers, which X
// sends with every answer of its API and not only with 429. It reports false when
// one of them is missing or no number; resp may be nil. The limits that X puts on
// 24 hours are in other headers and not read.
func RateLimit(resp *http.Response) (Limit, bool) {
	if resp == nil {
		return Limit{}, false
	}
	number := func(name string) (int64, bool) {
		n, err := strconv.ParseInt(resp.Header.Get("X-Rate-Limit-"+name), 10, 64)
		return n, err == nil && n >= 0
	}
	limit, ok1 := number("Limit")
	remaining, ok2 := number("Remaining")
	reset, ok3 := number("Reset")
	if !ok1 || !ok2 || !ok3 {
		return Limit{}, false
	}
	return Limit{Limit: int(limit), Remaining: int(remaining), Reset: time.Unix(reset, 0)}, true
}
