package main

import (
	"testing"

	"github.com/xsignin/xsignin/examples/internal/localx/localxtest"
)

func TestSignIn(t *testing.T) { localxtest.SignIn(t, newApp) }
