#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl: what is sent to a channel with a name, and received. Runs with busybox alone.
# TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

# shellcheck source=tests/lib/common/names.sh
. "${STEPS%/*}/names.sh"

[ -c /dev/kchan ] || {
	echo "Bail out! no /dev/kchan"
	exit 1
}

send_and_recv()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one 'two three' || return
	is 2 value jobs len || return
	is 'one
two three' kchanctl recv -n 2 /run/kchan/jobs || return
	seq 16 | kchanctl send /run/kchan/jobs || return
	status 4 kchanctl send -t 20ms /run/kchan/jobs more || return
	is 'kchanctl: send: word 1 not sent: the channel was full for all of the time' \
		cat /tmp/said || return
	is "$(seq 16)" kchanctl recv -n 16 /run/kchan/jobs || return
	status 4 kchanctl recv -t 20ms /run/kchan/jobs || return
	is '' cat /tmp/said || return
	kchanctl close /run/kchan/jobs || return
	status 0 kchanctl recv /run/kchan/jobs || return
	status 1 kchanctl send /run/kchan/jobs more || return
	grep -q 'not sent: the channel is closed' /tmp/said || return
	status 1 kchanctl close /run/kchan/jobs
}

# Workers come and go; what is queued stays.
queue_stays()
{
	anew jobs -c 3000 || return
	seq 3000 | kchanctl send /run/kchan/jobs || return
	for i in 1 2 3; do
		kchanctl recv -n 500 /run/kchan/jobs >"/tmp/piece$i" || return
	done
	kchanctl close /run/kchan/jobs || return
	for i in 4 5 6; do
		kchanctl recv /run/kchan/jobs >"/tmp/piece$i" &
	done
	wait
	seq 3000 >/tmp/all
	cat /tmp/piece? | sort -n | cmp - /tmp/all
}

# Without --no-hold the name keeps the channel open; with it the last sender ends it.
no_hold()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one || return
	status 4 kchanctl recv -n 2 -t 20ms /run/kchan/jobs || return
	anew jobs --no-hold || return
	status 4 kchanctl recv -t 20ms /run/kchan/jobs || return
	kchanctl send /run/kchan/jobs one || return
	status 0 kchanctl recv /run/kchan/jobs || return
	is one cat /tmp/said || return
	# What looks at it does not end it.
	anew jobs --no-hold || return
	kchanctl info /run/kchan/jobs >/dev/null || return
	kchanctl ls >/dev/null || return
	kchanctl wait /run/kchan/jobs || return
	is no value jobs closed
}

lengths()
{
	anew jobs || return
	printf '\0\0\0\2hi\0\0\0\3a\nb' | kchanctl send -l /run/kchan/jobs || return
	is 2 value jobs len || return
	kchanctl recv -l -n 2 /run/kchan/jobs >/tmp/seen || return
	printf '\0\0\0\2hi\0\0\0\3a\nb' | cmp - /tmp/seen || return
	printf '\0\0\0\2hi\0\0\0\3a\n' >/tmp/sent
	status 1 kchanctl send -l /run/kchan/jobs </tmp/sent || return
	is 'kchanctl: send: the input ends within message 2' cat /tmp/said || return
	printf '\0\0' >/tmp/sent
	status 1 kchanctl send -l /run/kchan/jobs </tmp/sent || return
	is 'kchanctl: send: the input ends within a length' cat /tmp/said || return
	printf '\0\0\20\1' >/tmp/sent
	status 1 kchanctl send -l /run/kchan/jobs </tmp/sent || return
	grep -q 'message 1 has 4097 bytes' /tmp/said || return
	printf '\0\0\0\0' >/tmp/sent
	status 1 kchanctl send -l /run/kchan/jobs </tmp/sent || return
	grep -q 'message 1 is empty' /tmp/said || return
	status 0 kchanctl send -l /run/kchan/jobs </dev/null || return
	is 1 value jobs len
}

raw_elements()
{
	anew numbers -F -s 4 -c 10 || return
	printf 'aaaabbbbcccc' | kchanctl send --raw /run/kchan/numbers || return
	is 3 value numbers len || return
	is aaaabbbbcccc kchanctl recv --raw -n 3 /run/kchan/numbers || return
	printf 'aaaabb' >/tmp/sent
	status 1 kchanctl send --raw /run/kchan/numbers </tmp/sent || return
	is "kchanctl: send: element 2 has 2 bytes: the channel's elements have 4" \
		cat /tmp/said || return
	anew jobs || return
	status 1 kchanctl send --raw /run/kchan/jobs </tmp/sent || return
	grep -q 'where would a message end' /tmp/said
}

one_message()
{
	anew jobs || return
	head -c 4096 /dev/urandom >/tmp/sent
	kchanctl send -m /run/kchan/jobs </tmp/sent || return
	kchanctl send /run/kchan/jobs more || return
	kchanctl recv -m /run/kchan/jobs >/tmp/seen || return
	cmp /tmp/sent /tmp/seen || return
	is 1 value jobs len || return
	status 2 kchanctl recv -m -n 2 /run/kchan/jobs || return
	status 2 kchanctl recv -m -0 /run/kchan/jobs || return
	status 2 kchanctl send -m -l /run/kchan/jobs || return
	status 2 kchanctl recv -x true -l /run/kchan/jobs
}

