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
		"from-gologin.md":   {"gologin/before", "gologin/after", "gologin/kept", "tokens"},
		"from-goth.md":      {"goth/before", "goth/after"},
		"from-others.md":    {"python", "flask", "toolkit", "qq"},
		"other-sessions.md": {"sessions/gorilla", "sessions/scs"},
		"stores.md":         {"sqlite"},
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
