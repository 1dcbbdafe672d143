package advice

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"switchyard/report/format"
)

// Write writes an answer as a terminal shows it: the decision, a table for each
// aspect, and what to measure.
func (out *Answer) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, out.Headline())
	for _, s := range out.Aspects {
		fmt.Fprintf(&b, "\n%s: %s", capital(s.Ask), s.Of)
		if s.Where != "" {
			fmt.Fprintf(&b, " (%s)", s.Where)
		}
		fmt.Fprintln(&b)
		if s.Why != "" {
			fmt.Fprintf(&b, "  %s\n", s.Why)
		}
		t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		for _, m := range s.Models {
			if m.Why != "" {
				fmt.Fprintf(t, "  %s\t-\t%s\n", format.Clean(m.Model), format.CleanTo(m.Why, 400))
				continue
			}
			fmt.Fprintf(t, "  %s\t%s\t%s to %s\t%s\n", format.Clean(m.Model), format.Value(m.Center, s.Unit),
				format.Value(m.Lo, s.Unit), format.Value(m.Hi, s.Unit), m.note(s))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if line := out.Command(); line != "" {
		fmt.Fprintf(&b, "\nWhat would tell more:\n\n  %s\n", line)
	}
	var text strings.Builder
	for line := range strings.Lines(b.String()) {
		text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Headline is the decision in a sentence.
func (out *Answer) Headline() string {
	s := ""
	switch {
	case out.Decided:
		s = out.Best[0] + "."
	case len(out.Best) == 0 && len(out.Aspects) == 0:
		s = "Nothing was asked."
	case len(out.Best) == 0 && !slices.ContainsFunc(out.Aspects, func(a Aspect) bool { return len(a.Best) > 0 }):
		s = "Nothing asked can be answered from these results."
	case len(out.Best) == 0:
		s = "Not decided"
		sep := ": "
		for _, a := range out.Aspects {
			if len(a.Best) > 0 {
				s += sep + strings.Join(a.Best, " or ") + " for " + a.Ask
				sep = "; "
			}
		}
		s += "."
	case len(out.Best) == 1:
		s = "Not decided: " + out.Best[0] + " is ahead, and part of the question was not measured."
	default:
		s = "Not decided between " + format.List(out.Best) + "."
	}
	if len(out.TooBig) > 0 {
		s += " Too large for the memory: " + format.List(out.TooBig) + "."
	}
	return format.CleanTo(s, 400)
}

// Command returns the command that measures what would tell more, "" if nothing
// would.
func (out *Answer) Command() string {
	if len(out.Measure) == 0 {
		return ""
	}
	return "make bench COUNT=20 WORKLOADS=" + format.ShellQuote(strings.Join(out.Measure, "|"))
}

func (m Standing) note(s Aspect) string {
	switch {
	case s.Limit > 0 && m.Behind:
		return "more than " + format.Value(s.Limit, "bytes")
	case m.Beside:
		return "shown only"
	case m.Behind:
		return "behind"
	case len(s.Best) == 1:
		return "best"
	case len(s.Best) > 1:
		return "undecided"
	}
	return ""
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
