#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl: the names of channels. Runs with busybox alone. TAP.

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

create()
{
	anew jobs -c 3 -s 100 -m 640 || return
	is 'mode: message
elem_size: 100
capacity: 3
len: 0
in_flight: 0
leased: 0
delayed: 0
closed: no
mapped: no
map_pid: 0
broken: no
named: yes
send_hold: yes
send_ends: 1
recv_ends: 1
send_waiters: 0
recv_waiters: 0
taken: 0
settled: 0
dropped: 0
returns: 0
can_send: no
can_recv: yes' sh -c "kchanctl info /run/kchan/jobs | grep -v ^id:" || return
	is '640 fifo' stat -c '%a %F' /run/kchan/jobs || return
	# What is not said stays as the mount has it.
	anew other -c 5 || return
	is 4096 value other elem_size || return
	is 5 value other capacity || return
	anew fixed -F -s 8 || return
	is fixed value fixed mode || return
	is 16 value fixed capacity || return
	(
		umask 027
		anew plain || return
	)
	is 640 stat -c %a /run/kchan/plain || return
	# Nothing else is left there.
	is plain ls -A /run/kchan
}

create_owner()
{
	anew jobs -m 600 -o nobody || return
	is "600 nobody" stat -c '%a %U' /run/kchan/jobs || return
	status 0 nobody kchanctl send /run/kchan/jobs one || return
	status 0 nobody kchanctl close /run/kchan/jobs || return
	anew jobs -o 12:34 || return
	is '12 34' stat -c '%u %g' /run/kchan/jobs || return
	anew jobs -o :35 || return
	is '0 35' stat -c '%u %g' /run/kchan/jobs || return
	status 2 kchanctl create -o no-such-user /run/kchan/a || return
	is jobs ls -A /run/kchan
}

# A user may not give a name to somebody else. Nothing is left behind.
create_fails()
{
	anew jobs || return
	status 1 kchanctl create /run/kchan/jobs || return
	is "kchanctl: /run/kchan/jobs: File exists" cat /tmp/said || return
	status 1 kchanctl create /run/kchan/none/jobs || return
	is "kchanctl: /run/kchan/none/jobs: there is no such directory" cat /tmp/said ||
		return
	status 1 kchanctl create /tmp/jobs || return
	is 'kchanctl: /tmp/jobs: a name has to be in a filesystem of names' \
		cat /tmp/said || return
	status 1 kchanctl create -s 0 /run/kchan/a || return
	grep -q "kchanctl: /run/kchan/a: " /tmp/said || return
	is jobs ls -A /run/kchan || return
	mkdir -m 1777 /run/kchan/all || return
	status 1 nobody kchanctl create -o 0 /run/kchan/all/a || return
	grep -q 'cannot give it to this owner: Operation not permitted' /tmp/said ||
		return
	mkdir -m 755 /run/kchan/no || return
	status 1 nobody kchanctl create /run/kchan/no/b || return
	is "kchanctl: /run/kchan/no/b: you may not make names in this directory" \
		cat /tmp/said || return
	is '' ls -A /run/kchan/all || return
	for mode in 888 1777 x '' -1 u+r; do
		status 2 kchanctl create -m "$mode" /run/kchan/a || return
	done
	status 2 kchanctl create || return
	status 2 kchanctl create -c 1048577 /run/kchan/a
}

