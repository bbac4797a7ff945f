//go:build !linux

package testservers

import "syscall"

func tied(syscall.Signal) *syscall.SysProcAttr { return nil }

func unprivileged(string, syscall.Signal) (*syscall.SysProcAttr, error) { return nil, nil }
