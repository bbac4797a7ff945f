package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestACheckoutCanBeUsed follows docs/install.md with two programs: that of README.md by the
// two commands, and that of docs/stores.md by the block for SQLite. No module is downloaded.
func TestACheckoutCanBeUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the go command for many seconds")
	}
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	install := read(t, filepath.Join(root, "docs", "install.md"))
	first := func(text, pattern string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("the page has no %s", pattern)
		}
		return found[1]
	}
	start := "module example.com/app\n\ngo 1.25.0\n"
	for name, c := range map[string]struct{ program, mod, commands string }{
		"memory": {
			first(read(t, filepath.Join(root, "README.md")), "(?s)```go\n(package main.*?)```"),
			start, first(install, "(?s)```sh\n(.*?)```"),
		},
		"SQLite": {
			first(read(t, filepath.Join(root, "docs", "stores.md")), "(?s)```go\n(.*?package main.*?)```"),
			start + first(install, "(?s)```\n(require.*?)```"), "go mod tidy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "app")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(root, filepath.Join(parent, "xsignin")); err != nil {
				t.Skipf("this machine has no links to directories: %v", err)
			}
			for file, text := range map[string]string{"main.go": c.program, "go.mod": c.mod} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for line := range strings.Lines(c.commands + "\ngo vet .\n") { // it compiles, and does not link
				line, _, _ = strings.Cut(line, "#")
				words := strings.Fields(line)
				if len(words) == 0 {
					continue
				}
				cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY="+downloaded(t), "GONOSUMDB=*", "GOTOOLCHAIN=local")
				out, err := cmd.CombinedOutput()
				if strings.Contains(string(out), "disabled by GOPROXY=off") || strings.Contains(string(out), "no such file") {
					t.Skipf("a module is not on this machine: %s", out)
				}
				if err != nil {
					t.Fatalf("%s: %v\n%s", line, err, out)
				}
			}
		})
	}
}

// downloaded is a module proxy with the modules that this machine has.
func downloaded(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.ToSlash(filepath.Join(strings.TrimSpace(string(out)), "cache", "download"))
	return "file://" + dir + ",off"
}

// TestThePagesCommandsNameWhatExists: each go run and go build of the pages has a program, and
// each command of the repository a file.
func TestThePagesCommandsNameWhatExists(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "examples", "*", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append(pages, more...), filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	found := 0
	for _, page := range pages {
		text := read(t, page)
		for _, m := range regexp.MustCompile(`go (?:run|build|install)[^\n]*? (\./examples/[a-z]+)`).FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, m[1], "main.go")); err != nil {
				t.Errorf("%s: %s: %v", page, m[0], err)
			}
		}
		for _, m := range regexp.MustCompile(`(?:\./(\.ci/[a-z]+)|-f (examples/[a-z]+/Containerfile)|cp (docs/deploy/[a-z.]+))`).FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join(root, m[1]+m[2]+m[3])); err != nil {
				t.Errorf("%s: %s: %v", page, m[0], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("the pages have %d commands", found)
	}
}

// TestPagesStayShort: a page that is longer needs a second page.
func TestPagesStayShort(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "..", "..", "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(err, pages)
	}
	for _, page := range append(pages, filepath.Join("..", "..", "..", "README.md")) {
		if n := strings.Count(read(t, page), "\n"); n > 250 {
			t.Errorf("%s has %d lines, and the limit is 250", page, n)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
