// Package format writes what reports show: values with their units, ratios,
// intervals, probabilities, counted nouns, names from files that anyone may
// have written, words of a shell. It knows nothing of runs.
package format
