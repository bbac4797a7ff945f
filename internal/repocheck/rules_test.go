package repocheck_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/xsignin/xsignin"

// layers are the packages of this module and of the adapters, from top to bottom. A package
// imports only packages of the layers below its own, so each can be used, and read, without
// those above.
var layers = [][]string{
	{"internal/acceptance", "internal/attack", "internal/repocheck"},
	{"internal/testkit"},
	{"xapi", ""},
	{"handlers"},
	{"middleware/xecho", "middleware/xgin"},
	{"middleware"},
	// Below middleware and root, which share it.
	{"page"},
	{"internal/requestctx"},
	{"client"},
	{"session"},
	{"provider"},
	{"tokenstore/storetest"},
	{"tokenstore"},
	{"event", "internal/answer", "internal/background", "internal/configerr", "internal/loopback", "internal/scope", "internal/seal", "internal/requestkind", "internal/transport", "internal/troubleshooting", "internal/visitorpath", "internal/wire", "internal/xplatform"},
	{"internal/redact"},
	{"xtest/xapi"},
	{"xtest"},
	{"internal/testservers"},
}

// testTools are the packages that only tests import. They may import testing and xtest.
var testTools = []string{
	"internal/acceptance", "internal/attack", "internal/repocheck", "internal/testkit", "internal/testservers",
	"tokenstore/storetest",
}

// isTestTool reports whether the package at path is a test tool.
func isTestTool(path string) bool {
	return slices.Contains(testTools, strings.TrimPrefix(path, module+"/"))
}

// everywhere are the patterns of this module's packages and of the adapters. The adapters are
// separate modules in the workspace, with the same rules.
func everywhere(t *testing.T) []string {
	t.Helper()
	work, err := exec.Command("go", "env", "GOWORK").Output()
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.TrimSpace(string(work)); w == "" || w == "off" {
		return []string{"./..."}
	}
	return []string{"./...", "./middleware/xecho", "./middleware/xgin"}
}

type pkg struct {
	ImportPath string
	Name       string
	Standard   bool
	Imports    []string
	Deps       []string
	Dir        string
	GoFiles    []string
}

// list runs go list. Patterns ending in ... are this module's packages.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Standard,Imports,Deps,Dir,GoFiles"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.Bytes())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestRoomsImportOnlyRoomsBelow(t *testing.T) {
	level := make(map[string]int)
	for i, names := range layers {
		for _, name := range names {
			level[strings.TrimSuffix(module+"/"+name, "/")] = i
		}
	}
	for _, p := range list(t, everywhere(t)...) {
		own, known := level[p.ImportPath]
		if !known {
			t.Errorf("%s is in no layer: add it to the list of layers, at its place", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			if p.Name == "xtest" || p.Name == "xapi" && !strings.HasSuffix(imp, "/xtest") {
				t.Errorf("%s imports %s: xtest must share no code with the packages that it tests", p.ImportPath, imp)
			}
			if level[imp] <= own {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, imp)
			}
			if !isTestTool(p.ImportPath) && p.Name != "xapi" && (strings.Contains(imp, "/xtest") || isTestTool(imp)) {
				t.Errorf("%s imports %s: a shipped program must not contain a simulator or a test tool", p.ImportPath, imp)
			}
		}
	}
}

func TestNoShippedPackageImportsTesting(t *testing.T) {
	for _, p := range list(t, "./...") {
		// The package testing registers flags.
		if isTestTool(p.ImportPath) {
			continue
		}
		for _, dep := range p.Deps {
			if dep == "testing" || strings.HasPrefix(dep, "testing/") || dep == "net/http/httptest" || dep == "flag" {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

func TestCoreLinksFewPackagesFromOutside(t *testing.T) {
	var outside []string
	for _, p := range list(t, "-deps", ".") {
		if !p.Standard && !strings.HasPrefix(p.ImportPath, module) {
			outside = append(outside, p.ImportPath)
		}
	}
	t.Logf("%d packages: %v", len(outside), outside)
	if len(outside) >= 15 {
		t.Errorf("the core links %d packages from outside the standard library, and may link 14", len(outside))
	}
}

func TestRootModuleRequiresFourLibraries(t *testing.T) {
	var mod struct {
		Require []struct{ Path string }
		Replace []any
	}
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	// Frameworks, drivers and other libraries of this field are in separate modules.
	want := []string{
		"github.com/alexedwards/scs/v2", "github.com/dghubble/gologin/v2", "github.com/dghubble/oauth1", "golang.org/x/oauth2",
	}
	var got []string
	for _, r := range mod.Require {
		got = append(got, r.Path)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("go.mod requires %v, want %v", got, want)
	}
	if len(mod.Replace) > 0 {
		t.Error("go.mod replaces a module: users of the module would not get the replacement")
	}
}

// TestNothingIsGlobal: a request gets its dependencies from a constructor or from its context.
func TestNothingIsGlobal(t *testing.T) {
	forbidden := map[string]string{
		"DefaultClient":    "http.DefaultClient is everybody's: make one",
		"DefaultTransport": "http.DefaultTransport is everybody's: clone it where it is the base",
		"DefaultServeMux":  "http.DefaultServeMux is everybody's",
	}
	for _, p := range list(t, everywhere(t)...) {
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Name.Name == "init" && n.Recv == nil {
						t.Errorf("%s: an init function", fset.Position(n.Pos()))
					}
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "http" {
						if why, bad := forbidden[n.Sel.Name]; bad {
							t.Errorf("%s: %s", fset.Position(n.Pos()), why)
						}
					}
				}
				return true
			})
			for _, decl := range file.Decls {
				checkVariables(t, fset, decl)
			}
		}
	}
}

// checkVariables complains about exported package variables that are not errors.
func checkVariables(t *testing.T, fset *token.FileSet, decl ast.Decl) {
	t.Helper()
	gen, ok := decl.(*ast.GenDecl)
	if !ok || gen.Tok != token.VAR {
		return
	}
	for _, spec := range gen.Specs {
		for _, name := range spec.(*ast.ValueSpec).Names {
			if name.IsExported() && !strings.HasPrefix(name.Name, "Err") {
				t.Errorf("%s: %s can be changed by anybody: make it a constant or a function", fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

// TestNoPathOfABuildMachine keeps paths of a build machine out of the tree.
func TestNoPathOfABuildMachine(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".html", ".css", ".yml", ".mod":
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, mark := range []string{"/ro" + "ot/", "/ho" + "me/", "/Use" + "rs/"} {
			if bytes.Contains(b, []byte(mark)) {
				t.Errorf("%s names a path of a machine (%s)", path, mark)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryExportedNameIsDocumented: the page on pkg.go.dev is the manual.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, p := range list(t, everywhere(t)...) {
		documented := false
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || file.Doc != nil
			for _, decl := range file.Decls {
				undocumented(decl, func(pos token.Pos, what string) {
					t.Errorf("%s: %s has no doc comment", fset.Position(pos), what)
				})
			}
		}
		if !documented {
			t.Errorf("package %s has no doc comment", p.ImportPath)
		}
	}
}

// undocumented calls complain for each exported name of decl without a comment. A comment on a
// group of constants or variables counts for all of them.
func undocumented(decl ast.Decl, complain func(token.Pos, string)) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			complain(d.Pos(), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					complain(s.Pos(), s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						complain(s.Pos(), name.Name)
					}
				}
			}
		}
	}
}

// exportedReceiver reports whether a method belongs to an exported type. For a function it
// returns true.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}
