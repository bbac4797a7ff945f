package repocheck_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// causes returns the codes that the log and Check link to a section about: those of failures,
// of X's refusals and of findings, and the one of a RequireUser around the login.
func causes(t *testing.T) []string {
	t.Helper()
	read := func(name string, into any) {
		b, err := os.ReadFile(filepath.FromSlash(name))
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var findings map[string]struct{ Code string }
	var problems struct {
		Problems []struct {
			Kind, Page, Code string
			Status           int
		}
		Refusals []struct{ Code string }
	}
	read("findings.json", &findings)
	read("page/problems.json", &problems)
	codes := []string{"login_loop"}
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	for _, r := range problems.Refusals {
		codes = append(codes, r.Code)
	}
	for _, p := range problems.Problems {
		for _, code := range []string{p.Code, p.Page, p.Kind} {
			if code != "" {
				if p.Status >= http.StatusBadRequest {
					codes = append(codes, code)
				}
				break
			}
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// TestEachCauseHasItsSection: the log has the address of a section of docs/troubleshooting.md.
func TestEachCauseHasItsSection(t *testing.T) {
	codes := causes(t)
	if len(codes) < 40 || !slices.Contains(codes, "callback") || !slices.Contains(codes, "none_came_back") || !slices.Contains(codes, "other_browser") {
		t.Errorf("the codes are %v", codes)
	}
	found := anchors(t, "docs/troubleshooting.md")
	for _, code := range codes {
		if !slices.Contains(found, code) {
			t.Errorf("docs/troubleshooting.md has no heading %s", code)
		}
	}
}
