// Package reporttest makes results for the tests of reports: small files, runs
// of given rates, a synthetic run of all workloads. All numbers are invented.
package reporttest
