#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the race detector knows of the library. The programs are instrumented, and the
# library is not, in both forms. Runs on the building machine. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
build=${KCHAN_BUILD:-build/user}
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile()
{
	set -- gcc -D_GNU_SOURCE -O1 -g -fsanitize=thread -Iuserspace/include \
		tests/lib/races/mutex.c
	"$@" -o "$work/static" "$build/libkchan.a" &&
		"$@" -o "$work/shared" -L"$build" -lkchan
}

# run PROGRAM [HOW]: without address randomisation, which the detector may not support.
run()
{
	program=$1
	shift
	LD_LIBRARY_PATH=$build TSAN_OPTIONS=exitcode=66 \
		setarch -R "$work/$program" "$@" >"$work/said" 2>&1
}

# Without a mutex there is a race, which must be found.
found()
{
	run "$1"
	[ $? -eq 66 ] && grep -q 'data race' "$work/said" && return
	cat "$work/said"
	return 1
}

# quiet PROGRAM HOW: with a mutex there is no race, and nothing is reported.
quiet()
{
	run "$@" && [ ! -s "$work/said" ] && return
	cat "$work/said"
	return 1
}

step "an instrumented program builds" compile
for each in static shared; do
	step "$each library: a race is found" found $each
	step "$each library: none with a mutex" quiet $each lock
	step "$each library: none with one that is tried" quiet $each try
done
steps_end
