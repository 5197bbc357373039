#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Socket activation by systemd: ListenFIFO= on a name. systemd runs as a user's manager,
# which need not be the first process. What it reports is on the guest's console. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/clients/name.sh
. /t/name.sh

units=/run/units
seen=/tmp/activated.out
name=/tmp/clients/activated
export XDG_RUNTIME_DIR=/run/user/0 SYSTEMD_UNIT_PATH=$units

# until_true COMMAND...: waits for it, for ten seconds.
until_true()
{
	for _ in $(seq 100); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

# The service ends when nothing has come for a while, and systemd waits again.
write_units()
{
	# The last one makes it believe that it is the system's init.
	mkdir -p $units $XDG_RUNTIME_DIR /run/systemd/system
	cat >$units/queue.socket <<-END
		[Unit]
		DefaultDependencies=no

		[Socket]
		ListenFIFO=$name
		SocketMode=0600
		RemoveOnStop=yes
	END
	cat >$units/queue.service <<-END
		[Unit]
		DefaultDependencies=no

		[Service]
		ExecStart=/usr/bin/kchanctl recv --fd 3 -t 200ms -x 'cat; echo " by \$INVOCATION_ID"'
		StandardOutput=append:$seen
		SuccessExitStatus=4
	END
	cat >$units/shutdown.target <<-END
		[Unit]
		DefaultDependencies=no
	END
}

user_systemctl()
{
	/t/tools/systemctl --user "$@"
}

socket_is()
{
	[ "$(user_systemctl show -P SubState queue.socket)" = "$1" ]
}

starts()
{
	until_true socket_is listening
}

# systemd made the name.
makes_name()
{
	[ "$(stat -c '%F %a' "$name")" = "fifo 600" ] && kchanctl stat "$name" >/dev/null
}

has_lines()
{
	[ "$(wc -l <"$seen")" -eq "$1" ]
}

# Nobody receives: the first message starts the service.
activates()
{
	printf one >"$name"
	until_true has_lines 1 && grep -q '^one by ' "$seen"
}

ends()
{
	until_true socket_is listening
}

# Once more, by another process of the service.
again()
{
	printf two >"$name"
	until_true has_lines 2 || return
	[ "$(sed 's/.* by //' "$seen" | sort -u | wc -l)" -eq 2 ]
}

# A name that is there is taken, if its mode and owner are those of the unit.
takes_name()
{
	ends && user_systemctl stop queue.socket || return
	[ ! -e "$name" ] || return
	mkfifo -m 600 "$name"
	printf three >"$name"
	user_systemctl start queue.socket && until_true has_lines 3 && ends
}

refuses_name()
{
	user_systemctl stop queue.socket
	mkfifo -m 660 "$name"
	user_systemctl start queue.socket 2>/dev/null && return 1
	rm "$name"
}

write_units
/t/tools/systemd --user --unit=queue.socket &
manager=$!
step "systemd listens on a name" starts
step "systemd made the name" makes_name
step "a message starts the service, which receives it" activates
step "systemd listens again when the service has ended" ends
step "the next message starts the service once more" again
step "systemd takes a name that was there, and the messages in it" takes_name
step "systemd refuses a name of another mode" refuses_name
# To end by itself it would need more units.
user_systemctl stop queue.socket
kill -KILL $manager
wait
steps_end
