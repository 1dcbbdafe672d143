// Package output opens the paths that a user names for output. Nothing else in
// the module does, so that these rules hold for all of them:
//
//   - "-" is standard output.
//   - A file that is being read is not replaced, by whatever name it is called.
//   - A regular file is replaced whole or not at all: a full disk, an error or
//     a kill leaves the old one. Its mode stays. A symbolic link is followed,
//     and stays a link.
//   - A device, a pipe, or the file that standard output goes to, is written as
//     a stream and never replaced.
//   - A directory of results has one writer at a time; see [Own].
//
// Errors are one sentence that names the path as the user spelled it, and wrap
// the reason ([fs.ErrPermission], [syscall.ENOSPC], [ErrInput]).
package output
