// SPDX-License-Identifier: LGPL-2.1-or-later

package kchan

import "runtime"

// Package syscall has this number for newer processors only.
var sysRenameat2 = map[string]uintptr{
	"386":      353,
	"amd64":    316,
	"arm":      382,
	"arm64":    276,
	"loong64":  276,
	"mips":     4351,
	"mipsle":   4351,
	"mips64":   5311,
	"mips64le": 5311,
	"ppc64":    357,
	"ppc64le":  357,
	"riscv64":  276,
	"s390x":    347,
}[runtime.GOARCH]
