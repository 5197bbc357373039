#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl, with channels that the shell opens. Runs with busybox alone. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

# Without the device, a redirection would make a regular file.
[ -c /dev/kchan ] || {
	echo "Bail out! no /dev/kchan"
	exit 1
}

# value KEY: the value that info shows.
value()
{
	kchanctl info --fd 3 | sed -n "s/^$1: //p"
}

three_lines()
{
	exec 3<>/dev/kchan
	seq 10 | kchanctl send --fd 3 &
	is "$(seq 10)" kchanctl recv --fd 3 -n 10
}

words()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 one 'two three' -- -4 || return
	kchanctl close --fd 3 || return
	is 'one
two three
-4' kchanctl recv --fd 3
}

# More messages than the channel holds, with several receivers: none is lost or cut.
job_queue()
{
	exec 3<>/dev/kchan
	for i in 1 2 3 4; do
		kchanctl recv --fd 3 >"/tmp/part$i" &
	done
	seq 2000 | kchanctl send --fd 3 || return
	kchanctl close --fd 3 || return
	wait
	seq 2000 >/tmp/all
	cat /tmp/part? | sort -n | cmp - /tmp/all
}

last_line()
{
	exec 3<>/dev/kchan
	printf 'with\nwithout' | kchanctl send --fd 3 || return
	is 'with
without' kchanctl recv --fd 3 -n 2
}

null()
{
	exec 3<>/dev/kchan
	printf 'a\nb\0c' | kchanctl send --fd 3 -0 || return
	is 2 value len || return
	kchanctl recv --fd 3 -0 -n 2 >/tmp/seen || return
	printf 'a\nb\0c\0' | cmp - /tmp/seen
}

whole()
{
	exec 3<>/dev/kchan
	head -c 4096 /dev/urandom >/tmp/sent
	kchanctl send --fd 3 --message </tmp/sent || return
	kchanctl recv --fd 3 --raw --count=1 >/tmp/seen || return
	cmp /tmp/sent /tmp/seen
}

too_long()
{
	exec 3<>/dev/kchan
	head -c 4097 /dev/zero >/tmp/sent
	status 1 kchanctl send --fd 3 -m </tmp/sent || return
	grep -q 'too long.*4096 bytes' /tmp/said || return
	{ echo short; tr '\0' x </tmp/sent; } >/tmp/lines
	status 1 kchanctl send --fd 3 </tmp/lines || return
	grep -q 'line 2 has 4097 bytes.*at most 4096' /tmp/said
}

empty()
{
	exec 3<>/dev/kchan
	printf 'a\n\nb\n' >/tmp/lines
	status 1 kchanctl send --fd 3 </tmp/lines || return
	grep -q 'line 2 is empty' /tmp/said || return
	status 1 kchanctl send --fd 3 -m </dev/null || return
	# No lines at all are none to complain of.
	status 0 kchanctl send --fd 3 </dev/null || return
	is 1 value len
}

exec_stdin()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 alpha 'be  ta' || return
	kchanctl close --fd 3 || return
	# shellcheck disable=SC2016 # not this shell's
	is '1: alpha 0
2: be  ta 0' kchanctl recv --fd 3 -x 'echo "$KCHAN_SEQ: $(cat) $#"'
}

exec_argument()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 alpha "\$(id) 'be  ta\"" || return
	kchanctl close --fd 3 || return
	# shellcheck disable=SC2016 # not this shell's
	is "1 [alpha] []
2 [\$(id) 'be  ta\"] []" \
		kchanctl recv --fd 3 -a -x 'echo "$KCHAN_SEQ [$1] [$(cat)]"'
}

# A command may send to the queue that it gets its messages from.
exec_sends()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 3 || return
	# shellcheck disable=SC2016 # not this shell's
	is '3
2
1' kchanctl recv --fd 3 -ax 'echo "$1"
		if [ "$1" -gt 1 ]; then kchanctl send --fd 3 $(($1 - 1))
		else kchanctl close --fd 3; fi'
}

exec_fails()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 0 3 0 || return
	kchanctl close --fd 3 || return
	# shellcheck disable=SC2016 # not this shell's
	status 1 kchanctl recv --fd 3 -a -x 'echo "ran $1"; exit "$1"' || return
	is 'ran 0
