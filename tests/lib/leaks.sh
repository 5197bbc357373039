#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# With sanitizers: a program that leaks is reported, and wordfreq does not leak. If
# another example leaks, examples.sh fails.
# Runs with busybox alone. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

found_out()
{
	! forgets >/tmp/seen 2>&1 && grep -q 'LeakSanitizer.*leak' /tmp/seen && return
	cat /tmp/seen
	return 1
}

step "what forgets a channel is found out" found_out
step "wordfreq leaks nothing" silent wordfreq -a /t
step "wordfreq with processes leaks nothing" silent wordfreq -a -p /t
steps_end
