#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Install the Debian packages that are not there yet.
#
# usage: scripts/deps.sh [-n] [-a PACKAGE]... SET
#
#   -n   install nothing: name what is missing, and fail if something is
#   -a   this package besides
#
# The sets:
#
#   build   what "make" needs
#   run     what "make run" needs besides
#   bench   what "make bench" needs besides: plots, and Go to compare with
#   model   what "make model" needs
#   arm64   what "make arm64" needs besides "make run": a compiler and an emulator
#   pictures  what "make pictures" needs
#   html    what "make html" needs
#   python  what "make check-python" needs besides "make run"
#   go      what "make go" needs besides "make run"
#   clients what "make clients" needs besides "make run"
#   packages  what "make check-packages" needs besides "make run"
#   check   what "make check" needs besides "make run" and "make model"
#   none    nothing; with KCHAN_APT_UPDATE=1 the package lists alone

set -eu

build="gcc libc6-dev libncurses-dev make binutils util-linux python3"
run="$build gcc-12 libelf1 qemu-system-x86 busybox-static ca-certificates"
bench="$run gnuplot-nox golang-go"
model="gcc libc6-dev python3 spin"
arm64="$run gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm"
python="$run python3-cffi python3-dev python3-setuptools mypy"
pictures="graphviz mscgen"
html="gcc make mandoc python3"
go="$run golang-go"
small_clients="libuv1-dev libevent-dev liburing-dev socat moreutils findutils"
clients="$go $small_clients rustc nodejs"
packages="$run build-essential debhelper dh-dkms systemd pkg-config lintian debootstrap
	e2fsprogs dh-python libpython3-all-dev python3-all-dev python3-cffi
	python3-setuptools golang-go mandoc"
check="$run $model linux-source-6.12 build-essential flex bison bc libelf-dev
	libssl-dev kmod cpio g++ perl patch xz-utils bubblewrap sparse shellcheck
	cppcheck mandoc gdb $python $small_clients"

name_only=
missing=
added=
while getopts na: option; do
	case $option in
	n) name_only=1 ;;
	a) added="$added $OPTARG" ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
case ${1-} in
build) wanted=$build ;;
run) wanted=$run ;;
bench) wanted=$bench ;;
model) wanted=$model ;;
arm64) wanted=$arm64 ;;
pictures) wanted=$pictures ;;
html) wanted=$html ;;
python) wanted=$python ;;
go) wanted=$go ;;
clients) wanted=$clients ;;
packages) wanted=$packages ;;
check) wanted=$check ;;
none) wanted= ;;
*)
	echo "usage: scripts/deps.sh [-n] [-a PACKAGE]... SET" >&2
	sed -n 's/^#   \([a-z][a-z0-9]*\)  */\t\1\t/p' "$0" >&2
	exit 2
	;;
esac

# Elsewhere than on Debian the names are others: leave it to the user.
command -v apt-get >/dev/null || exit 0

for package in $wanted $added; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
		state=none
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || [ -n "${KCHAN_APT_UPDATE-}" ] || exit 0

if [ -n "$name_only" ]; then
	echo "missing packages; as root, first: apt-get install$missing" >&2
	exit 1
fi

# Root by itself, or by sudo; else say what to do.
root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: as root, first: apt-get install$missing" >&2
		exit 1
	fi
	root=sudo
fi

# One at a time: a second make would find the package database locked.
exec 9>"${TMPDIR:-/tmp}/kchan-deps.$(id -u).lock"
flock 9

echo "deps: asking apt for:${missing:- package lists} ..." >&2
$root apt-get -qq update >&2
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
	--no-install-recommends install $missing </dev/null >/dev/null
