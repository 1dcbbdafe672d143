// The floor of BenchmarkProcessStart: nothing starts faster in Go.
package main

func main() {}
