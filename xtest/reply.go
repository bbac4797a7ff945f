package xtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	typeJSON    = "application/json; charset=utf-8"
	typeProblem = "application/problem+json"
	typeXML     = "application/xml; charset=utf-8"
	typeText    = "text/plain; charset=utf-8"
	typeHTML    = "text/html; charset=utf-8"
	// typeForm is what X puts above its form-encoded answers.
	typeForm = typeHTML
)

// Reply is a whole answer. It is made while a lock may be held, and written without one: a slow reader must not stop
// other requests.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte

	// Reason says what was wrong with the request and what to send. It is for the log and the simulator's pages; X
	// does not tell.
	Reason string

	said     string // what the log says in place of Body
	noLimits bool   // X was not recorded to send rate-limit headers with this one
}

func newReply(status int, contentType, body string) *Reply {
	return &Reply{Status: status, ContentType: contentType, Body: []byte(body)}
}

// because sets the reason.
func (rep *Reply) because(format string, args ...any) *Reply {
	rep.Reason = fmt.Sprintf(format, args...)
	return rep
}

// finish writes an answer, logs it if it refuses, and notes it in the record. No lock is held.
func (x *X) finish(w http.ResponseWriter, r *http.Request, rep *Reply) {
	x.changed(r)
	if rep.Status >= http.StatusBadRequest {
		x.note(r, rep.Status, cmp.Or(rep.said, string(rep.Body)), cmp.Or(rep.Reason, reasonFor(rep.Body)))
	}
	h := w.Header()
	if rep.ContentType != "" {
		h.Set("Content-Type", rep.ContentType)
	}
	if rep.Status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(rep.Body)))
	}
	w.WriteHeader(rep.Status)
	_, _ = w.Write(rep.Body)
}

// changed saves the state after a request that may have changed it: any but those of the API.
func (x *X) changed(r *http.Request) {
	if !isAPI(r.URL.Path) || strings.HasPrefix(r.URL.Path, "/1.1/oauth/") {
		x.saveState()
	}
}

// note logs and records that a request was refused, and why.
func (x *X) note(r *http.Request, status int, said, reason string) {
	x.record.note(r, said, reason)
	x.cfg.Logger.Info("xtest: refused: "+reason, "request", r.Method+" "+r.URL.Path, "status", status, "answer", said)
}

// coded is X's error body of version 1.1 and of the OAuth 1.0a endpoints.
func coded(status, code int, message string) *Reply {
	b, _ := json.Marshal(message)
	return newReply(status, typeJSON, fmt.Sprintf(`{"errors":[{"code":%d,"message":%s}]}`, code, b))
}

func notFound() *Reply { return coded(http.StatusNotFound, 34, "Sorry, that page does not exist.") }

func methodNotAllowed() *Reply {
	return newReply(http.StatusMethodNotAllowed, typeText, "Method Not Allowed").because("send the method in Allow")
}

func badAuthentication(reason string, args ...any) *Reply {
	return coded(http.StatusBadRequest, 215, "Bad Authentication data.").because(reason, args...)
}

func cannotAuthenticate(reason string, args ...any) *Reply {
	return coded(http.StatusUnauthorized, 32, "Could not authenticate you.").because(reason, args...)
}

func invalidToken(reason string, args ...any) *Reply {
	return coded(http.StatusUnauthorized, 89, "Invalid or expired token.").because(reason, args...)
}
