// Package verify asks whether a page says what its results say. It reads the
// page as a browser does, and compares
//
//   - the results embedded in it with those of bench.txt;
//   - medians in its tables, and their ratios to the best, with those that a
//     reader of its own computes from bench.txt, with no code of the report;
//   - all else that it says, every sentence, number, link and point of a chart,
//     with a page that is made anew.
//
// What differs is told; that a page was written by another version of the
// program is among it, wherever that says something else.
package verify
