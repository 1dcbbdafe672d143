// Package page writes a report as one HTML file that needs no network and no
// script: page.tmpl, page.css and page.js, filled in and joined. Sections are
// made one by one, of an analysis, as plain values. Charts are drawn last, by a
// package that knows nothing of runs, through a canvas that writes classes
// in place of colours, so that the style sheet decides for light, dark and
// print. The page stays below three megabytes; what does not fit is left out
// with a note. The form for advice answers as package advice does, from the
// curves that stand below it as tables; tests in a browser compare the two.
package page
