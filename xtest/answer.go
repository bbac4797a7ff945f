package xtest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	typeJSON    = "application/json; charset=utf-8"
	typeProblem = "application/problem+json"
	typeXML     = "application/xml; charset=utf-8"
	typeText    = "text/plain; charset=utf-8"
	// typeForm is what X puts above its form-encoded answers.
	typeForm = "text/html; charset=utf-8"
)

// answer is a whole answer, made while the lock is held and written after it is given back: a slow reader must not stop
// everybody else.
type answer struct {
	status      int
	contentType string
	body        string
}

// problem is an answer that refuses.
type problem = answer

func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// coded is X's error body of version 1.1 and of the OAuth 1.0a endpoints.
func coded(status, code int, message string) *problem {
	b, _ := json.Marshal(message)
	return &problem{status, typeJSON, fmt.Sprintf(`{"errors":[{"code":%d,"message":%s}]}`, code, b)}
}

func notFound() *problem { return coded(http.StatusNotFound, 34, "Sorry, that page does not exist.") }
func badAuthentication() *problem {
	return coded(http.StatusBadRequest, 215, "Bad Authentication data.")
}
func cannotAuthenticate() *problem {
	return coded(http.StatusUnauthorized, 32, "Could not authenticate you.")
}
func badTimestamp() *problem { return coded(http.StatusUnauthorized, 135, "Timestamp out of bounds.") }
func invalidToken() *problem { return coded(http.StatusUnauthorized, 89, "Invalid or expired token.") }

// unauthorized is the flat 401 of the version 2 API.
func unauthorized() *problem {
	return &problem{http.StatusUnauthorized, typeProblem,
		`{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`}
}
