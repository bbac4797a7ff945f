package repocheck_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testNamed = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// TestPromisesAreKeptByTests checks that each test named in SECURITY.md and the checklist
// exists, and that each promise names a test.
func TestPromisesAreKeptByTests(t *testing.T) {
	there := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(b, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SECURITY.md", "docs/security-checklist.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		promises := 0
		for line := range strings.Lines(string(b)) {
			tests := testNamed.FindAllStringSubmatch(line, -1)
			for _, m := range tests {
				if !there[m[1]] {
					t.Errorf("%s names %s, which is no test", name, m[1])
				}
			}
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
			switch {
			case !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || len(cells) < 3:
				continue
			case name == "SECURITY.md" && strings.TrimSpace(cells[0]) != "promise":
			case strings.TrimSpace(cells[len(cells)-2]) == "kept":
			default:
				continue
			}
			if promises++; len(tests) == 0 {
				t.Errorf("%s: no test keeps this promise: %s", name, strings.TrimSpace(line))
			}
		}
		if promises < 20 {
			t.Errorf("%s has %d promises: is its table still of this form?", name, promises)
		}
	}
}
