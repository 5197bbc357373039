#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl work: a queue of jobs that loses none. Runs with busybox alone. TAP.

# shellcheck disable=SC2016,SC2317 # other shells' words; functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/lib/common/names.sh
. "${STEPS%/*}/names.sh"

[ -c /dev/kchan ] || {
	echo "Bail out! no /dev/kchan"
	exit 1
}

# until_done COMMAND...: waits until it succeeds.
until_done()
{
	for _ in $(seq 400); do
		"$@" && return
		sleep 0.05
	done
	echo "never: $*"
	return 1
}

# has KEY VALUE: the queue of jobs shows this.
has()
{
	[ "$(value jobs "$1")" = "$2" ]
}

# ended PID: the process is gone.
ended()
{
	! kill -0 "$1" 2>/dev/null
}

# queue JOB...: a closed queue of these jobs.
queue()
{
	anew jobs || return
	kchanctl create /run/kchan/dead || return
	kchanctl send /run/kchan/jobs "$@" || return
	kchanctl close /run/kchan/jobs
}

stdin_is_job()
{
	queue one 'two  three' || return
	is 'jobs 0 0 0 [one]
jobs 1 0 0 [two  three]' kchanctl work /run/kchan/jobs -- sh -c \
		'echo "${KCHAN_NAME##*/} $KCHAN_NUMBER $KCHAN_RETURNS $# [$(cat)]"' || return
	has settled 2
}

argument_is_job()
{
	queue one '{} "$(id)' || return
	is '<one><x>
<{} "$(id)><x>' kchanctl work /run/kchan/jobs -- printf '<%s><%s>\n' '{}' x
}

# A failed job comes back after a while that grows, and stays in its place.
retries()
{
	queue one two || return
	status 0 kchanctl work -b 50ms /run/kchan/jobs -- sh -c 'read -r job
		echo "$job $KCHAN_RETURNS"
		[ "$job" = two ] || [ "$KCHAN_RETURNS" = 2 ]' || return
	is "kchanctl: work: /run/kchan/jobs: job 0: the command's exit status is 1: it is tried again in 0.05 s
kchanctl: work: /run/kchan/jobs: job 0: the command's exit status is 1: it is tried again in 0.1 s" \
		grep kchanctl: /tmp/said || return
	is 'one 0
one 1
one 2
two 0' sh -c 'grep -v kchanctl: /tmp/said | sort' || return
	has settled 2
}

# After so many retries it is a dead letter.
dead_letters()
{
	queue bad good || return
	status 1 kchanctl work -q -b 1ms -r 2 -d /run/kchan/dead /run/kchan/jobs -- \
		sh -c 'read -r job; echo "$job"; [ "$job" = good ]' || return
	is 'bad
bad
bad
good' sort /tmp/said || return
	is bad kchanctl recv -n 1 /run/kchan/dead || return
	has settled 2
}

# With no retries at all, and with a channel of dead letters that takes nothing.
dead_is_full()
{
	queue bad || return
	kchanctl send /run/kchan/dead $(seq 16) || return
	kchanctl work -b 50ms -r 0 -d /run/kchan/dead /run/kchan/jobs -- false 2>/tmp/told &
	until_done grep -q 'takes no more .*, so it is tried again' /tmp/told || return
	kchanctl recv -n 16 /run/kchan/dead >/dev/null || return
	wait $!
	is 1 echo $? || return
	is bad kchanctl recv -n 1 /run/kchan/dead
}

# A job that kills its keepers is no endless loop.
kills_keepers()
{
	queue bad || return
	status 1 kchanctl work -r 2 -d /run/kchan/dead /run/kchan/jobs -- sh -c 'echo run; kill -9 $PPID' || return
	is 3 grep -cx run /tmp/said || return
	grep -q "job 0: it came back too often: it goes to /run/kchan/dead" /tmp/said || return
	is bad kchanctl recv -n 1 /run/kchan/dead
}

