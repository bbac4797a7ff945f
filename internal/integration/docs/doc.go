// Package docs has the programs of the pages under docs that need more than the kit's own
// module: other libraries for sign-in and for sessions, databases. Tests compare them with the
// pages, and sign in to those that stand on the kit. It has nothing to import.
package docs
