package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Variables of a program that holds many changes. Its children inherit them.
const (
	changeVariable  = "MUTANTS_CHANGE"  // number of the one that it makes
	reachedVariable = "MUTANTS_REACHED" // file for the numbers of those that it comes to
)

// switchSource is a file more of a package that holds many changes. It notes
// each change once, by a system call: a file of package os would make a poller,
// which tests that count descriptors see.
const switchSource = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
)

var (
	mutantsChange, _ = strconv.Atoi(os.Getenv("` + changeVariable + `"))
	mutantsFile      = os.Getenv("` + reachedVariable + `")
	mutantsReached   [%d]atomic.Bool
)

func mutantsMake(n int) bool { return n == mutantsChange || mutantsFile != "" && mutantsReach(n) }

func mutantsReach(n int) bool {
	if mutantsReached[n].Swap(true) {
		return false
	}
	fd, err := syscall.Open(mutantsFile, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CREAT|syscall.O_CLOEXEC, 0o666)
	if err != nil {
		mutantsReached[n].Store(false) // out of descriptors, say: the next call tries again
		return false
	}
	syscall.Write(fd, []byte(strconv.Itoa(n)+"\n"))
	syscall.Close(fd)
	return false
}
`

// switched returns the files that differ if the packages hold all the changes:
// each function that has some asks first which it is to make. They are numbered
// from 1. One that must stand apart is only noted where it would be.
func switched(changes []*Change, apart map[*Change]bool) map[string][]byte {
	texts := map[string][]byte{}
	edits := map[*source][]edit{}
	for i, c := range changes {
		first := c.pkg.files[0]
		texts[filepath.Join(filepath.Dir(first.path), "mutants_switch.go")] =
			fmt.Appendf(nil, switchSource, first.file.Name.Name, len(changes)+1)
		if apart[c] {
			open := c.src.at(c.body.Lbrace) + 1
			edits[c.src] = append(edits[c.src], edit{open, open, fmt.Sprintf("mutantsMake(%d); %s", i+1, c.back())})
		} else {
			edits[c.src] = append(edits[c.src], c.behindSwitch(i+1))
		}
	}
	for src, edits := range edits {
		slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
		texts[src.path] = src.edited(0, len(src.text), edits)
	}
	return texts
}

// behindSwitch returns the edit that puts a copy of the function's body, with
// the change, before the body. What follows keeps its line numbers.
func (c *Change) behindSwitch(n int) edit {
	open, end := c.src.at(c.body.Lbrace)+1, c.src.at(c.body.Rbrace)
	leave := ""
	if !c.value {
		leave = "return "
	}
	return edit{open, open, fmt.Sprintf("if mutantsMake(%d) {%s%s\n%s}; %s", n, c.back(), c.src.edited(open, end, c.edits), leave, c.back())}
}

// back is the directive by which what follows is where the body begins.
func (c *Change) back() string {
	pos := c.src.fset.Position(c.body.Lbrace + 1)
	return fmt.Sprintf("/*line :%d:%d*/", pos.Line, pos.Column)
}

// apart reports whether a change cannot stand behind a switch: it is outside of
// functions, say, or the function has labels, which would be there twice.
func (c *Change) apart() bool {
	return c.body == nil || !c.pkg.compiles(switched([]*Change{c}, nil))
}

// takeReached reads, and removes, the file that a program and its children wrote.
func takeReached(name string, changes []*Change) (came []*Change, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, field := range bytes.Fields(text) {
		n, err := strconv.Atoi(string(field))
		if err != nil || n < 1 || n > len(changes) {
			return nil, fmt.Errorf("%q is not the number of a change", field)
		}
		if !slices.Contains(came, changes[n-1]) {
			came = append(came, changes[n-1])
		}
	}
	return came, errors.Join(err, os.Remove(name))
}
