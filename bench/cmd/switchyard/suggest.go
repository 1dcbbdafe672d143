package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// didYouMean is a question with the known word that is nearest to an unknown
// one, to be put behind an error; "" where none is near.
func didYouMean(word string, known []string) string {
	best, least := "", (len(word)+1)/3+1
	for _, k := range known {
		if d := typos(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// typos is the number of letters too many, too few, wrong, or swapped with
// their neighbour that make one word of another.
func typos(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// oneOf checks a name against those that there are.
func oneOf(what, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return usageErrorf("%s %q; there are: %s%s", what, name, strings.Join(known, " "), didYouMean(name, known))
}

// noCommand is the error of a word that is no command of root's.
func noCommand(root *cobra.Command, word string) error {
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usageErrorf("unknown command %q for %q%s\nsee %q", word, root.Name(), didYouMean(word, names), root.Name()+" --help")
}

// wanted says what the values of a kind of flag look like.
var wanted = map[string]string{
	"int": "a whole number", "uint64": "a whole number that is not negative", "duration": `a time such as "50ms" or "1m30s"`, "bool": "true or false", "float64": "a number such as 0.8",
}

// badFlag is the error of a flag, in the words of who types it.
func badFlag(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing) && missing.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		near := strings.Replace(didYouMean(missing.GetSpecifiedName(), names), `"`, `"--`, 1)
		err = fmt.Errorf("%w%s", err, near)
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		if want := wanted[flag.Value.Type()]; want != "" {
			err = fmt.Errorf("--%s %q: want %s", flag.Name, invalid.GetValue(), want)
		}
	}
	return usageErrorf("%w\nsee %q", err, cmd.CommandPath()+" --help")
}
