// Package examples is the home of those examples of package procs that are
// whole programs, because they are started by themselves. The others are in the
// documentation of the packages that they are about; the README lists all.
//
//   - master and worker: a master hands out tasks over the network, and any
//     number of workers, on any machine, work them off.
//   - service: a program that goes on in the background, once.
//
// The tests of this package build and run them.
package examples