# A pipe has never more than one message, and what was not read in it goes back.
reader_dies()
{
	anew jobs -c 1000 || return
	seq 500 | kchanctl send /run/kchan/jobs || return
	kchanctl recv /run/kchan/jobs | {
		read -r a
		read -r b
		echo "$a $b"
	} >/tmp/seen
	is "1 2" cat /tmp/seen || return
	is 498 value jobs len || return
	# Of this one only a part was read.
	kchanctl recv /run/kchan/jobs | dd bs=1 count=1 2>/dev/null >/tmp/seen
	is 498 value jobs len || return
	is 3 kchanctl recv -n 1 /run/kchan/jobs || return
	# A reader of blocks gets no more than the message that was there.
	kchanctl recv /run/kchan/jobs | head -n 1 >/tmp/seen
	is 4 cat /tmp/seen || return
	is 496 value jobs len || return
	status 2 kchanctl recv --ahead -x true /run/kchan/jobs
}

# It waits for the reader, also if a message has many pages, if another program has made
# the pipe larger, and if the pipe was not empty before.
reader_waits()
{
	anew jobs -s 100000 || return
	rm -f /tmp/pipe
	mkfifo /tmp/pipe || return
	exec 5<>/tmp/pipe
	kchanctl send /run/kchan/jobs one two || return
	head -c 50000 /dev/zero | kchanctl send -m /run/kchan/jobs || return
	head -c 20000 /dev/zero >&5
	kchanctl recv -n 2 /run/kchan/jobs >/tmp/pipe 5>&- &
	for _ in $(seq 100); do
		[ "$(value jobs leased)" != 1 ] || break
		sleep 0.1
	done
	sleep 0.3
	is 1 value jobs leased || return
	is 2 value jobs len || return
	dd bs=1000 count=20 <&5 >/dev/null 2>&1
	read -r line <&5
	is one echo "$line" || return
	read -r line <&5
	is two echo "$line" || return
	wait
	# The message is larger than the pipe is now.
	kchanctl recv -m /run/kchan/jobs >/tmp/pipe 5>&- &
	is 50000 eval 'head -c 50000 <&5 | wc -c' || return
	wait
	exec 5>&-
	is 0 value jobs len || return
	is 0 value jobs in_flight
}

# As it is asked for, it receives while nobody reads.
ahead()
{
	anew jobs || return
	rm -f /tmp/pipe
	mkfifo /tmp/pipe || return
	exec 5<>/tmp/pipe
	kchanctl send /run/kchan/jobs one two || return
	kchanctl recv --ahead -n 2 /run/kchan/jobs >/tmp/pipe || return
	is 0 value jobs len || return
	read -r line <&5
	exec 5>&-
	is one echo "$line"
}

wait_empty()
{
	anew jobs || return
	status 0 kchanctl wait /run/kchan/jobs || return
	kchanctl send /run/kchan/jobs 1 2 || return
	status 4 kchanctl wait -t 20ms /run/kchan/jobs || return
	{
		sleep 0.2
		kchanctl recv -n 1 /run/kchan/jobs >/dev/null
		sleep 0.2
		date +%s >/tmp/last
		kchanctl recv -n 1 /run/kchan/jobs >/dev/null
	} &
	rm -f /tmp/last
	status 0 kchanctl wait -t 20s /run/kchan/jobs || return
	[ -s /tmp/last ] || return
	wait
	kchanctl create /run/kchan/more || return
	kchanctl send /run/kchan/more 1 || return
	status 4 kchanctl wait -t 20ms /run/kchan/jobs /run/kchan/more || return
	kchanctl recv -n 1 /run/kchan/more >/dev/null
	status 0 kchanctl wait -t 20s /run/kchan/jobs /run/kchan/more || return
	exec 3<>/dev/kchan
	kchanctl send --fd 3 one || return
	status 4 kchanctl wait --fd 3 -t 20ms || return
	kchanctl recv --fd 3 -n 1 >/dev/null || return
	status 0 kchanctl wait --fd 3 || return
	status 2 kchanctl wait || return
	status 2 kchanctl wait --fd 3 /run/kchan/jobs
}

select_names()
{
	anew jobs -c 1 || return
	kchanctl create /run/kchan/more || return
	status 4 kchanctl select --recv /run/kchan/jobs --recv /run/kchan/more -d || return
	kchanctl send /run/kchan/more word || return
	is "/run/kchan/more word" kchanctl select --recv /run/kchan/jobs --recv /run/kchan/more ||
		return
	is "/run/kchan/jobs" kchanctl select --send "/run/kchan/jobs=a=b" || return
	is 'a=b' kchanctl recv -n 1 /run/kchan/jobs || return
	kchanctl send /run/kchan/jobs x || return
	is "/run/kchan/jobs" kchanctl select --poll /run/kchan/jobs --recv /run/kchan/more || return
	kchanctl close /run/kchan/more || return
	status 3 kchanctl select --recv /run/kchan/more || return
	is /run/kchan/more cat /tmp/said
}

# Nobody is left to send, and nobody will be.
ended()
{
	anew jobs --no-hold || return
	kchanctl send /run/kchan/jobs one || return
	status 1 kchanctl send /run/kchan/jobs two || return
	is "kchanctl: /run/kchan/jobs: the channel has ended, nobody can send to it any more; rm it, and create it anew" \
		cat /tmp/said
}

step "send and recv, by a path" send_and_recv
step "a queue that outlives its workers" queue_stays
step "create --no-hold: the last sender ends it" no_hold
step "messages after their lengths" lengths
step "elements with nothing between them" raw_elements
step "recv --message, byte for byte" one_message
step "recv: what was not read in a pipe goes back" reader_dies
step "recv waits until its output was read" reader_waits
step "recv --ahead" ahead
step "wait" wait_empty
step "select, by a path" select_names
step "a channel that has ended is told" ended
steps_end
