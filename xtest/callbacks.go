package xtest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const maxCallbacks = 10

// blockedSchemes are those that X names as not allowed for callbacks, as far as the sources list them.
var blockedSchemes = []string{"javascript", "data", "file", "ftp", "mailto", "telnet", "vbscript"}

// SetCallbacks replaces the registered callback URLs. It panics as [New] does. No URL at all makes this an app without
// callbacks, which X takes for a desktop app.
func (x *X) SetCallbacks(urls ...string) {
	checkCallbacks(urls)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cfg.Callbacks = append([]string{}, urls...)
}

func checkCallbacks(urls []string) {
	if len(urls) > maxCallbacks {
		panic(fmt.Sprintf("xtest: %d callback URLs; X allows %d", len(urls), maxCallbacks))
	}
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || !u.IsAbs() {
			panic(fmt.Sprintf("xtest: callback %q is not an absolute URL", s))
		}
		if slices.Contains(blockedSchemes, strings.ToLower(u.Scheme)) {
			panic(fmt.Sprintf("xtest: callback %q has a scheme that X blocks", s))
		}
	}
}

// registered compares as X does: the whole string. Without its query when query is false, which is how X compares for
// OAuth 1.0a, where applications hang their own parameters on the callback. mu is held.
func (x *X) registered(callback string, query bool) bool {
	if query {
		return slices.Contains(x.cfg.Callbacks, callback)
	}
	bare := func(s string) string { s, _, _ = strings.Cut(s, "?"); return s }
	return slices.ContainsFunc(x.cfg.Callbacks, func(s string) bool { return bare(s) == bare(callback) })
}

// withQuery hangs parameters on a callback and keeps the query that it has. X percent-encodes; a plus for a space
// would be read wrongly by those who do not take the query for a form.
func withQuery(callback string, pairs ...string) string {
	callback, fragment, hasFragment := strings.Cut(callback, "#")
	var b strings.Builder
	b.WriteString(callback)
	sep := byte('?')
	if strings.Contains(callback, "?") {
		sep = '&'
	}
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(sep)
		b.WriteString(percentEncode(pairs[i]) + "=" + percentEncode(pairs[i+1]))
		sep = '&'
	}
	if hasFragment {
		b.WriteString("#" + fragment)
	}
	return b.String()
}