ran 3
kchanctl: message 2: the command'\''s exit status is 3
ran 0' cat /tmp/said
}

exec_killed()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 x || return
	# shellcheck disable=SC2016 # not this shell's
	status 1 kchanctl recv --fd 3 -n 1 -x 'kill -TERM $$' || return
	grep -q 'message 1: the command was ended by signal 15' /tmp/said
}

exec_zero_byte()
{
	exec 3<>/dev/kchan
	printf 'a\0b' | kchanctl send --fd 3 -m || return
	status 1 kchanctl recv --fd 3 -n 1 -a -x 'echo no' || return
	is 'kchanctl: message 1 has a zero byte: it cannot be an argument' \
		cat /tmp/said
}

ends()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 last || return
	status 0 kchanctl close --fd 3 || return
	status 1 kchanctl close --fd 3 || return
	grep -q 'closed already' /tmp/said || return
	status 1 kchanctl send --fd 3 more || return
	grep -q 'word 1 not sent: the channel is closed' /tmp/said || return
	status 0 kchanctl recv --fd 3 -n 1 || return
	status 0 kchanctl recv --fd 3 || return
	status 3 kchanctl recv --fd 3 -n 1
}

# A use of status 3.
while_loop()
{
	exec 3<>/dev/kchan
	seq 3 | kchanctl send --fd 3 || return
	kchanctl close --fd 3 || return
	got=
	while message=$(kchanctl recv --fd 3 -n 1); do
		got=$got$message
	done
	is 123 echo "$got"
}

info()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 a b || return
	is 'mode: message
elem_size: 4096
capacity: 16
len: 2
in_flight: 0
leased: 0
delayed: 0
closed: no
mapped: no
map_pid: 0
broken: no
named: no
send_hold: no
send_ends: 1
recv_ends: 1
send_waiters: 0
recv_waiters: 0
taken: 0
settled: 0
dropped: 0
returns: 0
can_send: yes
can_recv: yes' sh -c 'kchanctl info --fd 3 | grep -v ^id:' || return
	kchanctl close --fd 3 || return
	is yes value closed
}

select_recv()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	kchanctl send --fd 4 'one  message' || return
	is '4 one  message' kchanctl select --recv 3 --recv 4 || return
	kchanctl send --fd 3 -- -2- || return
	is '3 -2-' kchanctl select -R 3 -R 4 -t 1h
}

# Waits for a message on either channel.
select_waits()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	{ sleep 0.2; kchanctl send --fd 4 late; } &
	is '4 late' kchanctl select --recv 3 --recv 4
}

select_send()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	seq 16 | kchanctl send --fd 3 || return
	# One is full and one has room.
	is 4 kchanctl select --send 3=full --send '4=a = b' || return
	is 16 value len || return
	is 'a = b' kchanctl recv --fd 4 -n 1
}

select_poll()
{
	exec 3<>/dev/kchan
	rm -f /tmp/fifo
	mkfifo /tmp/fifo || return
	exec 5<>/tmp/fifo
	is '' kchanctl select --recv 3 --poll 5 --default || return
	echo line >&5
	is 5 kchanctl select --recv 3 --poll 5 || return
	is 5 kchanctl select --poll 5 || return
	read -r line <&5
	is line echo "$line"
}

select_nothing()
{
	exec 3<>/dev/kchan
	status 4 kchanctl select --recv 3 --default || return
	status 4 kchanctl select --recv 3 --timeout 0 || return
	status 4 kchanctl select --recv 3 --timeout 20ms || return
	is '' cat /tmp/said || return
	kchanctl send --fd 3 a b || return
	is '3 a' kchanctl select --recv 3 --timeout 0 || return
	is '3 b' kchanctl select --recv 3 --default
}

# It uses the number and the unit of the time.
select_time()
{
	exec 3<>/dev/kchan
	for time in 0.2 0.2s 200ms 200000us 200000000ns .2s; do
		from=$(cut -d' ' -f1 /proc/uptime | tr -d .)
		status 4 kchanctl select --recv 3 -t "$time" || return
		to=$(cut -d' ' -f1 /proc/uptime | tr -d .)
		took=$((to - from))
		if [ "$took" -lt 19 ] || [ "$took" -ge 1000 ]; then
			echo "$time: ${took}0 ms"
			return 1
		fi
	done
}

