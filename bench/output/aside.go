package output

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SetAside moves files of a directory that are in the way into a new directory
// inside it, which is named after the time at which the first of them was last
// written. It returns that directory and the names of what it moved; others'
// files stay where they are. If nothing is there it returns "".
func SetAside(dir string, names ...string) (aside string, moved []string, err error) {
	for _, name := range names {
		from := filepath.Join(dir, name)
		info, err := os.Lstat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && aside == "" {
			aside, err = asideDirectory(dir, info.ModTime())
		}
		if err == nil {
			err = os.Rename(from, filepath.Join(aside, name))
		}
		if err != nil {
			return aside, moved, fmt.Errorf("set %s aside: %w", from, reason(err))
		}
		moved = append(moved, name)
	}
	return aside, moved, nil
}

// asideFormat is how the names of directories say when results were written.
const asideFormat = "20060102T150405.000"

// asideDirectory makes a directory that was not there.
func asideDirectory(dir string, written time.Time) (string, error) {
	first := filepath.Join(dir, written.UTC().Format(asideFormat))
	for n := 1; ; n++ {
		name := first
		if n > 1 {
			name = fmt.Sprintf("%s-%d", first, n)
		}
		err := os.Mkdir(name, 0o777)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// Prune deletes what [SetAside] has moved, all but the newest: of the
// directories inside dir with such a name that hold nothing but regular files
// of the given names, and which ours says are ours, those beyond the number to
// keep. It returns their names. A directory with anything else in it stays as
// it is, and does not count.
func Prune(dir string, keep int, ours func(aside string) bool, names ...string) (deleted []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for old results in %s: %w", dir, reason(err))
	}
	var old []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() && isAside(e.Name()) && holdsOnly(path, names) && ours(path) {
			old = append(old, e.Name())
		}
	}
	slices.SortFunc(old, func(a, b string) int { // "-10" comes after "-2"
		return cmp.Or(cmp.Compare(a[:len(asideFormat)], b[:len(asideFormat)]), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	for _, name := range old[:max(len(old)-keep, 0)] {
		path := filepath.Join(dir, name)
		for _, file := range names {
			if err := os.Remove(filepath.Join(path, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return deleted, fmt.Errorf("delete the old results %s: %w", path, reason(err))
			}
		}
		if err := os.Remove(path); err != nil { // somebody has put something there
			return deleted, fmt.Errorf("delete the old results %s: %w", path, reason(err))
		}
		deleted = append(deleted, name)
	}
	return deleted, nil
}

// isAside reports whether asideDirectory may have made a directory of that
// name.
func isAside(name string) bool {
	written, number, numbered := strings.Cut(name, "-")
	_, err := time.Parse(asideFormat, written)
	n, numberErr := strconv.Atoi(number)
	return err == nil && len(written) == len(asideFormat) && (!numbered || numberErr == nil && n > 1)
}

// holdsOnly reports whether a directory holds regular files of these names, and
// nothing else.
func holdsOnly(dir string, names []string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || !slices.Contains(names, e.Name())
	})
}
