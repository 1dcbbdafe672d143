package tree

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// How wide a line of a comment may be, with tabs of four columns: what is
// written in sentences, and what is written as code or as a table.
const (
	proseColumns = 80
	codeColumns  = 100
)

// mayBeWide are lines that cannot be broken: directives and addresses. What an
// example prints cannot be either.
var mayBeWide = regexp.MustCompile(`^//(go:|line |export )|https?://\S{20}`)

// Comments that stand on lines of their own are narrow enough to be read.
func TestCommentWidth(t *testing.T) {
	for _, s := range sources(t) {
		output := false // in the output of an example
		for n, line := range strings.Split(s.text, "\n") {
			comment := strings.TrimLeft(line, "\t")
			if !strings.HasPrefix(comment, "//") {
				output = false
				continue
			}
			if comment == "// Output:" || comment == "// Unordered output:" {
				output = s.test
			}
			if output || mayBeWide.MatchString(comment) {
				continue
			}
			limit := proseColumns
			if strings.HasPrefix(comment, "//\t") {
				limit = codeColumns
			}
			if width := columns(line); width > limit {
				t.Errorf("%s:%d: %d columns, %d are enough: %s", s.path, n+1, width, limit, comment)
			}
		}
	}
}

func columns(line string) int {
	return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
}
