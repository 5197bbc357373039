#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Valgrind's memcheck, if the building machine has it: it knows which memory a receive
# has written, and checks the memory of a send. Runs with busybox alone. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

valgrind=/usr/libexec/valgrind

# What valgrind's launcher does, which the guest does not have.
check()
{
	VALGRIND_LIB=$valgrind VALGRIND_LAUNCHER=/usr/bin/valgrind \
		"$valgrind/memcheck-amd64-linux" --tool=memcheck \
		"$@" >/tmp/seen 2>&1
}

# It always reports errors in libc, which is linked statically, and in thread-local
# variables, because it does not know that libc has written them.
clean()
{
	check /usr/bin/elements >/dev/null
	sed 's/^==[0-9]*== *//' /tmp/seen |
		awk 'BEGIN { RS = "" } !/kc_g_self|own_dice/' >/tmp/rest
	grep -q 'ERROR SUMMARY' /tmp/seen &&
		! grep -qE 'look_at|kc_|abort' /tmp/rest && return
	cat /tmp/seen
	return 1
}

# found WHERE HOW
found()
{
	check /usr/bin/elements "$2"
	grep -q "$1" /tmp/seen && return
	cat /tmp/seen
	return 1
}

if [ ! -x $valgrind/memcheck-amd64-linux ]; then
	echo "1..0 # SKIP no valgrind"
	exit
fi
step "what is received is known to be written" clean
step "what was never written is found when it is sent" found kc_try_send send
step "and when it is looked at" found look_at look
steps_end
