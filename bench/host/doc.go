// Package host says what of this machine explains a number: processor, limits,
// kernel, what else is going on. They are written into the results of every
// run.
//
// It only reads. Where something cannot be read the fact is "unknown": never an
// error.
package host
