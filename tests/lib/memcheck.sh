#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Valgrind's memcheck, where the machine that builds has it: it knows what has been
# received, and that what is sent has to have been written. Runs with busybox alone.
# TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

valgrind=/usr/libexec/valgrind

# What its own launcher does, which need not be carried in.
check()
{
	VALGRIND_LIB=$valgrind VALGRIND_LAUNCHER=/usr/bin/valgrind \
		"$valgrind/memcheck-amd64-linux" --tool=memcheck --error-exitcode=9 \
		"$@" >/tmp/seen 2>&1
}

clean()
{
	check /usr/bin/elements && grep -q 'ERROR SUMMARY: 0 errors' /tmp/seen && return
	cat /tmp/seen
	return 1
}

found()
{
	check /usr/bin/elements unwritten
	[ $? -eq 9 ] && grep -q 'kc_try_send' /tmp/seen && return
	cat /tmp/seen
	return 1
}

if [ ! -x $valgrind/memcheck-amd64-linux ]; then
	echo "1..0 # SKIP no valgrind"
	exit
fi
step "what is received is known to be written" clean
step "what is sent and was never written is found" found
steps_end
