//go:build !linux

package testservers

import "syscall"

// Tied is for Linux alone. Elsewhere such a process stays.
func Tied(syscall.Signal) *syscall.SysProcAttr { return nil }

func unprivileged(string, syscall.Signal) (*syscall.SysProcAttr, error) { return nil, nil }
