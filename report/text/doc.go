// Package text writes reports for a terminal: tables in the shape of
// benchstat's and the verdict.
package text
