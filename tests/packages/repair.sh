#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest, as root: the step that loads the module repairs what stands in its way.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh
load=$(cat /check/load)
device=/dev/kchan

works()
{
	[ -c /dev/kchan ] && su -l user -c 'sh -c "exec 3<>/dev/kchan && echo job >&3"'
}

whole()
{
	works && systemctl is-active run-kchan.mount &&
		grep -q ' /run/kchan kchan .*nosuid,nodev,noexec' /proc/self/mounts
}

unload()
{
	$load -r || return
	[ ! -e /dev/kchan ] && [ ! -e /run/kchan ] && [ ! -e /sys/module/kchan ]
}

# Root's shell, without the module.
make_file()
{
	sh -c 'exec 3<>"$1"' sh /dev/kchan && [ -f /dev/kchan ]
}

before()
{
	unload && make_file && $load && whole
}

while_loaded()
{
	unload && make_file && modprobe kchan && [ -f /dev/kchan ] && $load && whole
}

in_use()
{
	mkfifo /run/kchan/held && rm /dev/kchan && make_file && $load && whole &&
		[ -p /run/kchan/held ] && rm /run/kchan/held
}

named()
{
	unload && make_file || return
	# The shell opens what is there.
	kchanctl info --fd 3 3<>"$device" 2>/tmp/said && return 1
	cat /tmp/said
	grep -q 'is a regular file' /tmp/said && $load && whole
}

# As kchanctl says it.
advised()
{
	unload && make_file && modprobe kchan || return
	kchanctl info --fd 3 3<>"$device" 2>/tmp/said && return 1
	sed -n 's/^kchanctl: as root: \(.*\); then open it anew$/\1/p' /tmp/said >/tmp/advice
	cat /tmp/said
	[ -s /tmp/advice ] && sh -e /tmp/advice && whole
}

# One that is installed later has another number.
stale()
{
	mkdir -p /tmp/bin
	printf '#!/bin/sh\necho 0123456789\n' >/tmp/bin/modinfo
	chmod +x /tmp/bin/modinfo
	PATH=/tmp/bin:$PATH $load >/tmp/said 2>&1 && whole || return
	cat /tmp/said
	sed -n 's/.*no channel is in use: //p' /tmp/said >/tmp/advice
	[ -s /tmp/advice ] && sh -e /tmp/advice && whole
}

again()
{
	$load >/tmp/said 2>&1 && [ ! -s /tmp/said ] && whole
}

busy()
{
	exec 5<>"$device"
	$load -r >/tmp/said 2>&1 && return 1
	exec 5<&-
	cat /tmp/said
	grep -q 'has a channel open' /tmp/said && $load && whole
}

# As docs/installing.md has it after an upgrade.
reload()
{
	mkfifo /run/kchan/lost && su -l user -c "sh -e /check/reload/session.sh" && whole &&
		[ ! -e /run/kchan/lost ]
}

[ ! -d /check/reload ] || step "the module is loaded anew" reload
step "what is unloaded leaves nothing" unload
step "a regular file in the device's place is removed" before
step "also if the module was loaded while it was there" while_loaded
step "also while names are in use, which stay" in_use
step "kchanctl names such a file" named
step "what kchanctl advises repairs it" advised
step "another build of the module than the installed one is told" stale
step "where all is well, nothing happens" again
step "what is in use is not unloaded, and that is told" busy
steps_end
