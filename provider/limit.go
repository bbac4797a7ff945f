package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest limit that is believed. X's are 15 minutes and 24 hours.
const maxWait = 60 * 24 * time.Hour

// retryAt reads when a limit ends: X's reset times, in Unix seconds, or RFC 9110's
// Retry-After, which X is not known to send but servers in front of it are. It is the
// zero time where none says.
func retryAt(h http.Header, now time.Time) time.Time {
	at := unixSeconds(h.Get("X-Rate-Limit-Reset"), now)
	// Where a daily cap applies and is used up, the window's reset alone would come too
	// early.
	for _, day := range []string{"X-App-Limit-24hour", "X-User-Limit-24hour"} {
		if strings.TrimSpace(h.Get(day+"-Remaining")) != "0" {
			continue
		}
		if reset := unixSeconds(h.Get(day+"-Reset"), now); reset.After(at) {
			at = reset
		}
	}
	if at.IsZero() {
		at = retryAfter(h.Get("Retry-After"), now)
	}
	if at.IsZero() {
		// GitHub spells it so, in every answer; Retry-After is its other limit's.
		at = unixSeconds(h.Get("X-Ratelimit-Reset"), now)
	}
	return at
}

func unixSeconds(s string, now time.Time) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return believed(time.Unix(n, 0), now)
}

func retryAfter(s string, now time.Time) time.Time {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		if n < 0 {
			return time.Time{}
		}
		return believed(now.Add(time.Duration(n)*time.Second), now)
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return believed(t, now)
}

func believed(t, now time.Time) time.Time {
	if t.Sub(now) > maxWait || now.Sub(t) > maxWait {
		return time.Time{}
	}
	return t.UTC()
}
