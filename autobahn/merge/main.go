package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// index is the suite's index.json: results by agent and by case, like "6.4.1".
type index map[string]map[string]result

// result is what the suite says of one case.
type result struct {
	Behavior        string `json:"behavior"`
	BehaviorClose   string `json:"behaviorClose"`
	Duration        int    `json:"duration"` // in milliseconds
	RemoteCloseCode *int   `json:"remoteCloseCode"`
	ReportFile      string `json:"reportfile"` // FILE.json; FILE.html is for reading
}

// page is the name of the case's page.
func (r result) Page() string { return strings.TrimSuffix(r.ReportFile, ".json") + ".html" }

func main() {
	log.SetFlags(0)
	into := flag.String("into", "", "the folder of the new report")
	flag.Parse()
	if *into == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := merge(*into, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// merge makes one report of several.
func merge(into string, reports []string) error {
	all := index{}
	for _, report := range reports {
		part, err := read(report)
		if err != nil {
			return err
		}
		if err := all.add(part); err != nil {
			return fmt.Errorf("%s: %w", report, err)
		}
		if err := copyPages(into, report, part); err != nil {
			return err
		}
	}
	return all.write(into)
}

func read(report string) (part index, err error) {
	b, err := os.ReadFile(filepath.Join(report, "index.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &part); err != nil {
		return nil, fmt.Errorf("%s: %w", report, err)
	}
	if len(part) == 0 {
		return nil, fmt.Errorf("%s: no agent and no case", report)
	}
	return part, nil
}

// add takes over the results of another index.
func (x index) add(part index) error {
	for agent, results := range part {
		if x[agent] == nil {
			x[agent] = map[string]result{}
		}
		for id, r := range results {
			if _, double := x[agent][id]; double {
				return fmt.Errorf("case %s of %s was run twice", id, agent)
			}
			x[agent][id] = r
		}
	}
	return nil
}

// copyPages copies what the suite wrote about each case of part.
func copyPages(into, report string, part index) error {
	for _, results := range part {
		for _, r := range results {
			for _, name := range []string{r.ReportFile, r.Page()} {
				b, err := os.ReadFile(filepath.Join(report, name))
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(into, name), b, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// write writes index.json and index.html.
func (x index) write(into string) error {
	b, err := json.MarshalIndent(x, "", "   ")
	if err != nil {
		return err
	}
	page, err := os.Create(filepath.Join(into, "index.html"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(into, "index.json"), append(b, '\n'), 0o644),
		pageTemplate.Execute(page, x),
		page.Close())
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"sorted": sorted}).Parse(
	`<!DOCTYPE html>
<meta charset="utf-8">
<title>Autobahn</title>
{{range $agent, $results := .}}<h1>{{$agent}}: {{len $results}} cases</h1>
<table>
<tr><th>Case<th>Behavior<th>Close<th>Milliseconds
{{range $id := sorted $results}}{{with index $results $id -}}
<tr><td><a href="{{.Page}}">{{$id}}</a><td>{{.Behavior}}<td>{{.BehaviorClose}}<td>{{.Duration}}
{{end}}{{end}}</table>
{{end}}`))

// sorted returns the ids of the cases in the order of their numbers.
func sorted(results map[string]result) []string {
	return slices.SortedFunc(maps.Keys(results), compareIDs)
}

func compareIDs(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		m, _ := strconv.Atoi(a)
		n, _ := strconv.Atoi(b)
		return cmp.Compare(m, n)
	})
}
