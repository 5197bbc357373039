#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: a newer package of the module is installed while a queue is full. The names
# are memory, so a restart of their mount would empty it.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh
queue=/run/kchan/full

fill()
{
	mkfifo "$queue" || return
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		printf "job %s" "$i" >"$queue" || return
	done
	! timeout 1 sh -c "printf more >$queue"
}

upgrade()
{
	# Its build takes minutes in an emulator, and is shown in the chroot.
	touch /etc/dkms/no-autoinstall
	dpkg -i /check/next/*.deb && [ "$(dpkg-query -W -f '${Version}' kchan-dkms)" = "$(
		cat /check/next/version)" ]
}

still_there()
{
	systemctl is-active run-kchan.mount && kchanctl info --fd 0 <"$queue" || return
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		[ "$(kchanctl recv --fd 0 -n 1 <"$queue")" = "job $i" ] || return
	done
}

step "a queue is full" fill
step "a newer package is installed" upgrade
step "the queue is full as before" still_there
steps_end
