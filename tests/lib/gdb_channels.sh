#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What gdb shows of channels, and of goroutines that wait for them: in the guest, with a
# program that contains the script for gdb. TAP.

# shellcheck disable=SC2016,SC2317 # gdb's variables; functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

command -v gdb >/dev/null || {
	echo "1..0 # SKIP no gdb here"
	exit 0
}

cat >/tmp/commands <<-END
	info goroutines
	print *full
	print *ended
	print *messages
	echo == end\n
END

debug()
{
	PYTHONHOME=/t/gdb-python gdb -nx -batch \
		-iex 'add-auto-load-safe-path /usr/bin/waits' "$@" >/tmp/said 2>&1
}

# has PATTERN...: each pattern matches a line of the output.
has()
{
	for each in "$@"; do
		grep -qE -- "$each" /tmp/said && continue
		echo "not there: $each"
		cat /tmp/said
		return 1
	done
}

process()
{
	debug -ex 'break ready' -ex run -ex 'source /tmp/commands' \
		-ex 'generate-core-file /tmp/core' --args /usr/bin/waits channels
	id='channel [0-9]+ \(fd [0-9]+\)'
	has "^  9 +send +[0-9]+ +chan send +[0-9]+\.[0-9] s +$id +wait_send at " \
		"^  10 +select +[0-9]+ +select +[0-9]+\.[0-9] s +recv $id, send $id +wait_select at " \
		"^\\\$1 = $id: 2 of 2 elements of 8 bytes\$" \
		"^\\\$2 = $id: 0 of 0 elements of 8 bytes, closed\$" \
		"^\\\$3 = $id: 0 of 4 messages of up to 100 bytes\$" '^== end$'
}

# What only the kernel knew is not shown.
core()
{
	debug /usr/bin/waits /tmp/core -ex 'source /tmp/commands'
	has '^  9 +send +[0-9]+ +chan send +>[0-9]+\.[0-9] s +fd [0-9]+ +wait_send at ' \
		'^  10 +select +[0-9]+ +select +>[0-9]+\.[0-9] s +recv fd [0-9]+, send fd [0-9]+ +wait_select at ' \
		'^\$1 = fd [0-9]+: elements of 8 bytes$' \
		'^\$2 = fd [0-9]+: elements of 8 bytes$' \
		'^\$3 = fd [0-9]+: messages of up to 100 bytes$' '^== end$'
}

step "a process" process
step "a core file of it" core
steps_end
