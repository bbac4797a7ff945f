package testservers

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Tied makes a process that the test starts end with sig if the test dies without its cleanups,
// for example after a panic or a timeout.
func Tied(sig syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: sig}
}

// unprivileged is [Tied] for a server that refuses to run as root. The server runs as a user
// without rights, who owns dir.
func unprivileged(dir string, sig syscall.Signal) (*syscall.SysProcAttr, error) {
	attr := Tied(sig)
	if os.Geteuid() != 0 {
		return attr, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attr, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("there is no user postgres or nobody to run it")
}
