// Package troubleshooting has the addresses of the sections of docs/troubleshooting.md, for
// log lines that name a cause.
package troubleshooting

const page = "https://github.com/xsignin/xsignin/blob/main/docs/troubleshooting.md"

// URL returns the address of the section about a cause: a code of page/problems.json or of
// findings.json. The section's heading is the code itself, which GitHub makes the anchor.
func URL(code string) string { return page + "#" + code }