# If the keeper is killed, its command is too, and the job goes back.
keeper_killed()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one || return
	rm -f /tmp/pid
	kchanctl work /run/kchan/jobs -- sh -c 'echo $$ >/tmp/pid
		[ "$KCHAN_RETURNS" != 0 ] || exec sleep 10000' &
	work=$!
	until_done [ -s /tmp/pid ] || return
	read -r command </tmp/pid
	has leased 1 || return
	kill -9 "$(ours kchan-keeper)"
	until_done ended "$command" || return
	until_done has settled 1 || return
	kill "$work"
	wait "$work"
	is 0 echo $?
}

# Without its supervisor a keeper finishes its job.
supervisor_killed()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one || return
	rm -f /tmp/run /tmp/go
	kchanctl work /run/kchan/jobs -- sh -c ': >/tmp/run
		while [ ! -e /tmp/go ]; do sleep 0.05; done' &
	until_done [ -e /tmp/run ] || return
	kill -9 $!
	wait
	has leased 1 || return
	: >/tmp/go
	until_done has settled 1 || return
	is 0 value jobs len
}

# A command that takes too long.
timeouts()
{
	queue slow || return
	status 1 kchanctl work -t 200ms -r 0 -d /run/kchan/dead /run/kchan/jobs -- sleep 100 || return
	grep -q 'job 0: the time is over: it goes to' /tmp/said
}

# One that is stopped: its job comes back, and it is killed.
stopped()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one || return
	rm -f /tmp/pid
	kchanctl work -j 2 -l 1s /run/kchan/jobs -- sh -c '[ "$KCHAN_RETURNS" != 0 ] || {
		echo $$ >/tmp/pid
		kill -STOP $$
	}' 2>/tmp/told &
	work=$!
	until_done has settled 1 || return
	read -r command </tmp/pid
	until_done ended "$command" || return
	until_done grep -q 'job 0: its lease has ended: it went back by itself' /tmp/told ||
		return
	kill "$work"
	wait "$work"
}

# One that runs for longer than its lease keeps it.
long_job()
{
	queue one || return
	status 0 kchanctl work -l 1s /run/kchan/jobs -- sh -c 'echo run; sleep 3' || return
	is run cat /tmp/said
}

# The first SIGTERM waits for what runs, and takes no more.
drains()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs one two || return
	rm -f /tmp/run /tmp/go
	kchanctl work /run/kchan/jobs -- sh -c ': >/tmp/run
		while [ ! -e /tmp/go ]; do sleep 0.05; done' &
	work=$!
	until_done [ -e /tmp/run ] || return
	kill "$work"
	sleep 0.3
	has leased 1 || return
	: >/tmp/go
	wait "$work"
	is 0 echo $? || return
	has settled 1 || return
	is 1 value jobs len
}

# The second one, or the end of the grace, returns what runs. It does not count.
drain_returns()
{
	for how in '' '-g 300ms'; do
		anew jobs || return
		kchanctl send /run/kchan/jobs one || return
		rm -f /tmp/pid
		# shellcheck disable=SC2086 # several words, or none
		kchanctl work $how /run/kchan/jobs -- sh -c 'echo $$ >/tmp/pid; exec sleep 100' &
		work=$!
		until_done [ -s /tmp/pid ] || return
		read -r command </tmp/pid
		kill "$work"
		if [ -z "$how" ]; then
			sleep 0.2
			kill "$work"
		fi
		wait "$work"
		is 0 echo $? || return
		ended "$command" || return
		is 'returns: 0' sh -c "kchanctl peek -j /run/kchan/jobs |
			sed -n 's/.*\"\\(returns\\)\": \\([0-9]*\\).*/\\1: \\2/p'" || return
		is one kchanctl recv -n 1 /run/kchan/jobs || return
	done
}

# A command that cannot be run is no failed job.
no_command()
{
	queue one || return
	status 127 kchanctl work -r 0 -d /run/kchan/dead /run/kchan/jobs -- no-such-command || return
	is 'kchanctl: work: cannot run no-such-command: No such file or directory' \
		cat /tmp/said || return
	status 126 kchanctl work -r 0 -d /run/kchan/dead /run/kchan/jobs -- /etc/passwd || return
	is one kchanctl recv -n 1 /run/kchan/jobs || return
	is 0 value dead len
}