setup()
{
	anew other || return
	mkfifo /run/kchan/jobs || return
	status 0 kchanctl setup -c 2 /run/kchan/jobs || return
	is 2 value jobs capacity || return
	is message value jobs mode || return
	status 0 kchanctl setup -F -s 8 /run/kchan/jobs || return
	is 'fixed 8 2' echo "$(value jobs mode) $(value jobs elem_size) $(value jobs capacity)" ||
		return
	kchanctl send /run/kchan/jobs 12345678 || return
	status 1 kchanctl setup -c 3 /run/kchan/jobs || return
	is "kchanctl: /run/kchan/jobs: the channel is in use, so it cannot be set up any more; resize changes its capacity" \
		cat /tmp/said || return
	chmod 666 /run/kchan/jobs || return
	status 1 nobody kchanctl setup -c 3 /run/kchan/other || return
	exec 3<>/dev/kchan
	status 0 kchanctl setup --fd 3 -c 1 || return
	is 'capacity: 1' sh -c 'kchanctl info --fd 3 | grep ^cap' || return
	status 1 kchanctl setup --fd 3 --no-hold || return
	grep -q 'has no name for --no-hold' /tmp/said
}

resize()
{
	anew jobs -c 2 -m 666 || return
	kchanctl send /run/kchan/jobs 1 2 || return
	{ kchanctl send -t 10s /run/kchan/jobs 3 4; echo $? >/tmp/code; } &
	status 0 kchanctl resize /run/kchan/jobs 4 || return
	wait
	is 0 cat /tmp/code || return
	is 4 value jobs len || return
	status 1 kchanctl resize /run/kchan/jobs 1 || return
	grep -q 'more elements are queued than that' /tmp/said || return
	status 1 nobody kchanctl resize /run/kchan/jobs 100 || return
	is "kchanctl: resize: /run/kchan/jobs: only the owner of the name may do that" \
		cat /tmp/said || return
	status 1 nobody kchanctl close /run/kchan/jobs || return
	is "kchanctl: close: /run/kchan/jobs: only the owner of the name may do that" \
		cat /tmp/said || return
	status 2 kchanctl resize /run/kchan/jobs || return
	status 2 kchanctl resize /run/kchan/jobs x || return
	status 2 kchanctl resize /run/kchan/jobs 1048577
}

listing()
{
	anew jobs -c 20 || return
	mkdir /run/kchan/app || return
	kchanctl create -c 3 -F -s 8 -m 600 /run/kchan/app/numbers || return
	kchanctl send /run/kchan/jobs a b c || return
	kchanctl close /run/kchan/app/numbers || return
	is "     LEN      CAP   FLIGHT STATE  NAME
       0        3        0 ended  /run/kchan/app/numbers
       3       20        0 open   /run/kchan/jobs" kchanctl ls || return
	is "     LEN      CAP   FLIGHT STATE  NAME
       0        3        0 ended  app/numbers" \
		sh -c "cd /run/kchan && kchanctl ls app" || return
	is "MODE  USER     GROUP    KIND        SIZE    SEND    RECV   WSEND   WRECV      LEN      CAP   FLIGHT STATE  NAME
0600  root     root     fixed          8       0       0       0       0        0        3        0 ended  /run/kchan/app/numbers" \
		kchanctl ls -l /run/kchan/app/numbers || return
	# Who waits, and who has it open: its lease counts as an end, too.
	kchanctl recv -n 4 /run/kchan/jobs >/dev/null &
	until kchanctl ls -l /run/kchan/jobs | grep -q '  0       2       0       1        0 '
	do
		sleep 0.1
	done
	kchanctl send /run/kchan/jobs d
	wait
	# Others see that it is there.
	is "     LEN      CAP   FLIGHT STATE  NAME
       -        -        - -      /run/kchan/app/numbers" \
		nobody kchanctl ls /run/kchan/app || return
	# They do not see into a directory that is not theirs.
	chmod 700 /run/kchan/app
	status 1 nobody kchanctl ls || return
	grep -q "^kchanctl: /run/kchan/app: Permission denied" /tmp/said || return
	grep -q " open   /run/kchan/jobs\$" /tmp/said
}

