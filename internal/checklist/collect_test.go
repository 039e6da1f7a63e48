package checklist

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claim is one id of one comment line, with the test that the line belongs to.
type claim struct {
	id   string
	test string // "TestX"; "" if no test follows
	line int
}

var (
	claimLine = regexp.MustCompile(`^// Checklist: (.*)$`)
	almost    = regexp.MustCompile(`(?i)^(//|/\*)\s*checklist\s*:`)
)

// claims returns what the comment lines of a test file claim, in their order. A
// line within a test belongs to it, another to the next test below. The text
// of the file is src, if that is not nil.
func claims(file string, src any) ([]claim, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []claim
	for _, group := range f.Comments {
		for _, c := range group.List {
			line := fset.Position(c.Pos()).Line
			m := claimLine.FindStringSubmatch(c.Text)
			if m == nil {
				if almost.MatchString(c.Text) {
					return nil, fmt.Errorf("%s:%d: %q is not of the form %q", file, line, c.Text, "// Checklist: F7, F8")
				}
				continue
			}
			test := testBelow(f, c.Pos())
			for id := range strings.SplitSeq(m[1], ",") {
				found = append(found, claim{id: strings.TrimSpace(id), test: test, line: line})
			}
		}
	}
	return found, nil
}

// testBelow returns the name of the first test that ends below pos, or "".
func testBelow(f *ast.File, pos token.Pos) string {
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.End() > pos && isTest(fn) {
			return fn.Name.Name
		}
	}
	return ""
}

func isTest(fn *ast.FuncDecl) bool {
	return fn.Recv == nil && slices.ContainsFunc([]string{"Test", "Fuzz", "Example"}, func(kind string) bool {
		rest, ok := strings.CutPrefix(fn.Name.Name, kind)
		return ok && fn.Name.Name != "TestMain" && (rest == "" || rest[0] < 'a' || rest[0] > 'z')
	})
}

func TestClaims(t *testing.T) {
	const src = `package x

// Checklist: A1

// TestOne has a sentence first.
//
// Checklist: A2, A3
func TestOne(t *testing.T) {
	for range []int{
		// Checklist: A4
		1,
	} {
	}
	const s = "// Checklist: B1"
}

// Checklist: A5
func helper() {}

// Checklists are good, and so is // Checklist: B2 inside a line.
func Testimony() {}

type T struct{}

func (T) TestMethod() {}

func TestMain(m *testing.M) {}

func FuzzTwo(f *testing.F) {}

// Checklist: A6
func BenchmarkThree(b *testing.B) {}

func ExampleThree() {}

// Checklist: A7,A8 , A9
func Test_four(t *testing.T) {}

// Checklist: A10
`
	want := []claim{
		{"A1", "TestOne", 3}, {"A2", "TestOne", 7}, {"A3", "TestOne", 7}, {"A4", "TestOne", 10},
		{"A5", "FuzzTwo", 17}, {"A6", "ExampleThree", 31},
		{"A7", "Test_four", 36}, {"A8", "Test_four", 36}, {"A9", "Test_four", 36}, {"A10", "", 39},
	}
	got, err := claims("x_test.go", src)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
	for _, line := range []string{"//Checklist: A1", "// checklist: A1", "// Checklist : A1", "/* Checklist: A1 */", "// Checklist:A1"} {
		if got, err := claims("x_test.go", "package x\n\n"+line+"\nfunc TestX() {}\n"); err == nil {
			t.Errorf("%q is accepted: %v", line, got)
		}
	}
	if _, err := claims("x_test.go", "package"); err == nil {
		t.Error("a file that is not Go is accepted")
	}
}
