package repocheck_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licences are the licences that a linked module may have, each with words that no other licence
// has. The first match counts.
var licences = []struct {
	name  string
	words []string
}{
	{"MPL-2.0", []string{"mozilla public license version 2.0"}},
	{"Apache-2.0", []string{"apache license version 2.0, january 2004", "terms and conditions for use, reproduction, and distribution"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms, with or without modification, are permitted", "neither the name"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms, with or without modification, are permitted"}},
	{"ISC", []string{"permission to use, copy, modify, and", "distribute this software for any purpose with or without fee is hereby granted"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the software is provided \"as is\""}},
}

// conditions are words of licences with further conditions. Such words may come before or after
// a licence text.
var conditions = []string{
	"gnu general public license", "gnu affero", "gnu lesser", "commons clause", "business source license",
	"server side public license", "elastic license", "for non-commercial",
}

// licence is the name of the licence in a text, or "".
func licence(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	text = strings.NewReplacer("“", `"`, "”", `"`, "’’", `"`, "``", `"`, "''", `"`).Replace(text)
	for _, l := range licences {
		if slices.ContainsFunc(l.words, func(w string) bool { return !strings.Contains(text, w) }) {
			continue
		}
		// Mozilla's licence names GNU's as licences that a recipient may choose instead.
		if l.name != "MPL-2.0" && slices.ContainsFunc(conditions, func(w string) bool { return strings.Contains(text, w) }) {
			return ""
		}
		return l.name
	}
	return ""
}

// licenceFile matches the names of a module's licence files, some with a prefix, such as
// MIT-LICENSE.txt. The content of the file decides.
var licenceFile = regexp.MustCompile(`(?i)^((mit|bsd|isc|apache|mpl)[-_])?(licen[cs]e|copying)(\.md|\.txt)?$`)

// licenceOf is the name of the licence of the module in dir, or "".
func licenceOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := licence(string(b))
		if name == "" || found != "" && name != found {
			return ""
		}
		found = name
	}
	return found
}

