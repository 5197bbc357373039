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

# found_out WHAT BY: what the function BY made.
found_out()
{
	! forgets "$1" >/tmp/seen 2>&1 && grep -q 'LeakSanitizer.*leak' /tmp/seen &&
		grep -q " in $2 " /tmp/seen && return
	cat /tmp/seen
	return 1
}

step "what forgets a channel is found out" found_out channel forget_channel
step "and a context that has a channel" found_out context forget_context
step "and a context with a function to be run" found_out func forget_func
step "wordfreq leaks nothing" silent wordfreq -a /t
step "wordfreq with processes leaks nothing" silent wordfreq -a -p /t
steps_end
