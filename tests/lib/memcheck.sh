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

# It always reports errors in libc, which is linked statically. No line numbers are known
# there. An error is ours if the innermost call has a line number. For an argument of a
# system call, that is the call outside of syscall().
clean()
{
	check /usr/bin/elements && sed 's/^==[0-9]*== *//' /tmp/seen | awk '
		BEGIN { RS = ""; FS = "\n" }
		{
			for (i = 1; i < NF && $i !~ /^at 0x/; i++)
				;
			if ($1 $2 ~ /Syscall param/ && $i !~ /\.[ch]:[0-9]+\)/)
				i++
			bad += $i ~ /\.[ch]:[0-9]+\)$/
		}
		END { exit bad > 0 }' && return
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
step "also on a channel that is used often" found kc_try_send hot
step "and when it is looked at" found look_at look
steps_end
