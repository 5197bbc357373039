#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The libraries export what the headers declare, and a program can be built with the
# installed libraries. Runs on the building machine. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
build=${KCHAN_BUILD:-build/user}
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=$build/libkchan.so.0

# declared HEADER...: the calls that they and their includes declare.
declared()
{
	for header; do
		gcc -E -P -Iuserspace/include "userspace/include/kchan/$header.h"
	done | grep -oE '\bkc_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

# exports LIBRARY VERSION: the symbols with that version.
exports()
{
	nm -D --defined-only "$build/$1" | sed -n "s/^.* T \(.*\)@@$2\$/\1/p" | sort
}

exported()
{
	declared kchan >"$work/declared"
	[ -s "$work/declared" ] || return
	exports libkchan.so.0 'LIBKCHAN_0\.1' >"$work/exported"
	diff "$work/declared" "$work/exported" || return
	declared testing synctest jitter | comm -23 - "$work/declared" >"$work/tests"
	[ -s "$work/tests" ] || return
	exports libkchan-test.so.0 'LIBKCHAN_TEST_0\.1' >"$work/exported"
	diff "$work/tests" "$work/exported"
}

# Also, the symbols of one library for the other one.
nothing_else()
{
	nm -D --defined-only "$library" | grep -v '@@LIBKCHAN_PRIVATE_0\.1\.0$' |
		awk '$2 != "T" && $2 != "A"' >"$work/other"
	nm -D --defined-only "$build/libkchan-test.so.0" |
		awk '$2 != "T" && $2 != "A"' >>"$work/other"
	nm -D --undefined-only "$build/libkchan-test.so.0" |
		sed -n 's/^ *U \(kc_.*\)@LIBKCHAN_PRIVATE_0\.1\.0$/\1/p' | sort \
		>"$work/needed"
	nm -D --defined-only "$library" |
		sed -n 's/^.* \(kc_.*\)@@LIBKCHAN_PRIVATE_0\.1\.0$/\1/p' | sort |
		comm -23 - "$work/needed" >>"$work/other"
	cat "$work/other"
	[ ! -s "$work/other" ]
}

# The global names of a static library share one name space with those of the program. So
# they are only the names of calls, and names that are reserved.
own_names()
{
	declared kchan testing synctest jitter >"$work/declared"
	nm -g --defined-only "$build/libkchan.a" "$build/libkchan-test.a" |
		awk 'NF == 3 && $3 !~ /^__kc_/ { print $3 }' | sort |
		comm -23 - "$work/declared" >"$work/other"
	cat "$work/other"
	[ ! -s "$work/other" ]
}

# A program that only uses channels links little of the library, and nothing of the test
# kit.
few_objects()
{
	cat >"$work/few.c" <<-'END'
	#include <kchan/kchan.h>
	int main(void)
	{
		kc_chan *c;
		int n = 1;

		if (kc_make(&c, sizeof(n), 1) || kc_send(c, &n) ||
		    kc_recv(c, &n) != 1 || kc_close(c))
			return 1;
		kc_unref(c);
		return 0;
	}
	END
	gcc -static -pthread -Iuserspace/include -Wl,-Map="$work/few.map" \
		-o "$work/few" "$work/few.c" "$build/libkchan-test.a" \
		"$build/libkchan.a" || return
	grep -oE 'libkchan(-test)?\.a\([a-z_.]*\)' "$work/few.map" | sort -u \
		>"$work/objects"
	cat "$work/objects"
	[ -s "$work/objects" ] && [ "$(wc -l <"$work/objects")" -le 20 ] || return
	! grep -q -e -test "$work/objects" || return
	# The race detector's own memory, which only it needs.
	size -A "$work/few" | awk '$1 == ".bss" && $2 > 262144 { print; bad = 1 }
		END { exit bad }'
}

# The address of the library's code identifies its frames: see lib/base/code.h.
in_one_place()
{
	for each in libkchan libkchan-test; do
		nm -n "$build/$each.so.0" | awk '
			$3 == "kc_code_start" { inside = 1 }
			$3 == "kc_code_end" { inside = 0; ended = 1 }
			$2 == "T" && $3 ~ /^kc_/ { nr++ }
			$2 == "T" && $3 ~ /^kc_/ && !inside { print; bad = 1 }
			END { exit bad || !nr || !ended }' || return
	done
}

soname()
{
	for each in libkchan libkchan-test; do
		readelf -d "$build/$each.so.0" |
			grep -q "SONAME.*\[$each\.so\.0\]" || return
	done
}

# No calls that are cancellation points. Cancellation is off where the reader of debug
# information is called.
no_cancellation_points()
{
	! nm -A --undefined-only "$build/libkchan.a" "$build/libkchan-test.a" |
		grep -v ':debuginfo' |
		grep -wE '(open|openat|close|read|write|writev|poll|ppoll|nanosleep|clock_nanosleep|pause|fcntl|fcntl64|sem_wait|pthread_cond_wait|usleep|sleep)(@.*)?$'
}

# The same for tests, with their own library.
installed_tests()
{
	cat >"$work/test.c" <<-'END'
	#include <kchan/kchan.h>
	#include <kchan/testing.h>
	#include <kchan/synctest.h>
	static void sleep_long(void *arg) { (void)arg; kc_sleep(3600 * KC_SECOND); }
	static void test_clock(kc_t *t)
	{
		KC_EXPECT(t, !kc_synctest(sleep_long, NULL));
	}
	static const kc_test_item tests[] = { KC_TEST(test_clock) };
	KC_TEST_MAIN(tests)
	END
	if command -v pkg-config >/dev/null; then
		flags=$(pkg-config --cflags --libs libkchan-test)
	else
		root=$work/root/opt/kchan
		flags="-I$root/include -L$root/lib64 -lkchan-test -lkchan"
	fi
	# shellcheck disable=SC2086 # flags
	gcc -o "$work/test" "$work/test.c" $flags || return
	LD_LIBRARY_PATH=$work/root/opt/kchan/lib64 "$work/test" || return
	# shellcheck disable=SC2086 # flags
	gcc -static -pthread -o "$work/test" "$work/test.c" $flags || return
	"$work/test"
}

# pkg-config returns the right options, for shared and static libraries.
installed()
{
	make -s -C userspace install DESTDIR="$work/root" PREFIX=/opt/kchan \
		LIBDIR=/opt/kchan/lib64 || return
	export PKG_CONFIG_PATH="$work/root/opt/kchan/lib64/pkgconfig"
	export PKG_CONFIG_SYSROOT_DIR="$work/root"
	cat >"$work/use.c" <<-'END'
	#include <kchan/kchan.h>
	#include <kchan/uapi.h>
	#include <string.h>
	int main(void) { return strcmp(kc_version(), KC_VERSION) != 0; }
	END
	if command -v pkg-config >/dev/null; then
		[ "$(pkg-config --modversion libkchan)" = 0.1.0 ] || return
		flags=$(pkg-config --cflags --libs libkchan)
	else
		root=$work/root/opt/kchan
		flags="-I$root/include -L$root/lib64 -lkchan"
	fi
	# shellcheck disable=SC2086 # flags
	gcc -o "$work/use" "$work/use.c" $flags || return
	LD_LIBRARY_PATH=$work/root/opt/kchan/lib64 "$work/use" || return
	# shellcheck disable=SC2086 # flags
	gcc -static -pthread -o "$work/use" "$work/use.c" $flags || return
	"$work/use" || return
	installed_tests || return
	make -s -C userspace uninstall DESTDIR="$work/root" PREFIX=/opt/kchan \
		LIBDIR=/opt/kchan/lib64 || return
	left=$(find "$work/root" ! -type d)
	echo "$left"
	[ -z "$left" ]
}

step "each function declared is exported, and the other way" exported
step "nothing else is exported" nothing_else
step "the static libraries have no names but those of calls, and such as no program has" \
	own_names
step "a static program of channels has 20 objects at most, and none for tests" few_objects
step "the code is in one place" in_one_place
step "the sonames" soname
step "no cancellation points" no_cancellation_points
step "install, build against it, uninstall" installed
steps_end
