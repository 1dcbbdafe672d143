// Package chart draws charts as inline SVG: a line for each of several models,
// or a row for each. A [Chart] is a plain value, of points, names and looks;
// which colours they have the page's style sheet says. It knows nothing of
// runs.
package chart