listing_json()
{
	anew 'a "b\c' -c 2 -m 604 || return
	id=$(value 'a "b\c' id)
	is "[
{\"path\": \"/run/kchan/a \\\"b\\\\c\", \"permissions\": \"0604\", \"user\": \"root\", \"group\": \"root\", \"id\": $id, \"mode\": \"message\", \"elem_size\": 4096, \"capacity\": 2, \"len\": 0, \"in_flight\": 0, \"leased\": 0, \"delayed\": 0, \"closed\": false, \"mapped\": false, \"map_pid\": 0, \"broken\": false, \"named\": true, \"send_hold\": true, \"send_ends\": 1, \"recv_ends\": 1, \"send_waiters\": 0, \"recv_waiters\": 0, \"taken\": 0, \"settled\": 0, \"dropped\": 0, \"returns\": 0}
]" kchanctl ls --json || return
	# What is no character of UTF-8, and what could move the cursor.
	anew "$(printf 'x\303\244\303y\tz')" || return
	kchanctl ls --json | grep -qF "/x$(printf '\303\244')\\ufffdy\\u0009z\"" || return
	kchanctl ls | grep -q "/x.*y?z\$" || return
	rm -rf /run/kchan/*
	is '[]' kchanctl ls --json || return
	is '' kchanctl ls || return
	anew jobs -m 600 || return
	nobody kchanctl ls -j | grep -q '"user": "root", "group": "root", "error": "Permission denied"}'
}

stat_names()
{
	anew jobs -c 2 -m 600 || return
	kchanctl create -c 3 /run/kchan/more || return
	is "path: /run/kchan/jobs
permissions: 0600
user: root
group: root
mode: message
elem_size: 4096
capacity: 2" sh -c "kchanctl stat /run/kchan/jobs | grep -v ^id: | head -n 7" || return
	is 2 sh -c "kchanctl stat /run/kchan | grep -c ^path:" || return
	is 2 sh -c "kchanctl stat -j /run/kchan/jobs /run/kchan/more | grep -c '\"path\"'" || return
	status 1 nobody kchanctl stat /run/kchan/jobs || return
	grep -q "kchanctl: /run/kchan/jobs: cannot look at the channel: Permission denied" \
		/tmp/said || return
	status 1 kchanctl stat /run/kchan/none || return
	status 1 kchanctl stat /etc/passwd || return
	is '[]
kchanctl: /etc/passwd is not the name of a channel' sh -c \
		'kchanctl stat -j /etc/passwd 2>&1 | sort' || return
	status 2 kchanctl stat
}

info_json()
{
	exec 3<>/dev/kchan
	kchanctl info --json --fd 3 | grep -q \
		'^{"id": [0-9]*, "mode": "message", .*, "can_send": true, "can_recv": true}$'
}

# Only names are removed, and only if nothing is lost.
remove()
{
	anew jobs -m 600 || return
	kchanctl create /run/kchan/more || return
	kchanctl send /run/kchan/jobs 1 2 || return
	status 1 kchanctl rm /run/kchan/jobs /run/kchan/more || return
	is "kchanctl: rm: /run/kchan/jobs: 2 queued and 0 in flight would be lost: receive them first, or say --force" \
		cat /tmp/said || return
	is jobs ls -A /run/kchan || return
	status 0 kchanctl rm --force /run/kchan/jobs || return
	is '' ls -A /run/kchan || return
	status 1 kchanctl rm /run/kchan/jobs || return
	status 0 kchanctl rm -f /run/kchan/jobs || return
	: >/tmp/file
	rm -f /tmp/fifo
	mkfifo /tmp/fifo
	for each in /tmp/file /tmp/fifo /run/kchan; do
		status 1 kchanctl rm -f "$each" || return
		is "kchanctl: rm: $each is not the name of a channel" cat /tmp/said ||
			return
	done
	mkdir -m 777 /run/kchan/all || return
	kchanctl create -m 200 /run/kchan/all/a || return
	status 1 nobody kchanctl rm /run/kchan/all/a || return
	grep -q 'cannot see whether it is empty: Permission denied; say --force' \
		/tmp/said || return
	status 0 nobody kchanctl rm -f /run/kchan/all/a || return
	status 2 kchanctl rm
}

# kchanctl tells a user who may not use a name: its owner, its group and its mode.
refused()
{
	anew jobs -m 620 -o root:nogroup || return
	status 1 nobody kchanctl recv /run/kchan/jobs || return
	is "kchanctl: /run/kchan/jobs: you may not receive from it: it belongs to root:nogroup, and its mode is 620" \
		cat /tmp/said || return
	status 1 nobody kchanctl info /run/kchan/jobs || return
	status 0 nobody kchanctl send /run/kchan/jobs one || return
	chmod 640 /run/kchan/jobs
	status 1 nobody kchanctl send /run/kchan/jobs one || return
	grep -q 'you may not send to it' /tmp/said || return
	is one nobody kchanctl recv -n 1 /run/kchan/jobs
}

no_name()
{
	anew jobs || return
	none=/run/kchan/jbos
	for command in "recv $none" "send $none x" "info $none" "close $none" \
			"wait $none" "select --recv $none" "run --in $none cat" \
			"run --out $none ls" "stat $none" "ls $none" "rm $none" \
			"setup $none" "resize $none 5" "top --once $none"; do
		# shellcheck disable=SC2086 # several words
		status 1 kchanctl $command || return
		grep -qx "kchanctl: there is no $none; kchanctl create makes a channel with a name" \
			/tmp/said || return
	done
	status 1 kchanctl recv /etc/passwd || return
	is 'kchanctl: /etc/passwd is not the name of a channel' cat /tmp/said || return
	status 1 kchanctl recv /dev/kchan || return
	is 'kchanctl: /dev/kchan makes a new channel each time that it is opened: open it in the shell, and say --fd N' \
		cat /tmp/said || return
	rm -f /tmp/fifo
	mkfifo /tmp/fifo || return
	status 1 kchanctl send /tmp/fifo x || return
	is 'kchanctl: /tmp/fifo is not the name of a channel' cat /tmp/said
}

# Without a mount, and without the module.
nothing_mounted()
{
	status 1 unshare -m sh -c "umount -l /run/kchan; kchanctl ls" || return
	is 'kchanctl: no filesystem of names is mounted; as root: mount -m -t kchan kchan /run/kchan' \
		cat /tmp/said || return
	status 1 unshare -m sh -c "umount -l /run/kchan; kchanctl send /run/kchan/jobs one" || return
	is "kchanctl: there is no /run/kchan/jobs; kchanctl create makes a channel with a name
kchanctl: no filesystem of names is mounted; as root: mount -m -t kchan kchan /run/kchan" \
		cat /tmp/said || return
	status 1 unshare -m sh -c "umount -l /run/kchan; kchanctl create /run/kchan/jobs" || return
	is "kchanctl: /run/kchan/jobs: a name has to be in a filesystem of names
kchanctl: no filesystem of names is mounted; as root: mount -m -t kchan kchan /run/kchan" \
		cat /tmp/said || return
	status 1 unshare -m sh -c "umount -l /run/kchan; mount -t tmpfs none /sys
		kchanctl recv /run/kchan/jobs" || return
	is "kchanctl: there is no /run/kchan/jobs; kchanctl create makes a channel with a name
kchanctl: the kernel module is not loaded; as root: modprobe kchan; mount -m -t kchan kchan /run/kchan" \
		cat /tmp/said
}

# A filesystem that is mounted twice is listed once, and another one beside it.
two_mounts()
{
	anew jobs || return
	status 0 unshare -m sh -c "mkdir -p /tmp/a /tmp/b
		mount --bind /run/kchan /tmp/a && mount -t kchan kchan /tmp/b &&
		mkfifo /tmp/b/own && kchanctl ls" || return
	is "/tmp/b/own
/run/kchan/jobs" sh -c "sed -n 's/.* open *//p' /tmp/said | sort -r"
}

