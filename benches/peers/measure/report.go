// Package measure has what the programs of the peers share: callers who repeat an operation, events at an even
// pace, and the lines in which results are printed.
package measure

import (
	"encoding/json"
	"io"
	"math"
)

// Sample is one line of output. Fields that do not apply stay zero and are left out.
type Sample struct {
	Bench  string         `json:"bench"`
	Params map[string]any `json:"params"`
	Ops    float64        `json:"ops_per_s,omitempty"`
	NsOp   float64        `json:"ns_per_op,omitempty"`
	P50    float64        `json:"p50_us,omitempty"`
	P99    float64        `json:"p99_us,omitempty"`
	Ms     float64        `json:"ms,omitempty"`
	Count  int            `json:"count,omitempty"`
}

// Reporter prints samples.
type Reporter struct{ lines *json.Encoder }

// NewReporter prints to out.
func NewReporter(out io.Writer) *Reporter { return &Reporter{json.NewEncoder(out)} }

// Report prints one sample.
func (r *Reporter) Report(sample Sample) error {
	if sample.Params == nil {
		sample.Params = map[string]any{}
	}
	for _, field := range []*float64{&sample.Ops, &sample.NsOp, &sample.P50, &sample.P99, &sample.Ms} {
		*field = math.Round(*field*100) / 100
	}
	return r.lines.Encode(sample)
}