# The first queue comes first.
priorities()
{
	anew jobs || return
	kchanctl create /run/kchan/high || return
	kchanctl send /run/kchan/jobs l1 l2 l3 || return
	kchanctl send /run/kchan/high h1 h2 h3 || return
	kchanctl close /run/kchan/jobs || return
	kchanctl close /run/kchan/high || return
	is 'h1
h2
h3
l1
l2
l3' kchanctl work /run/kchan/high /run/kchan/jobs -- sh -c 'read -r job; echo $job'
}

# Several at a time, but not more.
several()
{
	# shellcheck disable=SC2046 # several words
	queue $(seq 12) || return
	rm -rf /tmp/at; mkdir /tmp/at
	status 0 kchanctl work -j 3 /run/kchan/jobs -- sh -c 'mkdir /tmp/at/$KCHAN_NUMBER
		ls /tmp/at | wc -l
		sleep 0.3
		rmdir /tmp/at/$KCHAN_NUMBER' || return
	is 12 sh -c 'wc -l </tmp/said' || return
	is 3 sh -c 'sort -n /tmp/said | tail -n 1'
}

# A channel of the shell, without a name.
on_descriptor()
{
	exec 3<>/dev/kchan
	kchanctl send --fd 3 one two || return
	kchanctl close --fd 3 || return
	is 'one
two' kchanctl work 3 -- sh -c 'cat; echo'
}

wrong()
{
	anew jobs || return
	status 2 kchanctl work || return
	status 2 kchanctl work /run/kchan/jobs || return
	status 2 kchanctl work /run/kchan/jobs -- || return
	status 2 kchanctl work -- true || return
	status 2 kchanctl work -j 0 /run/kchan/jobs -- true || return
	status 2 kchanctl work -r 3 /run/kchan/jobs -- true || return
	grep -q 'Say --dead' /tmp/said || return
	status 2 kchanctl work -l 1ms /run/kchan/jobs -- true || return
	status 1 kchanctl work /run/kchan/none -- true || return
	status 1 kchanctl work -d /run/kchan/none /run/kchan/jobs -- true
}

# recv is killed while it waits for its reader: the message that it has is not lost.
recv_killed()
{
	anew jobs -c 50 || return
	# More than a pipe holds.
	for i in $(seq 40); do
		printf '%04d%03990d\n' "$i" 0
	done | kchanctl send /run/kchan/jobs || return
	kchanctl close /run/kchan/jobs || return
	rm -f /tmp/go
	sh -c 'echo $$ >/tmp/pid; exec kchanctl recv /run/kchan/jobs' | {
		until [ -e /tmp/go ]; do sleep 0.05; done
		cat
	} >/tmp/seen &
	# It has stopped to receive.
	until_done [ -s /tmp/pid ] || return
	until [ "$(value jobs len)" = "${len-}" ]; do
		len=$(value jobs len)
		sleep 1
	done
	read -r pid </tmp/pid
	kill -9 "$pid"
	: >/tmp/go
	wait
	kchanctl recv /run/kchan/jobs >>/tmp/seen || return
	is 40 sh -c 'cut -c1-4 /tmp/seen | sort -u | wc -l'
}

moves()
{
	anew jobs || return
	kchanctl create -c 2 /run/kchan/dead || return
	kchanctl send /run/kchan/jobs 1 2 3 4 || return
	status 4 kchanctl move -t 20ms /run/kchan/jobs /run/kchan/dead || return
	is "kchanctl: move: message 3 not sent to /run/kchan/dead: the channel was full for all of the time" \
		cat /tmp/said || return
	is 2 value jobs len || return
	status 0 kchanctl move -n 1 /run/kchan/dead /run/kchan/jobs || return
	is '3
4
1' kchanctl peek /run/kchan/jobs || return
	is 2 kchanctl peek /run/kchan/dead || return
	status 0 kchanctl move /run/kchan/dead /run/kchan/jobs || return
	status 0 kchanctl move /run/kchan/dead /run/kchan/jobs || return
	is '3
4
1
2' kchanctl recv -n 4 /run/kchan/jobs || return
	status 1 kchanctl move /run/kchan/jobs /run/kchan/jobs || return
	is 'kchanctl: move: both are the same channel' cat /tmp/said || return
	kchanctl send /run/kchan/jobs x || return
	kchanctl close /run/kchan/dead || return
	status 1 kchanctl move /run/kchan/jobs /run/kchan/dead || return
	is x kchanctl peek /run/kchan/jobs
}

