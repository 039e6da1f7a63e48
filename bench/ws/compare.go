//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/tidewire/websocket/bench/internal/report"
)

// readReport reads what -json has written.
func readReport(file string) (*Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// comparison has for every metric that tells of cost what it was, what it is, and the
// quotient of the two. Ratios to the base are the ones that a busy machine disturbs least.
func (r *Report) comparison(old *Report) []*report.Table {
	t := &report.Table{
		Title:  "Compared with " + old.Machine.Date,
		Note:   "What it is now divided by what it was.",
		Header: []string{"scenario", "contestant", "metric", "was", "is", "is/was"},
	}
	for _, o := range r.Scenarios {
		for _, result := range o.Results {
			before := old.find(o.Name, result.Contestant)
			if before == nil {
				continue
			}
			for _, c := range columns {
				was, had := before.Metrics[c.metric]
				is, has := result.Metrics[c.metric]
				if compared[c.metric] && had && has && was.Median != 0 {
					t.Add(o.Name, result.Contestant, c.title, c.text(was.Median), c.text(is.Median), fmt.Sprintf("%.3f", is.Median/was.Median))
				}
			}
		}
	}
	return []*report.Table{t}
}

var compared = map[string]bool{Times: true, CPU: true, Wire: true, Collected: true, CollectedAfter: true}

func (r *Report) find(scenario, contestant string) *Result {
	for _, o := range r.Scenarios {
		if o.Name != scenario {
			continue
		}
		for _, result := range o.Results {
			if result.Contestant == contestant {
				return result
			}
		}
	}
	return nil
}
