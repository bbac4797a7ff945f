package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/event"
)

func TestCountersAtDebugAddr(t *testing.T) {
	t.Parallel()
	app := launch(t, t.TempDir(), "DATABASE_URL=memory:", "DEBUG_ADDR=127.0.0.1:0")
	_, debug, _ := strings.Cut(app.said, ", counters at ")
	debug, _, _ = strings.Cut(debug, ",")
	b := newBrowser(t, app.at)
	b.signIn("OAuth 2.0")
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(strings.TrimSuffix(debug, "/debug/vars") + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	_, body := get("/debug/vars")
	var vars struct {
		Events     map[string]int
		Goroutines int
		Memstats   runtime.MemStats
	}
	if err := json.Unmarshal([]byte(body), &vars); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if vars.Events["sign_in_begun"] != 1 || vars.Events["sign_in_done"] != 1 || vars.Goroutines == 0 || vars.Memstats.HeapAlloc == 0 {
		t.Errorf("%v, %d goroutines, %d bytes", vars.Events, vars.Goroutines, vars.Memstats.HeapAlloc)
	}
	for _, profile := range []string{"goroutine", "heap"} {
		if status, body := get("/debug/pprof/" + profile + "?debug=1"); status != http.StatusOK || !strings.Contains(body, profile+" profile") {
			t.Errorf("%s: status %d, %.200s", profile, status, body)
		}
	}
	// Visitors cannot reach it.
	b.get("/debug/vars").want(http.StatusNotFound)
}

func TestCountersAreForThisMachine(t *testing.T) {
	c := newCounters()
	c.tell(context.Background(), event.Event{Kind: event.SignInFailed, Cause: "denied"})
	for host, want := range map[string]int{
		"127.0.0.1:6060": http.StatusOK, "localhost:6060": http.StatusOK, "[::1]:6060": http.StatusOK,
		"rebound.example:6060": http.StatusMisdirectedRequest, "127.0.0.1.example:6060": http.StatusMisdirectedRequest, "": http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequest(http.MethodGet, "/debug/vars", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		c.debug().ServeHTTP(w, r)
		if told := strings.Contains(w.Body.String(), `"sign_in_failed: denied": 1`); w.Code != want || told != (want == http.StatusOK) {
			t.Errorf("%q: status %d, want %d: %.100s", host, w.Code, want, w.Body)
		}
	}
}