top_once()
{
	anew jobs -c 1000 || return
	exec 3<>/dev/kchan
	kchanctl send /run/kchan/jobs 1 2 3 || return
	kchanctl send --fd 3 x || return
	id=$(kchanctl info --fd 3 | sed -n 's/^id: //p')
	kchanctl top --once >/tmp/seen || return
	is "     LEN      CAP  FLIGHT  LEASED DELAYED RETURNS   SEND/s   RECV/s  WSEND  WRECV   SEND   RECV OWNER    STATE  NAME
       3     1000       0       0       0       0        -        -      0      0      0      0 root     open   /run/kchan/jobs
       1       16       0       0       0       0        -        -      0      0      1      1 root     open   channel $id" \
		grep -e NAME -e /jobs -e "channel $id\$" /tmp/seen || return
	# By name: the paths are ahead of the channels that have none.
	is "/run/kchan/jobs
channel $id" sh -c "kchanctl top --once --sort name | grep -o -e '[^ ]*/jobs' -e 'channel $id\$'" ||
		return
	# Some names only.
	is 2 sh -c "kchanctl top --once /run/kchan | wc -l" || return
	# Rates need time.
	while kchanctl send /run/kchan/jobs more; do
		usleep 50000
	done 2>/dev/null &
	kchanctl top --once -d 2s /run/kchan/jobs >/tmp/seen || return
	kchanctl close /run/kchan/jobs || return
	wait
	awk 'NR == 2 && $RATE > 0 && $(RATE + 1) == "0.0" { good = 1 } END { exit !good }' \
		RATE=7 /tmp/seen || {
		cat /tmp/seen
		return 1
	}
	kchanctl recv /run/kchan/jobs >/dev/null || return
	# A user sees what may be received from.
	is "       -        -       -       -       -       -        -        -      -      -      -      - root     -      /run/kchan/jobs" \
		sh -c "chmod 600 /run/kchan/jobs; su -s /bin/sh -c 'kchanctl top --once' nobody | tail -n 1"
}

