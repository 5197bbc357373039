# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For scripts that use channels with names in a guest: to be read in with ".".

mkdir -p /run/kchan
grep -q " /run/kchan kchan " /proc/mounts || mount -t kchan kchan /run/kchan || {
	echo "Bail out! no filesystem of names"
	exit 1
}
# A mount keeps the module loaded.
trap 'umount /run/kchan' EXIT

# value NAME KEY: the value that info shows.
value()
{
	kchanctl info "/run/kchan/$1" | sed -n "s/^$2: //p"
}

# anew NAME [OPTION]...: a channel, in place of what the last step has left.
anew()
{
	name=$1
	shift
	rm -rf /run/kchan/* /run/kchan/.k*
	kchanctl create "$@" "/run/kchan/$name"
}

# ours PROGRAM: the numbers of its processes, but not of those that other tests run. Each
# test that runs beside others has a mount namespace of its own.
ours()
{
	for each in $(pidof "$1"); do
		[ "$(readlink "/proc/$each/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] &&
			echo "$each"
	done
}

# nobody COMMAND...: as a user who owns nothing. The command has no quotes in it.
nobody()
{
	su -s /bin/sh -c "$*" nobody
}
