package main

import (
	"testing"

	"github.com/xsignin/xsignin/internal/attack"
)

func TestUnderAttack(t *testing.T) { attack.Framework(t, newApp, "/me") }
