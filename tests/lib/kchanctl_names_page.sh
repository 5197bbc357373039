#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The session of a shell that docs/names.md shows, word for word. Runs with busybox alone. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/lib/common/names.sh
. "${STEPS%/*}/names.sh"

# A busy machine needs more time for what the page says takes a second.
sleep()
{
	command sleep $(($1 * 5))
}

# Only those of this test.
killall()
{
	shift
	for program in "$@"; do
		# shellcheck disable=SC2046 # several words
		kill -9 $(ours "$program")
	done
}

# Lines that begin with "# " are run; the others are what is written then.
session()
{
	rm -rf /run/kchan/*
	sed -n '/^### A job queue/,/^### Names/s/^    //p' "${STEPS%/*}/names.md" >/tmp/wanted
	is 9 grep -c '^# ' /tmp/wanted || return
	grep '^# ' /tmp/wanted >/tmp/lines
	: >/tmp/seen
	while read -r line <&5; do
		printf '%s\n' "$line" >>/tmp/seen
		eval "${line#??}" >>/tmp/seen 2>/dev/null
	done 5</tmp/lines
	diff /tmp/wanted /tmp/seen
}

step "the session of docs/names.md" session
steps_end