top_json()
{
	anew jobs || return
	kchanctl send /run/kchan/jobs 1 2 3 || return
	kchanctl recv -n 1 /run/kchan/jobs >/dev/null
	kchanctl top --once --json /run/kchan/jobs | grep -q \
		"^{\"path\": \"/run/kchan/jobs\", .*\"len\": 2, .*\"sent\": 3, \"received\": 1}" || return
	kchanctl top --once --json -d 20ms /run/kchan/jobs | grep -q \
		'"sent": 3, "received": 1, "send_rate": 0.0, "recv_rate": 0.0}' || return
	status 2 kchanctl top --json || return
	status 2 kchanctl top --sort x || return
	status 2 kchanctl top --delay 0 || return
	status 1 kchanctl top </dev/null || return
	is 'kchanctl: top: this is no terminal: say --once' cat /tmp/said
}

# The output cannot be written.
full()
{
	anew jobs || return
	for command in ls 'ls -j' "info /run/kchan/jobs" "stat /run/kchan/jobs" 'top --once' \
			--help '--version' 'help ls' 'ls --help'; do
		# shellcheck disable=SC2086 # several words
		kchanctl $command >/dev/full 2>/tmp/said
		is "$command: 1" echo "$command: $?" || return
		grep -q 'cannot write: No space left on device' /tmp/said || return
	done
}

step "create" create
step "create: for somebody else" create_owner
step "create: what fails leaves nothing" create_fails
step "setup" setup
step "resize" resize
step "ls" listing
step "ls --json" listing_json
step "stat" stat_names
step "info --json" info_json
step "rm" remove
step "who may not is told why" refused
step "a path that is no name is told" no_name
step "that nothing is mounted is told" nothing_mounted
step "ls: each filesystem once" two_mounts
step "top --once" top_once
step "top --once --json" top_json
step "an output that is full is told" full
steps_end
