// Package docs has the programs of the pages under docs that need more than the kit's own
// module: other libraries for sign-in and for sessions, and databases. Tests compare the
// programs with the pages, and sign in to the programs that use the kit. Package fragments has
// the blocks that are no whole programs.
package docs
