#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# socat, xargs of GNU and parallel of moreutils, over the name of a channel. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/clients/name.sh
. /t/name.sh

export PATH="/t/tools:$PATH"

# What socat reads with one call it writes with one call.
socat_out()
{
	printf 'one' >"$queue"
	printf 'and two' >"$queue"
	timeout 10 socat -u OPEN:"$queue",rdonly,readbytes=10 STDOUT >/tmp/seen
	printf 'oneand two' | cmp - /tmp/seen
}

socat_in()
{
	printf 'from socat' | timeout 10 socat -u STDIN OPEN:"$queue",wronly || return
	[ "$(kchanctl recv -r -n 1 "$queue")" = "from socat" ]
}

# By default it reads up to 8192 bytes, and a message may have 4096.
socat_large()
{
	head -c 8192 /dev/zero >/tmp/large
	timeout 10 socat -u OPEN:/tmp/large OPEN:"$queue",wronly 2>/tmp/errors && return 1
	grep -q 'Message too long' /tmp/errors || return
	timeout 10 socat -u -b 4096 OPEN:/tmp/large OPEN:"$queue",wronly || return
	[ "$(kchanctl recv -r -n 2 "$queue" | wc -c)" -eq 8192 ]
}

# A line from each connection becomes a message. The peer is a plain client.
socat_listens()
{
	timeout 20 socat -u UNIX-LISTEN:/tmp/socket,fork OPEN:"$queue",wronly &
	socat=$!
	until [ -S /tmp/socket ]; do
		sleep 0.1
	done
	for i in 1 2 3; do
		echo "client $i" | timeout 10 socat -u STDIN UNIX-CONNECT:/tmp/socket
	done
	kchanctl recv -r -n 3 "$queue" | sort >/tmp/seen
	kill "$socat"
	printf 'client %d\n' 1 2 3 | cmp - /tmp/seen
}

# Its input is a stream of lines: each echo has sent one, with its newline.
xargs_reads()
{
	for i in 1 2 3 4; do
		echo "job $i" >"$queue"
	done
	# The name keeps the channel open, so kchanctl is to end it.
	kchanctl recv -r -n 4 "$queue" | timeout 20 xargs -P 2 -I '{}' echo 'did {}' |
		sort >/tmp/seen
	printf 'did job %d\n' 1 2 3 4 | cmp - /tmp/seen
}

xargs_from_name()
{
	rm "$queue"
	mkfifo -m 660 "$queue"
	{
		echo a
		echo b
	} | (
		exec >"$queue"
		while read -r line; do
			echo "$line"
		done
		kchanctl close --fd 1
	)
	timeout 20 xargs -n 1 echo got <"$queue" >/tmp/seen || return
	rm "$queue"
	mkfifo -m 660 "$queue"
	printf 'got %s\n' a b | cmp - /tmp/seen
}

# What xargs runs may send: each echo is a message, and none is torn.
xargs_sends()
{
	seq 1 50 | timeout 20 xargs -P 4 -n 1 sh -c "echo \$0 >$queue" &
	kchanctl recv -r -n 50 "$queue" | sort -n >/tmp/seen
	wait $!
	seq 1 50 | cmp - /tmp/seen
}

# Several workers at a time, each with one job after another.
parallel_workers()
{
	for i in 1 2 3 4 5 6; do
		echo "job $i" >"$queue"
	done
	timeout 20 parallel -i sh -c "kchanctl recv -r -n 2 $queue" -- 1 2 3 |
		sort >/tmp/seen
	printf 'job %d\n' 1 2 3 4 5 6 | cmp - /tmp/seen
}

step "socat reads messages" socat_out
step "socat sends a message" socat_in
step "socat needs -b 4096 for what is larger" socat_large
step "socat passes on what clients of a socket send" socat_listens
step "xargs runs what kchanctl receives" xargs_reads
step "xargs reads a channel to its end" xargs_from_name
step "what xargs runs sends" xargs_sends
step "parallel runs workers" parallel_workers
steps_end
