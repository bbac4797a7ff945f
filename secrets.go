package xsignin

import (
	"errors"
	"fmt"
	"strings"
)

// minSecret is the shortest secret, in bytes.
const minSecret = 32

// ParseSecrets splits the value of a variable into the secrets for Config.Secrets, newest
// first. Spaces and line breaks separate them. An empty value has no secrets. An error never
// shows a secret.
func ParseSecrets(value string) ([]string, error) {
	secrets := strings.Fields(value)
	for i, s := range secrets {
		if problem := secretProblem(s); problem != "" {
			return nil, fmt.Errorf("xsignin: secret %d %s", i+1, problem)
		}
	}
	if value != "" && len(secrets) == 0 {
		return nil, errors.New("xsignin: the value has no secret in it (write a secret, or leave the variable unset)")
	}
	return secrets, nil
}

// secretProblem returns what is wrong with a secret, or "".
func secretProblem(s string) string {
	switch {
	case s == "":
		return "is empty (is its environment variable set? `openssl rand -base64 32` makes a secret)"
	case strings.Contains(s, ","):
		return "has a comma in it (separate secrets by spaces)"
	case strings.ContainsAny(s, "\"'`"):
		return "has a quotation mark in it (write the secret without quotation marks)"
	case strings.ContainsAny(s, " \t\r\n"):
		return "has a space or a line break in it (split the variable by xsignin.ParseSecrets)"
	case len(s) < minSecret:
		return fmt.Sprintf("has %d bytes and needs at least %d (`openssl rand -base64 32` makes a secret)", len(s), minSecret)
	}
	return ""
}
