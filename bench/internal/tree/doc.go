// Package tree holds the tests of the source tree as a whole: who may import
// what, what comments and documents refer to, and how wide comments are. It has
// no code of its own.
package tree
