package provider

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestRowsAreWellFormed tests what reading answers.json does not: it fails for unknown
// fields and conditions.
func TestRowsAreWellFormed(t *testing.T) {
	ops := words{
		"token", "refresh", "revoke", "callback", usersMe, verifyOp,
		"request_token", "access_token", "invalidate_token",
	}
	reasons := []Reason{
		ReasonCallback, ReasonCredentials, ReasonClock, ReasonAccess, ReasonNotEnrolled, ReasonScope, ReasonCredits, ReasonUsageCap, ReasonOther,
	}
	for name, table := range answers() {
		for i, r := range table {
			for _, op := range r.Ops {
				if !slices.Contains(ops, op) {
					t.Errorf("%s, row %d: no step is called %q", name, i, op)
				}
			}
			for _, text := range r.Texts {
				if text == "" || text != strings.ToLower(text) {
					t.Errorf("%s, row %d: the text %q never matches or always", name, i, text)
				}
			}
			if slices.Contains(r.Codes, "") {
				t.Errorf("%s, row %d: an empty code matches most answers", name, i)
			}
			if errors.Is(r.Means.kind, ErrRefused) && !slices.Contains(reasons, r.Means.reason) {
				t.Errorf("%s, row %d: the meaning %q is not known", name, i, r.Means.reason)
			}
			if r.Table != "" && answers()[r.Table] == nil {
				t.Errorf("%s, row %d: no table is called %q", name, i, r.Table)
			}
			if r.Ops == nil && r.Status == 0 && r.Codes == nil && r.Texts == nil && r.When == nil && r.Table == "" {
				t.Errorf("%s, row %d has no condition", name, i)
			}
		}
	}
}

// TestEveryRowSaysWhatItMeans: without means, a row is a success.
func TestEveryRowSaysWhatItMeans(t *testing.T) {
	var tables map[string][]map[string]any
	if err := json.Unmarshal(answersJSON, &tables); err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		for i, r := range table {
			if (r["means"] == nil) != (r["table"] != nil) {
				t.Errorf("%s, row %d: has %v", name, i, r)
			}
		}
	}
}
