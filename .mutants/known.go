package main

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strings"
)

// A Known list holds changes that were judged to make no difference, with the
// reason of each.
type Known map[string]string

// ReadKnown reads a list: names of changes, one a line, under comment lines
// that give the reason. A blank line ends a reason.
func ReadKnown(r io.Reader) (Known, error) {
	known := Known{}
	var reason []string
	fresh := false // the last line was part of a reason
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		text, comment := strings.CutPrefix(line, "#")
		switch {
		case line == "":
			reason = nil
		case comment && !fresh:
			reason = []string{strings.TrimSpace(text)}
		case comment:
			reason = append(reason, strings.TrimSpace(text))
		case len(reason) == 0:
			return nil, fmt.Errorf("line %d: a known change needs a reason above it", n)
		case !strings.Contains(line, " -> "):
			return nil, fmt.Errorf("line %d: want \"file:function: before -> after\"", n)
		default:
			known[line] = strings.Join(reason, " ")
		}
		fresh = comment
	}
	return known, in.Err()
}

// stale returns the entries for files of the packages that name no change of
// theirs any more.
func (k Known) stale(packages []*Package) []string {
	files, names := map[string]bool{}, map[string]bool{}
	for _, p := range packages {
		for _, s := range p.files {
			files[s.name] = true
		}
		for _, c := range p.Changes {
			names[c.Name()] = true
		}
	}
	var stale []string
	for name := range k {
		file, _, _ := strings.Cut(name, ":")
		if files[file] && !names[name] {
			stale = append(stale, name)
		}
	}
	sort.Strings(stale)
	return stale
}