select_null()
{
	exec 3<>/dev/kchan
	printf 'a\nb' | kchanctl send --fd 3 -m || return
	kchanctl select --recv 3 -0 >/tmp/seen || return
	printf '3 a\nb\0' | cmp - /tmp/seen
}

select_ended()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	kchanctl send --fd 4 last || return
	kchanctl close --fd 4 || return
	is '4 last' kchanctl select --recv 3 --recv 4 || return
	status 3 kchanctl select --recv 3 --recv 4 || return
	is 4 cat /tmp/said || return
	status 1 kchanctl select --send 4=x || return
	is 'kchanctl: select: not sent on 4: the channel is closed, or nobody receives' \
		cat /tmp/said
}

# Two queues of jobs, until both have ended.
select_loop()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	{ seq 20 | kchanctl send --fd 3; kchanctl close --fd 3; } &
	{ seq 21 40 | kchanctl send --fd 4; kchanctl close --fd 4; } &
	cases='--recv 3 --recv 4 '
	while [ "$cases" ]; do
		# shellcheck disable=SC2086 # several words
		line=$(kchanctl select $cases)
		case $? in
		0) echo "${line#* }" ;;
		3) cases=${cases%"--recv $line "*}${cases#*"--recv $line "} ;;
		*) return 1 ;;
		esac
	done >/tmp/seen
	seq 40 >/tmp/all
	sort -n /tmp/seen | cmp - /tmp/all
}

# Two processes: the outputs agree.
select_meets_select()
{
	exec 3<>/dev/kchan 4<>/dev/kchan
	{
		for i in 1 2 3 4 5 6 7 8 9 10; do
			kchanctl select -S 3=x -S 4=y -t 1m || break
		done
	} >/tmp/sent &
	for i in 1 2 3 4 5 6 7 8 9 10; do
		kchanctl select -R 3 -R 4 -t 1m || return
	done >/tmp/seen
	wait
	cut -d' ' -f1 /tmp/seen | sort >/tmp/received
	sort /tmp/sent | cmp - /tmp/received
}

select_wrong()
{
	exec 3<>/dev/kchan
	long=$(head -c 4097 /dev/zero | tr '\0' x)
	status 1 kchanctl select --send 3= || return
	grep -q 'for 3 is empty' /tmp/said || return
	status 1 kchanctl select --send "3=$long" || return
	grep -q 'for 3 has 4097 bytes.*at most 4096' /tmp/said || return
	status 1 kchanctl select --recv 3 --recv 0 </dev/null || return
	is 'kchanctl: file descriptor 0 is no channel' cat /tmp/said || return
	status 1 kchanctl select --poll 9 || return
	is 'kchanctl: select: file descriptor 9: Bad file descriptor' \
		cat /tmp/said || return
	exec 6>/dev/full
	kchanctl send --fd 3 a || return
	kchanctl select --recv 3 >&6 2>/tmp/said
	[ $? -eq 1 ] || return
	is 'kchanctl: select: cannot write: No space left on device' \
		cat /tmp/said
}

# An end that the shell has open does not belong to its child alone.
goroutines()
{
	exec 3<>/dev/kchan
	kchanctl run --in 3 cat >/tmp/seen &
	pid=$!
	until kchanctl goroutines "$pid" | grep -q ' recv .* others .* cat$'
	do
		sleep 0.1
	done
	id=$(value id)
	# Not $$, which is the shell that this one was forked by.
	read -r self _ </proc/self/stat
	kchanctl goroutines "$self" >/tmp/shell || return
	kchanctl close --fd 3
	wait
	is "channel $id: message, 4096 bytes, 0 of 16 queued
  ends: 1 send, 2 recv; waiting: 0 send, 1 recv; fds: 3 (send,recv)" \
		cat /tmp/shell || return
	exec 3<&-
	is '' kchanctl goroutines "$self"
}

