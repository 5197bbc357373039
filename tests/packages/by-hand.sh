#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest, where nothing is installed (see remove.sh): install by hand, as
# docs/installing.md has it. All that this builds was built before.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh

as_user()
{
	su -l user -c "cd kchan && $1"
}

# In the tree of the sources, for a kernel that has no headers.
no_headers()
{
	as_user 'sudo make install KVER=9.9.9' >/tmp/said 2>&1 && return 1
	cat /tmp/said
	grep -q 'apt-get install linux-headers-9.9.9$' /tmp/said &&
		[ ! -e /usr/local/bin/kchanctl ]
}

works()
{
	[ -c /dev/kchan ] && systemctl is-active run-kchan.mount &&
		as_user 'kchanctl create /run/kchan/by-hand && kchanctl rm /run/kchan/by-hand'
}

step "without the kernel's headers, make install names them and fails" no_headers
step "make && make install" as_user 'sh -e /check/by-hand/session.sh'
step "the device and the names are there, without a reboot" works
step "make uninstall" as_user 'sh -e /check/remove/session.sh'
step "the device is not there any more" [ ! -e /dev/kchan ]
steps_end
