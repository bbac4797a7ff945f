package repocheck_test

import (
	"cmp"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestEveryCodeHasASection checks that docs/troubleshooting.md has a heading for each code of a
// problem, of a refusal and of a finding. Log lines and findings refer to these headings.
func TestEveryCodeHasASection(t *testing.T) {
	var problems struct {
		Problems []struct{ Kind, Page, Code string }
		Refusals []struct{ Code string }
	}
	var findings map[string]struct{ Code string }
	read := func(name string, into any) {
		b, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read("page/problems.json", &problems)
	read("findings.json", &findings)
	page, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	section := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if code, ok := strings.CutPrefix(line, "### "); ok {
			section[strings.TrimSpace(code)] = true
		}
	}
	want := func(file, code string) {
		if !section[code] {
			t.Errorf("docs/troubleshooting.md has no section %q, which is a code of %s", code, file)
		}
	}
	for _, p := range problems.Problems {
		want("page/problems.json", cmp.Or(p.Code, p.Page, p.Kind))
	}
	for _, r := range problems.Refusals {
		want("page/problems.json", r.Code)
	}
	for _, f := range findings {
		want("findings.json", f.Code)
	}
}