goroutines_wrong()
{
	status 1 kchanctl goroutines 4194305 || return
	is 'kchanctl: process 4194305: No such process' cat /tmp/said || return
	status 1 su -s /bin/sh -c "kchanctl goroutines $$" nobody || return
	is "kchanctl: process $$: Permission denied" cat /tmp/said || return
	for process in '' 0 x -1 1x 99999999999; do
		status 2 kchanctl goroutines "$process" || return
	done
	status 2 kchanctl goroutines || return
	status 2 kchanctl goroutines 1 2 || return
	status 2 kchanctl goroutines --fd 3 1
}

wrong_fd()
{
	status 1 kchanctl info --fd 9 || return
	is 'kchanctl: file descriptor 9: Bad file descriptor' cat /tmp/said ||
		return
	exec 4</dev/null
	status 1 kchanctl recv --fd 4 || return
	is 'kchanctl: file descriptor 4 is no channel' cat /tmp/said
}

# own_dev SCRIPT: it exits with 1, in an empty /dev of its own.
own_dev()
{
	status 1 unshare -m sh -c "mount -t tmpfs -o mode=755 dev /dev || exit; $1"
}

no_device()
{
	own_dev 'kchanctl info --fd 3' || return
	is 'kchanctl: file descriptor 3: Bad file descriptor
kchanctl: there is no /dev/kchan, though the kernel module is loaded; if it was removed, as root: modprobe -r kchan; modprobe kchan' \
		cat /tmp/said || return
	own_dev 'mount -t tmpfs sys /sys || exit
		exec 3</tmp
		kchanctl select --recv 3' || return
	is 'kchanctl: file descriptor 3 is no channel
kchanctl: there is no /dev/kchan: the kernel module is not loaded; as root: modprobe kchan' \
		cat /tmp/said
}

# The file that a shell makes, and its descriptor after the file was removed.
regular_device()
{
	told='kchanctl: /dev/kchan is a regular file: probably a shell made it, which opened it when the kernel module was not loaded
kchanctl: as root: rm /dev/kchan; modprobe -r kchan; modprobe kchan; then open it anew'
	for command in 'send --fd 3 word' 'recv --fd 3' 'select --recv 3'; do
		own_dev "exec 3<>/dev/kchan
			kchanctl $command" || return
		is "kchanctl: file descriptor 3 is no channel
$told" cat /tmp/said || return
	done
	own_dev ': >/dev/kchan
		kchanctl recv --fd 3' || return
	is "kchanctl: file descriptor 3: Bad file descriptor
$told" cat /tmp/said || return
	minor=$(sed -n 's/ *\([0-9]*\) kchan$/\1/p' /proc/misc)
	own_dev "exec 3<>/dev/kchan 4</etc/passwd
		rm /dev/kchan
		mknod /dev/kchan c 10 $minor
		kchanctl recv --fd 4
		kchanctl recv --fd 3" || return
	is 'kchanctl: file descriptor 4 is no channel
kchanctl: file descriptor 3 is no channel
kchanctl: it is a regular file that was /dev/kchan and has been removed: open it anew' \
		cat /tmp/said
}

# Its device does not know our calls.
another_version()
{
	own_dev 'mknod /dev/kchan c 1 3
		exec 3<>/dev/kchan
		kchanctl info --fd 3' || return
	grep -q '^kchanctl: the loaded kernel module (.*) is of another version than this program (.*): install both from one version, then as root: modprobe -r kchan; modprobe kchan$' \
		/tmp/said
}

