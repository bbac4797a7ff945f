package repocheck_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are README.md and the pages under docs.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(docs, "README.md")
}

// elsewhere are the pages whose programs need libraries that the root module does not require,
// with the module that has the libraries. Its tests compare these pages with the programs there,
// and run them.
var elsewhere = map[string]string{
	"docs/csrf.md":             "internal/integration",
	"docs/from-flask.md":       "internal/integration",
	"docs/from-gologin.md":     "internal/integration",
	"docs/from-goth.md":        "internal/integration",
	"docs/from-python.md":      "internal/integration",
	"docs/from-qq.md":          "internal/integration",
	"docs/from-toolkit.md":     "internal/integration",
	"docs/gologin-handlers.md": "internal/integration",
	"docs/jwt.md":              "internal/integration",
	"docs/moving-tokens.md":    "internal/integration",
	"docs/other-sessions.md":   "internal/integration",
	"docs/own-logout.md":       "internal/integration",
	"docs/stores.md":           "internal/integration",
}

// program matches a block that is a whole program.
var program = regexp.MustCompile(`(?m)^package main$`)

// TestTheProgramsInTheReadmeCompile checks every fenced block of a page that is a whole program.
func TestTheProgramsInTheReadmeCompile(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		programs := 0
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(text, -1) {
			if !program.Match(block[1]) {
				continue
			}
			programs++
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, block[1], 0o600); err != nil {
				t.Fatal(err)
			}
			vet := exec.CommandContext(t.Context(), "go", "vet", file)
			vet.Dir = elsewhere[filepath.ToSlash(page)]
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("a program in %s: %v\n%s", page, err, out)
			}
		}
		if programs == 0 && page == "README.md" {
			t.Error("README.md has no program")
		}
	}
}

// TestTheReadmesLinksLeadSomewhere checks the links within the repository, with their anchors.
func TestTheReadmesLinksLeadSomewhere(t *testing.T) {
	for _, page := range append(pages(t), "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		// In Go, f[T](x) is a call.
		text = fenced.ReplaceAll(text, nil)
		for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllSubmatch(text, -1) {
			file, anchor, _ := strings.Cut(string(link[1]), "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, link[1], err)
			} else if anchor != "" && !slices.Contains(anchors(t, target), anchor) {
				t.Errorf("%s links to %s, which has no such heading", page, link[1])
			}
		}
	}
}

// fenced matches a block of code.
var fenced = regexp.MustCompile("(?s)```.*?```")

// anchors are the anchors that GitHub makes of a page's headings.
func anchors(t *testing.T, page string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllSubmatch(fenced.ReplaceAll(text, nil), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(string(heading[1])), "")
		found = append(found, strings.ReplaceAll(name, " ", "-"))
	}
	return found
}

// TestListingsBoundTheHeaders checks that every program of README, docs and examples limits the
// time in which a client sends its headers. net/http's default has no limit.
func TestListingsBoundTheHeaders(t *testing.T) {
	t.Parallel()
	unbounded := regexp.MustCompile(`http\.(ListenAndServe|Serve)(TLS)?\(|\.Run(TLS)?\((addr|":)|new\(http\.Server\)|http\.Server\{[^}]*\}`)
	framework := regexp.MustCompile(`\.Start(TLS)?\((addr|":)`) // of echo
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		shown := strings.HasSuffix(path, ".md") || strings.HasSuffix(path, "example_test.go") ||
			strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if d.IsDir() || !shown {
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if start := framework.FindString(string(text)); start != "" && !strings.Contains(string(text), "Server.ReadHeaderTimeout = ") {
			t.Errorf("%s: %s has no ReadHeaderTimeout", path, start)
		}
		for _, server := range unbounded.FindAllString(string(text), -1) {
			if !strings.Contains(server, "ReadHeaderTimeout") {
				t.Errorf("%s: %.100s has no ReadHeaderTimeout", path, server)
			}
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestHostingFilesNameWhatTheExampleHas checks the variables and paths in the files of docs/deploy
// that start examples/app.
func TestHostingFilesNameWhatTheExampleHas(t *testing.T) {
	t.Parallel()
	config, err1 := os.ReadFile("examples/app/README.md")
	app, err2 := os.ReadFile("examples/app/app.go")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"docs/deploy/xsignin.service", "docs/deploy/kubernetes.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		variables := regexp.MustCompile(`\b(?:X_)?[A-Z]+(?:_[A-Z]+)*(?:=|:|, value)`).FindAllString(string(text), -1)
		found := 0
		for _, v := range variables {
			name := strings.TrimRight(strings.TrimSuffix(v, ", value"), "=:")
			if name == "SIGTERM" || name == "ALL" {
				continue
			}
			found++
			if !strings.Contains(string(config), "`"+name+"`") {
				t.Errorf("%s sets %s, which examples/app does not read", file, name)
			}
		}
		if found < 3 {
			t.Errorf("%s: only %d variables found", file, found)
		}
		for _, path := range regexp.MustCompile(`path: (/\w+)`).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(app), path[1]) {
				t.Errorf("%s asks for %s, which examples/app does not have", file, path[1])
			}
		}
	}
}
