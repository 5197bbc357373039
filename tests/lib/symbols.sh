#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the libraries export is what the headers declare; and the libraries as
# installed can be built against. On the machine that builds. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
build=${KCHAN_BUILD:-build/user}
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=$build/libkchan.so.0

declared()
{
	gcc -E -P -Iuserspace/include userspace/include/kchan/kchan.h |
		grep -oE '\bkc_[a-z0-9_]+\(' | tr -d '(' | sort -u
}

exported()
{
	declared >"$work/declared"
	[ -s "$work/declared" ] || return
	nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' |
		sed 's/@@LIBKCHAN_0\.1$//' | sort >"$work/exported"
	diff "$work/declared" "$work/exported"
}

nothing_else()
{
	nm -D --defined-only "$library" |
		awk '$2 != "T" && $3 != "LIBKCHAN_0.1"' >"$work/other"
	cat "$work/other"
	[ ! -s "$work/other" ]
}

# Of a static library all global names meet those of the program.
prefixed()
{
	nm -g --defined-only "$build/libkchan.a" |
		awk 'NF == 3 && $3 !~ /^kc_/' >"$work/other"
	cat "$work/other"
	[ ! -s "$work/other" ]
}

soname()
{
	readelf -d "$library" | grep -q 'SONAME.*\[libkchan\.so\.0\]'
}

# No calls that pthread_cancel() acts on. The reader of debug information is called
# where that is off.
no_cancellation_points()
{
	! nm -A --undefined-only "$build/libkchan.a" | grep -v ':debuginfo' |
		grep -wE '(open|openat|close|read|write|writev|poll|ppoll|nanosleep|clock_nanosleep|pause|fcntl|fcntl64|sem_wait|pthread_cond_wait|usleep|sleep)(@.*)?$'
}

# pkg-config gives what it takes, for both libraries.
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
	make -s -C userspace uninstall DESTDIR="$work/root" PREFIX=/opt/kchan \
		LIBDIR=/opt/kchan/lib64 || return
	left=$(find "$work/root" ! -type d)
	echo "$left"
	[ -z "$left" ]
}

step "each function declared is exported, and the other way" exported
step "nothing else is exported" nothing_else
step "the static library's names have its prefix" prefixed
step "the soname" soname
step "no cancellation points" no_cancellation_points
step "install, build against it, uninstall" installed
steps_end
