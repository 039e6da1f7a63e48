package websocket_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidewire/websocket"

// sources are the files of this package that programs get.
func sources(t *testing.T) []*ast.File { return parse(t, ".", false) }

// parse reads the Go files of a folder, tests or the others.
func parse(t *testing.T, dir string, tests bool) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// The front door holds aliases and forwards of one line, and nothing else.
func TestFrontDoorIsOnlyNames(t *testing.T) {
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			if why := notAName(decl); why != "" {
				t.Errorf("%s: %s", nameOf(decl), why)
			}
		}
	}
}

// The rule itself must be able to fail.
func TestFrontDoorRuleFails(t *testing.T) {
	for _, text := range []string{
		"type T struct{}",
		"type T conn.T",
		"type T = conn.U",
		"type T = []conn.T",
		"const A = 1",
		"const A = conn.B",
		"var A = conn.A()",
		"var A conn.A",
		"func (c *T) F() { conn.F() }",
		"func F() { conn.G() }",
		"func F() {}",
		"func F() { conn.F(); conn.F() }",
		"func F(a, b int) int { return conn.F(b, a) }",
		"func F(a int) int { return conn.F(a, 1) }",
		"func F(a int) int { return conn.F(a) + 1 }",
		"func F() int { return 1 }",
		"func F() (int, error) { return conn.F(), nil }",
		"func F(a int) int { return F(a) }",
		"func F[T any](a int) T { return conn.G[T](a) }",
		"func F[T any](a int) T { return conn.F[int](a) }",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\n"+text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if notAName(file.Decls[0]) == "" {
			t.Errorf("%s: passes for an alias or a forward", text)
		}
	}
}

// notAName says why a declaration is neither an alias nor a forward; empty if it is one.
func notAName(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return notAForward(d)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if why := notAnAlias(spec); why != "" {
				return why
			}
		}
	}
	return ""
}

func notAnAlias(spec ast.Spec) string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if !s.Assign.IsValid() || foreign(s.Type) != s.Name.Name {
			return "a type that is no alias of its namesake in another package"
		}
	case *ast.ValueSpec:
		if len(s.Names) != 1 || len(s.Values) != 1 || s.Type != nil || foreign(s.Values[0]) != s.Names[0].Name {
			return "a value that is not its namesake in another package"
		}
	}
	return ""
}

// notAForward: one statement, a call of the namesake in another package with the same parameters.
func notAForward(f *ast.FuncDecl) string {
	if f.Recv != nil || len(f.Body.List) != 1 {
		return "not a function of one line"
	}
	ret, ok := f.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return "not one return"
	}
	call, ok := ret.Results[0].(*ast.CallExpr)
	if !ok {
		return "not one call"
	}
	fun, types := call.Fun, []string(nil)
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun, types = index.X, []string{ident(index.Index)}
	}
	if foreign(fun) != f.Name.Name {
		return "not a call of its namesake in another package"
	}
	var args []string
	for _, a := range call.Args {
		args = append(args, ident(a))
	}
	if !slices.Equal(args, names(f.Type.Params)) || !slices.Equal(types, names(f.Type.TypeParams)) {
		return "changes the parameters"
	}
	return ""
}

// foreign is Name if e is pkg.Name. Options of other packages carry the package's name here: ServerOptions.
func foreign(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	switch ident(s.X) + "." + s.Sel.Name {
	case "server.Options":
		return "ServerOptions"
	case "client.Options":
		return "ClientOptions"
	}
	return s.Sel.Name
}

func ident(e ast.Expr) string {
	if i, ok := e.(*ast.Ident); ok {
		return i.Name
	}
	return ""
}

func names(list *ast.FieldList) (all []string) {
	if list != nil {
		for _, field := range list.List {
			for _, name := range field.Names {
				all = append(all, name.Name)
			}
		}
	}
	return all
}

func nameOf(decl ast.Decl) string {
	if f, ok := decl.(*ast.FuncDecl); ok {
		return f.Name.Name
	}
	return "declaration"
}

// exported lists the exported names of files, without methods.
func exported(files []*ast.File) map[string]bool {
	all := make(map[string]bool)
	add := func(id *ast.Ident) {
		if id.IsExported() {
			all[id.Name] = true
		}
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						add(s.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id)
						}
					}
				}
			}
		}
	}
	return all
}

// What a program needs has a name here, every close code and error of conn too; what few need has none.
func TestFrontDoorIsComplete(t *testing.T) {
	here := exported(sources(t))
	want := []string{
		"Conn", "Message", "MessageType", "Text", "Binary", "Prepared", "Prepare", "CloseCode", "CloseError", "IsNormal",
		"Stats", "Options", "ServerOptions", "ClientOptions", "Group", "Refusal", "HandshakeError",
		"Upgrade", "Handler", "Dial", "Stream", "ReadJSON", "WriteJSON",
		"Compression", "CompressionLevel", "FastCompression", "BetterCompression",
	}
	for name := range exported(parse(t, "conn", false)) {
		if strings.HasPrefix(name, "Close") || strings.HasPrefix(name, "Err") {
			want = append(want, name)
		}
	}
	for _, name := range want {
		if !here[name] {
			t.Errorf("%s has no name in the front door", name)
		}
	}
	for _, name := range []string{"New", "Setup", "Role", "Server", "Client", "Wheel", "UpgradeConn", "Params", "Level"} {
		if here[name] {
			t.Errorf("%s has a name in the front door", name)
		}
	}
}

// The front door knows the three packages behind it. Its examples know nothing but the front door.
func TestFrontDoorImports(t *testing.T) {
	check := func(files []*ast.File, allowed ...string) {
		for _, file := range files {
			for _, imp := range file.Imports {
				path := strings.Trim(imp.Path.Value, `"`)
				if strings.Contains(path, ".") && !slices.Contains(allowed, path) {
					t.Errorf("import of %s", path)
				}
			}
		}
	}
	check(sources(t), module+"/conn", module+"/server", module+"/client")
	check(parse(t, ".", true), module)
}

// doc.go lists every method of a Conn.
func TestDocListsTheMethods(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range parse(t, "conn", false) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); !ok || ident(star.X) != "Conn" {
				continue
			}
			n++
			if !strings.Contains(string(doc), "[conn.Conn."+f.Name.Name+"]") {
				t.Errorf("doc.go does not name Conn.%s", f.Name.Name)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d methods of Conn found, want all", n)
	}
}
