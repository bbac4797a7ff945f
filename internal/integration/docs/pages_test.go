package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThePagesShowTheProgramsHere checks that the whole programs of each page are exactly those
// of the directories, in the same order. The module compiles and tests the programs.
func TestThePagesShowTheProgramsHere(t *testing.T) {
	shown := map[string]bool{}
	for page, dirs := range map[string][]string{
		"../README.md":        {"hello"},
		"button.md":           {"button"},
		"by-hand.md":          {"byhand", "byhandprovider"},
		"csrf.md":             {"crossorigin", "csrf"},
		"from-flask.md":       {"flask"},
		"from-gologin.md":     {"gologin/before", "gologin/after"},
		"from-goth.md":        {"goth/before", "goth/after"},
		"from-python.md":      {"python"},
		"from-qq.md":          {"qq"},
		"from-toolkit.md":     {"toolkit"},
		"gologin-handlers.md": {"gologin/kept"},
		"jwt.md":              {"jwt"},
		"moving-tokens.md":    {"tokens"},
		"observability.md":    {"metrics"},
		"other-sessions.md":   {"sessions/gorilla", "sessions/scs"},
		"own-logout.md":       {"ownlogout", "strict"},
		"own-session.md":      {"ownsession"},
		"stores.md":           {"sqlite"},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		var programs []string
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if regexp.MustCompile(`(?m)^package main$`).MatchString(block[1]) {
				programs = append(programs, block[1])
			}
		}
		if len(programs) != len(dirs) {
			t.Errorf("%s has %d programs, want %v", page, len(programs), dirs)
			continue
		}
		for i, dir := range dirs {
			shown[dir] = true
			file, err := os.ReadFile(filepath.Join(dir, "main.go"))
			if err != nil {
				t.Fatal(err)
			}
			if programs[i] != string(file) {
				t.Errorf("%s: program %d is not that of %s", page, i+1, dir)
			}
		}
	}
	above, err1 := filepath.Glob("*/main.go")
	below, err2 := filepath.Glob("*/*/main.go")
	if err1 != nil || err2 != nil || len(below) == 0 {
		t.Fatal(err1, err2, below)
	}
	for _, file := range append(above, below...) {
		if dir := strings.TrimSuffix(filepath.ToSlash(file), "/main.go"); !shown[dir] {
			t.Errorf("no page shows %s", dir)
		}
	}
}

// TestThePagesShowTheFragmentsHere checks that each block of Go that is no whole program is in
// fragments.go, which is compiled. Indentation may differ.
func TestThePagesShowTheFragmentsHere(t *testing.T) {
	compiled, err := os.ReadFile(filepath.Join("fragments", "fragments.go"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if regexp.MustCompile(`(?m)^package `).MatchString(block[1]) {
				continue
			}
			found++
			if !strings.Contains(flat(string(compiled)), flat(block[1])) {
				t.Errorf("%s: this block is not in fragments/fragments.go:\n%s", page, block[1])
			}
		}
	}
	if found == 0 {
		t.Error("no page has a fragment")
	}
}

var indentation = regexp.MustCompile(`(?m)^[ \t]+`)

// flat returns a text without its indentation.
func flat(text string) string { return indentation.ReplaceAllString(text, "") }

// TestThePageOnTestsShowsItsFiles: they are one package, so no file is a program by itself.
func TestThePageOnTestsShowsItsFiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "testing.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"site.go", "site_test.go"}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != len(files) {
		t.Fatalf("the page has %d files, want %v", len(blocks), files)
	}
	for i, name := range files {
		file, err := os.ReadFile(filepath.Join("testing", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(blocks[i][1]) != string(file) {
			t.Errorf("file %d of the page is not testing/%s", i+1, name)
		}
	}
}
