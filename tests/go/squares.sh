#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A program in Go and workers in C share channels: passed on, and by name. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

names=/tmp/squares
mkdir -p $names
mount -t kchan kchan $names

# adds ARGUMENT...: the sum of the squares up to 1000.
adds()
{
	[ "$(/t/go/squares "$@")" = 333833500 ]
}

step "channels that workers in C were given" adds gosquare
step "channels with names" adds gosquare $names
step "a worker that does not exist is told" \
	sh -c '! /t/go/squares /no/worker 2>/dev/null'
umount $names
steps_end
