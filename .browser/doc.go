// Package browser tests the report's page in a headless Chromium: what it does
// with a keyboard, without a script, on paper, on a phone. It is a module of
// its own, so that the product's has no dependency for it. Where there is no
// Chromium in $PATH its tests are skipped.
package browser