usage()
{
	status 0 kchanctl --help || return
	grep -q '^Usage: kchanctl' /tmp/said || return
	status 0 kchanctl --version || return
	status 2 kchanctl || return
	status 2 kchanctl sing --fd 3 || return
	status 2 kchanctl send || return
	grep -q 'which channel' /tmp/said || return
	status 2 kchanctl send --fd x || return
	status 2 kchanctl send --fd -1 || return
	status 2 kchanctl send --fd 3 --nonsense || return
	status 2 kchanctl send --fd 3 -n 3 || return
	status 2 kchanctl send --fd 3 -m word || return
	status 2 kchanctl recv --fd 3 word || return
	status 2 kchanctl recv --fd 3 -n 0 || return
	status 2 kchanctl recv --fd 3 -n -1 || return
	status 2 kchanctl recv --fd 3 -n 99999999999999999999999 || return
	status 2 kchanctl recv --fd 3 -a || return
	status 2 kchanctl close --fd 3 word || return
	status 2 kchanctl close --fd 3 --default || return
	status 2 kchanctl select || return
	grep -q 'which cases' /tmp/said || return
	status 2 kchanctl select --timeout 1 || return
	status 2 kchanctl select --recv 3 word || return
	status 2 kchanctl select --fd 3 --recv 3 || return
	status 2 kchanctl select --send 3 || return
	grep -q 'send what' /tmp/said || return
	status 2 kchanctl select --recv 3 --default --timeout 1 || return
	for time in '' . s -1 1e3 0x5 1.2.3 5d '5 s' inf nan; do
		status 2 kchanctl select --recv 3 --timeout "$time" || return
	done
	cases=
	for i in $(seq 65); do
		cases="$cases --recv 3"
	done
	# shellcheck disable=SC2086 # several words
	status 2 kchanctl select $cases || return
	grep -q 'more than 64 cases' /tmp/said
}

# ends_with_reader COMMAND...: it ends when its reader has ended, and leaves later
# messages to other receivers.
ends_with_reader()
{
	rm -f /tmp/code
	{
		"$@" --fd 3
		echo $? >/tmp/code
	} | head -n 1 >/tmp/first &
	kchanctl send --fd 3 one
	for i in $(seq 200); do
		[ -s /tmp/code ] && break
		usleep 20000
	done
	[ -s /tmp/code ] || {
		kchanctl close --fd 3
		echo "it goes on"
		return 1
	}
	is one cat /tmp/first || return
	is 141 cat /tmp/code || return
	kchanctl send --fd 3 two || return
	is two kchanctl recv --fd 3 -n 1
}

recv_ends()
{
	exec 3<>/dev/kchan
	ends_with_reader kchanctl recv || return
	ends_with_reader kchanctl recv -n 5
}

# Its reader ends while it waits for its only message.
select_ends()
{
	exec 3<>/dev/kchan
	rm -f /tmp/code
	{
		kchanctl select --recv 3
		echo $? >/tmp/code
	} | true
	is 141 cat /tmp/code || return
	kchanctl send --fd 3 two || return
	is two kchanctl recv --fd 3 -n 1
}

# An output without a reader that can end does not end it.
recv_goes_on()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 one two || return
	kchanctl close --fd 3 || return
	kchanctl recv --fd 3 >/tmp/first || return
	is 'one
two' cat /tmp/first || return
	status 0 kchanctl recv --fd 3 >/dev/null || return
	kchanctl recv --fd 3 >&-
}

step "three lines of shell" three_lines
step "words" words
step "a job queue with four receivers" job_queue
step "the last line may lack its newline" last_line
step "messages between zero bytes" null
step "all of the input as one message, back byte for byte" whole
step "what is too long is told" too_long
step "what is empty is told" empty
step "a command for each message, which is its input" exec_stdin
step "a command for each message, which is its argument" exec_argument
step "a command may send on the channel" exec_sends
step "a command that fails is told, and the rest goes on" exec_fails
step "a command that is killed is told" exec_killed
step "a message that cannot be an argument is told" exec_zero_byte
step "close, and what comes after" ends
step "a loop over messages ends" while_loop
step "recv ends when its reader has gone" recv_ends
step "recv into what has no reader goes on" recv_goes_on
step "select ends when its reader has gone" select_ends
step "info" info
step "select: receives from whichever has a message" select_recv
step "select: waits" select_waits
step "select: sends on whichever has room" select_send
step "select: descriptors of other kinds" select_poll
step "select: nothing in time" select_nothing
step "select: units of time" select_time
step "select: messages between zero bytes" select_null
step "select: what has ended is told" select_ended
step "select: a loop over two channels that end" select_loop
step "select: meets another select" select_meets_select
step "select: what is wrong is told" select_wrong
step "goroutines: by channel" goroutines
step "goroutines: what is wrong is told" goroutines_wrong
step "a descriptor that is no channel is told" wrong_fd
step "no /dev/kchan is told" no_device
step "a regular file in place of /dev/kchan is told" regular_device
step "a module of another version is told" another_version
step "wrong usage is told" usage
steps_end