saves()
{
	anew jobs -c 200 || return
	rm -f /tmp/saved
	seq 150 | kchanctl send /run/kchan/jobs || return
	status 0 kchanctl save -n 3 /run/kchan/jobs /tmp/saved || return
	is 147 value jobs len || return
	status 1 kchanctl save /run/kchan/jobs /tmp/saved || return
	is 'kchanctl: save: /tmp/saved is there already: say --append, or another name' \
		cat /tmp/said || return
	status 0 kchanctl save --append /run/kchan/jobs /tmp/saved || return
	has len 0 || return
	has settled 150 || return
	status 0 kchanctl load /tmp/saved /run/kchan/jobs || return
	is "$(seq 150)" kchanctl recv -n 150 /run/kchan/jobs || return
	status 0 kchanctl load --skip 148 /tmp/saved /run/kchan/jobs || return
	is '149
150' kchanctl recv -n 2 /run/kchan/jobs || return
	status 1 kchanctl load /tmp/none /run/kchan/jobs || return
	status 2 kchanctl load /tmp/saved
}

# A disk that is full: all stays in the channel, and the file has no half message.
save_fails()
{
	anew jobs -c 100 || return
	mkdir -p /tmp/small
	mount -t tmpfs -o size=8k small /tmp/small || return
	for _ in $(seq 20); do
		head -c 1000 /dev/zero | tr '\0' x | kchanctl send -m /run/kchan/jobs || return
	done
	status 1 kchanctl save /run/kchan/jobs /tmp/small/saved
	code=$?
	is 0 stat -c %s /tmp/small/saved
	size=$?
	umount /tmp/small
	[ "$code" = 0 ] && [ "$size" = 0 ] || return
	grep -q 'No space left on device' /tmp/said || return
	is 20 value jobs len || return
	is 0 value jobs leased
}

peeks()
{
	anew jobs -m 666 || return
	is '' kchanctl peek /run/kchan/jobs || return
	is '[]' kchanctl peek -j /run/kchan/jobs || return
	printf 'a "b\n\303' | kchanctl send -m /run/kchan/jobs || return
	kchanctl send /run/kchan/jobs two || return
	is '[
{"number": 0, "returns": 0, "len": 6, "data": "a \"b\u000a\ufffd"},
{"number": 1, "returns": 0, "len": 3, "data": "two"}
]' kchanctl peek -j /run/kchan/jobs || return
	kchanctl recv -n 1 /run/kchan/jobs >/dev/null
	is two kchanctl peek /run/kchan/jobs || return
	kchanctl peek -l /run/kchan/jobs >/tmp/seen || return
	printf '\0\0\0\3two' | cmp - /tmp/seen || return
	is 1 value jobs len || return
	status 1 nobody kchanctl peek /run/kchan/jobs || return
	is "kchanctl: peek: /run/kchan/jobs: only the owner may look at what is queued" cat /tmp/said
}

step "the job is the command's input" stdin_is_job
step "the job is an argument" argument_is_job
step "a failed job is tried again" retries
step "a job that fails too often is a dead letter" dead_letters
step "dead letters do not wait" dead_is_full
step "a job that kills its keepers" kills_keepers
step "a keeper is killed" keeper_killed
step "the supervisor is killed" supervisor_killed
step "a command that takes too long" timeouts
step "a command that is stopped" stopped
step "a command that takes longer than its lease" long_job
step "SIGTERM: what runs is done" drains
step "SIGTERM: what runs is returned" drain_returns
step "a command that cannot be run" no_command
step "the first queue comes first" priorities
step "several jobs at a time" several
step "a channel without a name" on_descriptor
step "wrong usage is told" wrong
step "recv is killed" recv_killed
step "move" moves
step "save and load" saves
step "save, on a full disk" save_fails
step "peek" peeks
steps_end
