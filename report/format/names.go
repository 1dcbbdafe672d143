package format

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds a name on the page.
const maxShown = 96

// Clean makes a name from a file fit to be shown, and keeps different names
// different: control characters, marks that change the direction of text and
// broken UTF-8 become visible, and a backslash is doubled so that nothing can
// pose as one of them. Of a long name the middle is cut out, and a checksum of
// the whole put there. Escaping for HTML comes after it.
func Clean(s string) string { return Fit(Visible(s, true), maxShown) }

// CleanTo makes prose from a file fit to be shown; what is too long loses its
// end.
func CleanTo(s string, limit int) string { return shorten(Visible(s, false), limit) }

// Visible shows what a reader would not see or a terminal would obey: control
// characters, marks that change the direction of text, broken UTF-8. If it is
// to be injective, different texts stay different; else tabs and line ends
// become spaces.
func Visible(s string, injective bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\' && injective:
			b.WriteString(`\\`)
		case r == utf8.RuneError && broken(s[i:]):
			fmt.Fprintf(&b, "\\x%02x", s[i])
		case (r == '\t' || r == '\n') && !injective:
			b.WriteByte(' ')
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		case r != ' ' && (unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)): // of space all but the plain one
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// broken reports whether s begins with a byte that is not UTF-8.
func broken(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}

// shorten cuts the end off a text of more than limit characters.
func shorten(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// Fit cuts the middle out of a name of more than limit characters.
func Fit(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	sum := fnv.New64a()
	sum.Write([]byte(s))
	mark := fmt.Sprintf("…%010x…", sum.Sum64()&(1<<40-1))
	keep := limit - utf8.RuneCountInString(mark)
	tail := keep / 2
	return string(r[:keep-tail]) + mark + string(r[len(r)-tail:])
}

// Count shows a number with its noun: "1 case", "3 cases".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// List joins words as a sentence does: "a", "a and b", "a, b and c".
func List(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// First is at most n things of a list, and how many more there are.
func First(all []string, n int) []string {
	var shown []string
	for _, s := range all[:min(n, len(all))] {
		shown = append(shown, Fit(Visible(s, false), 300))
	}
	if more := len(all) - n; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return shown
}

// Some is First in a line.
func Some(all []string, n int) string { return strings.Join(First(all, n), "; ") }

// OrNone is Clean, or "(none)" for nothing.
func OrNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return Clean(s)
}

// ShellQuote returns s as one word of a POSIX shell, so that a command shown
// to a reader can be pasted as it is. Words that need no quotes stay bare;
// characters that a terminal would obey are spelled out for printf.
func ShellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,+@%", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	var b strings.Builder
	b.WriteByte('\'')
	for i, r := range s {
		one := string(r)
		if r == '\uFFFD' && broken(s[i:]) {
			one = s[i : i+1]
		}
		switch {
		case r == '\'':
			b.WriteString(`'\''`)
		case r == '\n' || one == Visible(one, false) && one != "\t":
			b.WriteString(one)
		default:
			b.WriteString(`'"$(printf '`)
			for _, c := range []byte(one) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
			b.WriteString(`')"'`)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
