package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestADraftIsKeptInTheSession(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	x.AddUser(xtest.User{ID: "100", Username: "person100"})
	b, other := newBrowser(t, at), newBrowser(t, at)
	b.signIn("OAuth 2.0")
	other.signIn("OAuth 2.0")
	const keep, words = "Keep the text for later", "Words <b>of</b> mine"
	form := b.get("/compose")
	form.press(keep, map[string]any{"text": words}).want(http.StatusOK, "The text is saved", words)
	b.get("/compose").want(http.StatusOK, words)
	if strings.Contains(text(other.get("/compose").doc), words) {
		t.Error("another session of the same user has the draft")
	}

	form.press(keep, map[string]any{"text": strings.Repeat("a", maxDraft+1)}).
		want(http.StatusUnprocessableEntity, "at most 4000 characters", strings.Repeat("a", maxDraft+1))
	b.get("/compose").want(http.StatusOK, words)
	form.press(keep, map[string]any{"text": ""})
	if strings.Contains(text(b.get("/compose").doc), words) {
		t.Error("an empty draft keeps the old one")
	}

	form.press(keep, map[string]any{"text": words})
	b.get("/compose").press("Post", nil).want(http.StatusOK, "on its way", words)
	if strings.Contains(text(b.get("/compose").doc), words) {
		t.Error("what was posted is still a draft")
	}

	// A user who signs in afterwards finds nothing of the user before.
	form.press(keep, map[string]any{"text": words})
	b.signInAs(x.X, "/auth/login", "100")
	if got := b.get("/compose").want(http.StatusOK, "@person100"); strings.Contains(text(got.doc), words) {
		t.Error("another user has the draft")
	}
	b.get("/").press("Sign out", nil)
	form.press(keep, map[string]any{"text": words}).want(http.StatusUnauthorized, "Sign in again")
}
