package autobahn

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var reportsDir = flag.String("reports", "reports", "folder of the suite's reports")

// result is what the suite says of one case. The reason is ours: why a case that
// is not OK is right as it is.
type result struct {
	Behavior      string `json:"behavior"`
	BehaviorClose string `json:"behaviorClose"`
	Reason        string `json:"reason"`
}

// results are by case id, like "6.4.1".
type results map[string]result

// TestReport holds the last report of each role, over ws and over wss, and of the
// server in its other modes, against the expectation. AUTOBAHN_REPORTS=required makes a missing report a failure.
func TestReport(t *testing.T) {
	for _, name := range []string{"server", "client", "server-tls", "client-tls", "server-serve", "server-netconn"} {
		t.Run(name, func(t *testing.T) {
			got := readReport(t, filepath.Join(*reportsDir, name, "index.json"))
			role, way, _ := strings.Cut(name, "-")
			want := readExpected(t, role)
			if way == "tls" || way == "netconn" {
				maps.DeleteFunc(want, func(id string, _ result) bool { return leftOut(id) })
			}
			for _, difference := range compare(got, want) {
				t.Error(difference)
			}
		})
	}
}

// leftOut says which cases run.sh does not run over wss and with KeepNetConn, for the
// reason given there: the numbers of the groups of permessage-deflate with large messages.
func leftOut(id string) bool {
	group, rest, _ := strings.Cut(id, ".")
	_, number, _ := strings.Cut(rest, ".")
	return (group == "12" || group == "13") &&
		slices.Contains([]string{"7", "8", "9", "10", "12", "13", "14", "15", "16", "17"}, number)
}

func TestNumberOfCases(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		all, tls := readExpected(t, role), 0
		for id := range all {
			if !leftOut(id) {
				tls++
			}
		}
		if len(all) != 517 || tls != 301+12*8 {
			t.Errorf("%s: got %d cases over ws and %d over wss, want 517 and 397", role, len(all), tls)
		}
	}
}

func TestExpectedListsAllCasesWithReasons(t *testing.T) {
	groups := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
	for _, role := range []string{"server", "client"} {
		counts := map[string]int{}
		for id, r := range readExpected(t, role) {
			group, _, _ := strings.Cut(id, ".")
			counts[group]++
			ok := r.Behavior == "OK" && r.BehaviorClose == "OK"
			if ok != (r.Reason == "") {
				t.Errorf("%s %s: result %q, %q with reason %q: exactly what is not OK has a reason",
					role, id, r.Behavior, r.BehaviorClose, r.Reason)
			}
		}
		if fmt.Sprint(counts) != fmt.Sprint(groups) {
			t.Errorf("%s: cases by group: got %v, want %v", role, counts, groups)
		}
	}
}

func TestCompare(t *testing.T) {
	ok := result{Behavior: "OK", BehaviorClose: "OK"}
	info := result{Behavior: "INFORMATIONAL", BehaviorClose: "INFORMATIONAL"}
	strict := result{Behavior: "NON-STRICT", BehaviorClose: "OK"}
	unclean := result{Behavior: "OK", BehaviorClose: "UNCLEAN"}
	novel := result{Behavior: "SPLENDID", BehaviorClose: "OK"}
	want := results{"1.1.1": ok, "7.1.6": info}

	for _, tt := range []struct {
		name  string
		got   results
		wants []string
	}{
		{"the same", results{"1.1.1": ok, "7.1.6": info}, nil},
		{"missing", results{"7.1.6": info}, []string{"1.1.1 is missing"}},
		{"empty", results{}, []string{"1.1.1 is missing", "7.1.6 is missing"}},
		{"extra", results{"1.1.1": ok, "7.1.6": info, "12.1.1": ok}, []string{"12.1.1 is not in the expectation"}},
		{"worse", results{"1.1.1": strict, "7.1.6": info}, []string{"1.1.1 is worse: got NON-STRICT"}},
		{"worse close", results{"1.1.1": unclean, "7.1.6": info}, []string{"1.1.1 is worse in closing: got UNCLEAN"}},
		{"better", results{"1.1.1": ok, "7.1.6": ok}, []string{"7.1.6 is better: got OK", "7.1.6 is better in closing: got OK"}},
		{"unknown word", results{"1.1.1": novel, "7.1.6": info}, []string{"1.1.1 is worse: got SPLENDID"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := compare(tt.got, want)
			if !slices.EqualFunc(got, tt.wants, strings.HasPrefix) {
				t.Errorf("compare(%v): got %q, want lines that begin %q", tt.got, got, tt.wants)
			}
		})
	}
}

// compare says in one line each how got differs from want: a case is missing,
// not expected, worse, or better (then the expectation is out of date).
func compare(got, want results) (differences []string) {
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		differences = append(differences, compareCase(id, got, want)...)
	}
	return differences
}

func compareCase(id string, got, want results) []string {
	g, ran := got[id]
	w, expected := want[id]
	if !ran {
		return []string{fmt.Sprintf("%s is missing: want %s", id, w.Behavior)}
	}
	if !expected {
		return []string{fmt.Sprintf("%s is not in the expectation: got %s", id, g.Behavior)}
	}
	var differences []string
	if g.Behavior != w.Behavior {
		differences = append(differences,
			fmt.Sprintf("%s is %s: got %s, want %s", id, direction(g.Behavior, w.Behavior), g.Behavior, w.Behavior))
	}
	if g.BehaviorClose != w.BehaviorClose {
		differences = append(differences,
			fmt.Sprintf("%s is %s in closing: got %s, want %s", id, direction(g.BehaviorClose, w.BehaviorClose), g.BehaviorClose, w.BehaviorClose))
	}
	return differences
}

// direction says whether a result is better or worse than another; a word that
// the suite never used is the worst.
func direction(got, want string) string {
	bestFirst := []string{"OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT", "FAILED"}
	rank := func(word string) int {
		if i := slices.Index(bestFirst, word); i >= 0 {
			return i
		}
		return len(bestFirst)
	}
	if rank(got) < rank(want) {
		return "better"
	}
	return "worse"
}

// readReport reads the suite's index.json, which is by agent and then by case.
func readReport(t *testing.T, path string) results {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) && os.Getenv("AUTOBAHN_REPORTS") != "required" {
		t.Skipf("no report: autobahn/run.sh all writes one (%v)", err)
	}
	if err != nil {
		t.Fatalf("the suite was not run, or cut off before it wrote its report: %v", err)
	}
	var agents map[string]results
	if err := json.Unmarshal(b, &agents); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(agents) != 1 {
		t.Fatalf("%s: got %d agents, want 1", path, len(agents))
	}
	for _, r := range agents {
		return r
	}
	return nil
}

func readExpected(t *testing.T, role string) results {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("expected", role+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("expected/%s.json: %v", role, err)
	}
	return r
}
