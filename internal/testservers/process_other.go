//go:build !linux

package testservers

import "syscall"

// Tied works on Linux only. On other systems such a process keeps running.
func Tied(syscall.Signal) *syscall.SysProcAttr { return nil }

func unprivileged(string, syscall.Signal) (*syscall.SysProcAttr, error) { return nil, nil }
