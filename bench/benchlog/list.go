package benchlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// WriteList returns the records of models and workloads: what a runner prints
// that is asked for its list.
func WriteList(models []ModelInfo, workloads []WorkloadInfo) (text []byte, err error) {
	add := func(record Record) {
		line, noteErr := Note(record)
		text, err = append(text, line...), errors.Join(err, noteErr)
	}
	for _, m := range models {
		add(m)
	}
	for _, w := range workloads {
		add(w)
	}
	return text, err
}

// ReadList reads what [WriteList] returned, or a runner printed that may be
// anyone's program. The error is a sentence about the first thing that is
// wrong; [CheckList] has had no objection if it is nil.
func ReadList(text []byte) (models []ModelInfo, workloads []WorkloadInfo, err error) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \t\r\n")
		word, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("# ")), []byte(" "))
		if w := string(word); len(line) > 0 && (line[0] != '#' || w != modelWord && w != workloadWord) {
			return nil, nil, fmt.Errorf("the line %.80q declares neither a model nor a workload", line)
		}
	}
	f, err := Read(io.MultiReader(bytes.NewReader(text), strings.NewReader("\n")))
	switch {
	case err != nil:
		return nil, nil, err
	case len(f.Damaged) > 0:
		return nil, nil, fmt.Errorf("%s cannot be read: %w", f.Damaged[0].What, f.Damaged[0].Err)
	case f.Full:
		return nil, nil, fmt.Errorf("a line is longer than %d bytes", maxDirective)
	}
	return f.Models, f.Workloads, CheckList(f.Models, f.Workloads)
}

// CheckList reports what is wrong with a list: a name that cannot stand in a
// benchmark's, or stands twice; a cell with neither implementation nor reason,
// or with both; more cells than a report can take.
func CheckList(models []ModelInfo, workloads []WorkloadInfo) error {
	switch {
	case len(models) == 0:
		return errors.New("no model")
	case len(workloads) == 0:
		return errors.New("no workload")
	case len(models) > MaxModels:
		return fmt.Errorf("%d models, and %d are the most", len(models), MaxModels)
	}
	declared := make(map[Model]bool)
	for _, m := range models {
		switch {
		case !goodName(string(m.Name), "/,="):
			return fmt.Errorf("model %.80q: not a name", m.Name)
		case declared[m.Name]:
			return fmt.Errorf("two models are called %s", m.Name)
		case m.Note == "":
			return fmt.Errorf("model %s: no note", m.Name)
		}
		declared[m.Name] = true
	}
	cases := 0
	named := make(map[string]bool)
	for _, w := range workloads {
		if named[w.Name] {
			return fmt.Errorf("two workloads are called %s", w.Name)
		}
		named[w.Name] = true
		if err := w.check(declared); err != nil {
			return err
		}
		cases += len(w.Points())
	}
	if cells := cases * len(models); cells > MaxCases {
		return fmt.Errorf("%d cells, and %d are the most", cells, MaxCases)
	}
	return nil
}

// Shared reports whether the workload is one of another program, which has
// declared what it is: this one has models for it.
func (w WorkloadInfo) Shared() bool { return w.Story == "" && w.Op == "" && len(w.Cases) == 0 }

// check reports what is wrong with a workload among the declared models.
func (w WorkloadInfo) check(declared map[Model]bool) error {
	switch {
	case !goodName(w.Name, "/,=-"):
		return fmt.Errorf("workload %.80q: not a benchmark name", w.Name)
	case w.Shared():
	case w.Story == "" || w.Op == "":
		return fmt.Errorf("workload %s: no story or no op", w.Name)
	case w.Kind != "" && !goodName(strings.ReplaceAll(w.Kind, " ", ""), ""):
		return fmt.Errorf("workload %s: not a kind: %.80q", w.Name, w.Kind)
	case len(w.Cases) == 0:
		return fmt.Errorf("workload %s: no cases; without parameters there is one, %q", w.Name, "")
	}
	for m := range declared {
		if reason := w.NA[m]; (reason != "") == slices.Contains(w.Models, m) {
			return fmt.Errorf("workload %s: %s needs an implementation or the reason why it has none", w.Name, m)
		}
	}
	for _, m := range w.Models {
		if !declared[m] {
			return fmt.Errorf("workload %s: no model %.80q is declared", w.Name, m)
		}
	}
	for _, key := range w.Refine {
		if !slices.ContainsFunc(w.Points(), func(p Params) bool { _, ok := p.Size(key); return ok }) {
			return fmt.Errorf("workload %s: no case has a size %.80q to refine", w.Name, key)
		}
	}
	points := slices.Concat(w.Cases, w.More)
	for i, p := range points {
		if err := p.Check(); err != nil {
			return fmt.Errorf("workload %s: %w", w.Name, err)
		}
		if slices.Contains(points[:i], p) {
			return fmt.Errorf("workload %s: it has the case %q twice", w.Name, p)
		}
	}
	return nil
}

// goodName reports whether a name can stand in that of a benchmark.
func goodName(name, without string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(without+"\"", r)
	})
}
