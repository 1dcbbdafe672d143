package format

import (
	"fmt"
	"strings"
)

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
