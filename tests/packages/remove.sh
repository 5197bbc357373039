#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: what was installed is removed, as docs/installing.md has it, and leaves
# nothing.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh

unloaded()
{
	[ ! -e /sys/module/kchan ] && [ ! -e /dev/kchan ] && [ ! -e /run/kchan ] &&
		! grep kchan /proc/self/mounts
}

# What a boot, the package manager and the new kernel write, and the keys of DKMS.
others()
{
	new=$(cat /check/new)
	printf '%s\n' '^/(check|home|tmp|root|boot|vmlinuz|initrd|lost.found)' \
		'^/var/(tmp|log|cache)/' '^/var/lib/(systemd|dbus|dpkg|apt|ucf|sudo|initramfs-tools)' \
		'^/var/lib/dkms/mok' '^/etc/(machine-id|group-|gshadow-|subuid-|subgid-)' \
		'^/etc/.*(kchan-check|\.cache)' '/__pycache__' "${new%-*}"
}

no_files()
{
	find / -xdev | sort >/tmp/after
	others >/tmp/others
	comm -13 /check/before /tmp/after | grep -vEf /tmp/others
	# Also of the kernel's.
	grep kchan /tmp/after | grep -vE '^/(check|home|tmp|var/(lib/dpkg|cache|log))|kchan-check'
} >/tmp/left

nothing_left()
{
	no_files
	cat /tmp/left
	[ ! -s /tmp/left ]
}

no_index()
{
	! grep -l kchan /lib/modules/*/modules.dep && ! ldconfig -p | grep kchan
}

step "it is removed" su -l user -c "cd kchan 2>&-; sh -e /check/remove/session.sh"
step "the module is unloaded, and the names are unmounted" unloaded
step "no file is left" nothing_left
step "neither depmod nor ldconfig knows it" no_index
steps_end