func TestLicencesAreToldApart(t *testing.T) {
	const mit = "Permission is hereby granted, free of charge, to any person\nobtaining a copy of this. THE SOFTWARE IS PROVIDED “AS IS”."
	const bsd = "Redistribution and use in source and binary forms, with or without\n modification, are permitted provided that"
	for text, want := range map[string]string{
		mit: "MIT", bsd: "BSD-2-Clause", bsd + " Neither the name of": "BSD-3-Clause",
		"Mozilla Public License Version 2.0 ... GNU General Public License": "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                              "",
		mit + " The \"Commons Clause\" License Condition applies.":          "",
		"Business Source License 1.1":                                       "",
		"All rights reserved.":                                              "",
		"":                                                                  "",
	} {
		if got := licence(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// linked returns the external modules that packages and tests of the workspace link, with their
// directories.
func linked(t *testing.T) map[string]string {
	t.Helper()
	inWorkspace(t)
	return linkedFrom(t, ".", "work")
}

// linkedFrom is linked for the packages of a pattern, as the go command sees it in dir.
func linkedFrom(t *testing.T, dir, pattern string, env ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-test",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", pattern)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(path, module) {
			modules[path] = dir
		}
	}
	if len(modules) < 4 {
		t.Fatalf("go list knows of %d modules", len(modules))
	}
	return modules
}

func inWorkspace(t *testing.T) {
	t.Helper()
	if len(everywhere(t)) == 1 {
		t.Skip("the other modules are in the workspace")
	}
}

// outside are the modules that go.work leaves out, because otherwise the go command would fetch
// the requirements of all of them first. .ci/run names them too.
var outside = []string{"internal/bench"}

// linkedOutside is linked for a module that the workspace leaves out. Only .ci/run checks it,
// because that needs every module.
func linkedOutside(t *testing.T, dir string) map[string]string {
	t.Helper()
	return linkedFrom(t, dir, "./...", "GOWORK=off")
}

// gate reports whether nothing may be missing, as .ci/run requires.
func gate() bool { return os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" }

// TestLicencesOfLinkedModules: no user of the kit has to publish their own program, or to pay.
func TestLicencesOfLinkedModules(t *testing.T) {
	freeToLink(t, linked(t))
	for _, dir := range outside {
		t.Run(dir, func(t *testing.T) {
			if !gate() {
				t.Skip("the workspace leaves this module out; XSIGNIN_TEST_REQUIRE_ALL=1 looks at what it links")
			}
			freeToLink(t, linkedOutside(t, dir))
		})
	}
}

// freeToLink fails the test for each module whose licence requires more than a notice.
func freeToLink(t *testing.T, modules map[string]string) {
	t.Helper()
	for path, dir := range modules {
		if name := licenceOf(t, dir); name == "" {
			t.Errorf("%s: %s has no licence that is MIT, BSD, ISC, Apache-2.0 or MPL-2.0: it cannot be linked", path, dir)
		} else if testing.Verbose() {
			t.Logf("%s: %s", path, name)
		}
	}
}

// requirement is a row of the table of dependencies.
var requirement = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")

// TestDependenciesAreListedWithTheirReasons checks that CONTRIBUTING.md lists each direct
// requirement of a go.mod, with its licence, the modules that require it, and the reason.
func TestDependenciesAreListedWithTheirReasons(t *testing.T) {
	modules := linked(t)
	if gate() {
		for _, dir := range outside {
			maps.Copy(modules, linkedOutside(t, dir))
		}
	}
	want := make(map[string][]string) // of the directories of the modules that require it
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if d.Name() != "go.mod" {
			return nil
		}
		out, err := exec.Command("go", "mod", "edit", "-json", path).Output()
		if err != nil {
			return err
		}
		var mod struct {
			Require []struct {
				Path     string
				Indirect bool
			}
		}
		if err := json.Unmarshal(out, &mod); err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if dir == "." {
			dir = "the core"
		}
		for _, r := range mod.Require {
			if !r.Indirect && !strings.HasPrefix(r.Path, module) {
				want[r.Path] = append(want[r.Path], dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, row := range requirement.FindAllStringSubmatch(string(text), -1) {
		path, name, users := row[1], row[2], strings.Split(strings.ReplaceAll(row[3], "`", ""), ", ")
		if want[path] == nil && !strings.Contains(path, ".") {
			continue // a row of another table
		}
		if listed[path] {
			t.Errorf("CONTRIBUTING.md lists %s twice", path)
		}
		listed[path] = true
		if slices.Sort(users); !slices.Equal(users, slices.Sorted(slices.Values(want[path]))) {
			t.Errorf("CONTRIBUTING.md says that %s is required by %q, and that is %q", path, users, want[path])
		}
		if dir, ok := modules[path]; ok && licenceOf(t, dir) != name {
			t.Errorf("CONTRIBUTING.md says that %s is under %s, and it is %q", path, name, licenceOf(t, dir))
		}
	}
	for path, dirs := range want {
		if !listed[path] {
			t.Errorf("%v requires %s: add a row to the table of dependencies in CONTRIBUTING.md, with its licence and the reason", dirs, path)
		}
	}
}

// TestTheReadmeCountsTheModulesOfTheFirstStart: the go command prints a line for each module. For
// the modules of all tests, README.md has a round number.
func TestTheReadmeCountsTheModulesOfTheFirstStart(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./examples/app").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out)))))
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(readme)), " ")
	if want := fmt.Sprintf("downloads %d modules", len(modules)); !strings.Contains(text, want) {
		t.Errorf("README.md does not say %q: %v", want, modules)
	}
	more, about := len(linked(t))-len(modules), 0
	for word, n := range map[string]int{"fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80} {
		if strings.Contains(text, "downloads some "+word+" more modules") {
			about = n
		}
	}
	if more < about-8 || more > about+8 {
		t.Errorf("README.md says that the tests download some %d more modules: there are %d", about, more)
	}
}
