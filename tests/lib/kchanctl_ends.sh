#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl keeps only the ends that it needs, so that a channel of a shell closes when
# the shell has closed it. Runs with busybox alone. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

[ -c /dev/kchan ] || {
	echo "Bail out! no /dev/kchan"
	exit 1
}

# until_waits DIRECTION: waits until somebody waits for channel 3.
until_waits()
{
	for _ in $(seq 200); do
		kchanctl info --fd 3 | grep -q "^$1_waiters: 1\$" && return
		sleep 0.05
	done
	echo "nobody waits to $1"
	return 1
}

# begin COMMAND...: runs it in the background, and waits until it waits for channel 3.
begin()
{
	"$@" &
	pid=$!
	until_waits recv
}

# A receiver is no sender, whatever the shell has open.
recv_alone()
{
	exec 3<>/dev/kchan
	begin kchanctl recv --fd 3 -t 60s >/tmp/seen || return
	kchanctl send --fd 3 one || return
	exec 3>&-
	wait "$pid"
	is 0 echo $? || return
	is one cat /tmp/seen
}

# A sender is no receiver.
send_alone()
{
	exec 3<>/dev/kchan
	seq 16 | kchanctl send --fd 3 || return
	kchanctl send --fd 3 -t 60s more 2>/tmp/said &
	pid=$!
	until_waits send || return
	exec 3>&-
	wait "$pid"
	is 1 echo $? || return
	is 'kchanctl: send: word 1 not sent: the channel is closed, or nobody receives' \
		cat /tmp/said
}

# Nor do they hold other channels that the shell has open, or copies of the descriptor.
others()
{
	exec 3<>/dev/kchan 4<>/dev/kchan 5>&3 6<&4
	kchanctl recv --fd 3 -t 60s | kchanctl send --fd 4 &
	begin kchanctl recv --fd 4 -t 60s >/tmp/seen || return
	seq 5 | kchanctl send --fd 3 || return
	exec 3>&- 4>&- 5>&- 6<&-
	wait "$pid"
	is 0 echo $? || return
	is "$(seq 5)" cat /tmp/seen
}

selects()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	begin kchanctl select --recv 3 --poll 4 -t 60s >/tmp/seen || return
	exec 3>&-
	wait "$pid"
	is 3 echo $? || return
	is 3 cat /tmp/seen
}

# The channel is the standard input or output.
standard()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 1 one >&3 || return
	is one kchanctl recv --fd 0 -n 1 <&3 || return
	# The shell gives another input to what is in the background.
	begin sh -c 'exec kchanctl recv --fd 0 -t 60s <&3' >/tmp/seen || return
	kchanctl send --fd 3 two || return
	exec 3>&-
	wait "$pid"
	is 0 echo $? || return
	is two cat /tmp/seen
}

one_way()
{
	exec 3<>/dev/kchan
	kchanctl run --in 3 kchanctl send --fd 0 x >/tmp/said 2>&1 </dev/null
	is 'kchanctl: file descriptor 0 cannot send' cat /tmp/said || return
	kchanctl run --out 3 sh -c 'kchanctl recv --fd 1 2>/tmp/said'
	is 'kchanctl: file descriptor 1 cannot receive' cat /tmp/said
}

# The commands of --exec get what the shell has.
exec_keeps()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 2 || return
	# shellcheck disable=SC2016 # not this shell's
	is '2
1' kchanctl recv --fd 3 -n 2 -ax 'echo "$1"
		[ "$1" = 1 ] || kchanctl send --fd 3 1'
}

run_both()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	kchanctl run --in 3 --out 4 tr a-z A-Z &
	kchanctl recv --fd 4 -t 60s >/tmp/seen &
	pid=$!
	kchanctl send --fd 3 hello || return
	exec 3>&- 4>&-
	wait "$pid"
	is 0 echo $? || return
	is HELLO cat /tmp/seen
}

# Input and output may be the same channel.
run_loop()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 a || return
	# shellcheck disable=SC2016 # not this shell's
	kchanctl run --in 3 --out 3 sh -c 'kchanctl recv --fd 0 -n 1 >/tmp/first
		printf "%s-b" "$(cat /tmp/first)"' || return
	is a-b kchanctl recv --fd 3 -n 1
}

run_status()
{
	exec 3<>/dev/kchan
	status 7 kchanctl run --in 3 sh -c 'exit 7' || return
	status 127 kchanctl run --in 3 no-such-program || return
	is 'kchanctl: run: no-such-program: No such file or directory' cat /tmp/said ||
		return
	status 126 kchanctl run --in 3 /etc/passwd || return
	# Options after CMD are its own.
	is '-n' kchanctl run --in 3 printf %s -n || return
	status 2 kchanctl run --in 3 || return
	status 2 kchanctl run true || return
	status 1 kchanctl run --in 9 true || return
	is 'kchanctl: file descriptor 9: Bad file descriptor' cat /tmp/said
}

run_keeps()
{
	exec 3<>/dev/kchan 5</etc/passwd
	# shellcheck disable=SC2016 # not this shell's
	is '5' kchanctl run --in 3 sh -c 'for i in 3 5; do
		[ ! -e /proc/self/fd/$i ] || echo $i
	done' || return
	# shellcheck disable=SC2016 # not this shell's
	is '3
5' kchanctl run --keep --in 3 sh -c 'for i in 3 5; do
		[ ! -e /proc/self/fd/$i ] || echo $i
	done'
}

step "recv holds no end that sends" recv_alone
step "send holds no end that receives" send_alone
step "other channels of the shell are not held" others
step "select holds only what it needs" selects
step "standard input and output" standard
step "run: each end has one direction" one_way
step "recv --exec: commands have the shell's channels" exec_keeps
step "run: a program between two channels" run_both
step "run: a program with both ends of one channel" run_loop
step "run: the status is the program's" run_status
step "run: other channels are closed, other files are not" run_keeps
steps_end
