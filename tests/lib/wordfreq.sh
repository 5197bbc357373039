#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# wordfreq has the same output as tr, sort and uniq. Runs with busybox alone, over the
# files in $TEXTS. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/lib/common/names.sh
. "${STEPS%/*}/names.sh"

export LC_ALL=C
tree=/tmp/tree

# reference FILE...: the simple way. A word does not continue in the next file.
reference()
{
	# shellcheck disable=SC2018,SC2019 # these letters and no others
	find -H "$@" -type f -exec cat {} \; -exec echo \; |
		tr -cs A-Za-z '\n' | tr A-Z a-z | grep . | sort | uniq -c |
		sort -k1,1nr -k2
}

# A mixture: real text, a deep directory, names with special characters, binary files,
# words across buffer borders, words longer than a report, empty files.
make_tree()
{
	mkdir -p "$tree/a/b/c d/e" "$tree/empty folder"
	cp "$TEXTS"/* "$tree/a/b"
	echo "One one ONE two; two. three" >"$tree/a/b/c d/e/ \$x '\"
*"
	head -c 300000 /dev/urandom >"$tree/a/binary"
	{
		head -c 65530 /dev/zero | tr '\0' ' '
		echo "straddling the border"
		head -c 65535 /dev/zero | tr '\0' '.'
		echo "xyz"
	} >"$tree/border"
	{
		head -c 200000 /dev/zero | tr '\0' 'Q'
		echo
		head -c 70000 /dev/zero | tr '\0' 'z'
		echo
		head -c 200000 /dev/zero | tr '\0' 'q'
	} >"$tree/long"
	printf 'no newline at the end' >"$tree/a/end"
	: >"$tree/a/nothing"
	ln -s border "$tree/link"
	ln -s a "$tree/folder link"
	ln -s nowhere "$tree/broken link"
	mkfifo "$tree/a/fifo"
	reference "$tree" >/tmp/wanted
	[ -s /tmp/wanted ]
}

# same OPTION...: the whole table is equal.
same()
{
	wordfreq -n 0 -a "$@" "$tree" >/tmp/seen 2>/tmp/errors || {
		cat /tmp/errors
		return 1
	}
	cmp /tmp/wanted /tmp/seen || {
		diff /tmp/wanted /tmp/seen | cut -c 1-70 | head -n 20
		return 1
	}
	[ ! -s /tmp/errors ]
}

top()
{
	head -n 10 /tmp/wanted >/tmp/ten
	wordfreq -a "$tree" | cmp - /tmp/ten || return
	head -n 3 /tmp/wanted >/tmp/three
	wordfreq -a -n 3 -p "$tree" | cmp - /tmp/three
}

# Binary files, and only these, are left out and reported.
text_only()
{
	rm -rf /tmp/mostly
	mkdir -p /tmp/mostly/deep
	cp -r "$tree/a/b" /tmp/mostly/text || return
	printf 'not a NUL in it: \377\376' >/tmp/mostly/text/latin
	{
		head -c 65536 /dev/zero | tr '\0' ' '
		printf 'late\0late'
	} >/tmp/mostly/text/late
	reference /tmp/mostly/text >/tmp/text
	printf 'ELF\0word' >/tmp/mostly/deep/early
	{
		head -c 65535 /dev/zero | tr '\0' 'x'
		printf '\0last'
	} >/tmp/mostly/deep/last
	wordfreq -n 0 "$@" /tmp/mostly >/tmp/seen 2>/tmp/errors || return
	cmp /tmp/seen /tmp/text || return
	files=$(find /tmp/mostly -type f -exec echo one \; | wc -l)
	echo "wordfreq: 2 of $files files are binary: not counted" |
		cmp - /tmp/errors
}

several_names()
{
	reference "$tree/border" "$tree/link" "$tree/a/end" >/tmp/few
	wordfreq -n 0 "$tree/border" "$tree/link" "$tree/a/end" |
		cmp - /tmp/few
}

named_folder_link()
{
	reference "$tree/folder link" >/tmp/some
	wordfreq -n 0 -a "$tree/folder link" | cmp - /tmp/some
}

# unreadable OPTION...: the files are reported, the rest is counted, the status is 1.
unreadable()
{
	head -n 10 /tmp/wanted >/tmp/ten
	wordfreq -a "$@" /tmp/missing "$tree" "$tree/broken link" \
		>/tmp/seen 2>/tmp/errors
	[ $? -eq 1 ] || return
	cmp /tmp/seen /tmp/ten || return
	[ "$(wc -l </tmp/errors)" -eq 2 ] || return
	grep -q '/tmp/missing: No such file' /tmp/errors &&
		grep -q 'broken link' /tmp/errors
}

# As another user than root, for whom there are unreadable files.
forbidden()
{
	mkdir -p /tmp/mixed/closed
	echo yes yes >/tmp/mixed/open
	echo no >/tmp/mixed/secret
	echo no >/tmp/mixed/closed/file
	chmod 000 /tmp/mixed/secret /tmp/mixed/closed
	su -s /bin/sh nobody -c "wordfreq $* /tmp/mixed" >/tmp/seen \
		2>/tmp/errors
	[ $? -eq 1 ] || return
	[ "$(cat /tmp/seen)" = "      2 yes" ] || return
	grep -q '/tmp/mixed/secret: Permission denied' /tmp/errors &&
		grep -q '/tmp/mixed/closed: Permission denied' /tmp/errors
}

not_regular()
{
	wordfreq "$tree/a/fifo" 2>/tmp/errors
	[ $? -eq 1 ] && grep -q 'fifo: not a regular file' /tmp/errors
}

# busy COUNT: starts wordfreq with COUNT processes, on COUNT files that take for ever to
# read, followed by more paths than the channel holds.
busy()
{
	mkdir -p /tmp/busy/later
	set -- "$1" -a -p -j "$1"
	i=0
	while [ "$i" -lt "$1" ]; do
		truncate -s 1000000000000 "/tmp/busy/$i"
		set -- "$@" "/tmp/busy/$i"
		i=$((i + 1))
	done
	i=0
	while [ "$i" -lt 200 ]; do
		echo word >"/tmp/busy/later/$i"
		i=$((i + 1))
	done
	shift
	wordfreq "$@" /tmp/busy/later >/tmp/seen 2>/tmp/errors &
	pid=$!
	# Each has begun when it has its file open.
	for each in "$@"; do
		case $each in /tmp/busy/*) ;; *) continue ;; esac
		until [ -n "$(holders "$each")" ]; do
			kill -0 "$pid" || return
			usleep 10000
		done
	done
}

# holders FILE: its processes that have the file open.
holders()
{
	pids=$(pidof wordfreq) || return
	# shellcheck disable=SC2012,SC2046,SC2086 # no find prints where a link leads; words
	ls -l $(printf '/proc/%s/fd/* ' $pids) 2>/dev/null |
		sed -n "s|.* /proc/\([0-9]*\)/fd/[0-9]* -> $1\$|\1|p"
}

one_killed()
{
	busy 2 || return
	# The other one goes on, with the rest of the paths; then its file ends.
	killed=$(holders /tmp/busy/0)
	kill -KILL "$killed"
	truncate -s 0 /tmp/busy/1
	wait "$pid"
	[ $? -eq 1 ] || return
	[ "$(cat /tmp/seen)" = "    200 word" ] || return
	grep -q "worker $killed was ended by signal 9" /tmp/errors
}

all_killed()
{
	busy 2 || return
	kill -KILL "$(holders /tmp/busy/0)" "$(holders /tmp/busy/1)"
	wait "$pid"
	[ $? -eq 1 ] || return
	[ ! -s /tmp/seen ] || return
	[ "$(grep -c 'was ended by signal 9' /tmp/errors)" -eq 2 ]
}

parent_killed()
{
	busy 2 || return
	first=$(holders /tmp/busy/0)
	second=$(holders /tmp/busy/1)
	kill -KILL "$pid"
	wait "$pid"
	while [ -d "/proc/$first" ] || [ -d "/proc/$second" ]; do
		usleep 10000
	done
}

# no_device SCRIPT: runs in a /dev of its own, after SCRIPT.
no_device()
{
	unshare -m sh -c "mount -t tmpfs dev /dev && $1 && exec wordfreq /etc/passwd" \
		>/tmp/seen 2>/tmp/errors
	[ $? -eq 1 ] || return
	echo "wordfreq: cannot make a channel: no such device (is the kernel module kchan loaded, and /dev/kchan its device?)" |
		diff - /tmp/errors
}

# A walker, two crews of workers and a reducer, each started by itself.
by_hand()
{
	paths=/run/kchan/paths
	reports=/run/kchan/reports
	anew paths --no-hold --size 4096 --capacity 4 || return
	kchanctl create --no-hold --size 65536 --capacity 2 "$reports" || return
	wordfreq -n 0 --reports "$reports" >/tmp/seen 2>/tmp/errors &
	reducer=$!
	wordfreq -a -j 2 --paths "$paths" --reports "$reports" 2>/tmp/errors1 &
	first=$!
	wordfreq -a -j 2 -p --paths "$paths" --reports "$reports" 2>/tmp/errors2 &
	second=$!
	# Both are there, so the reports do not end before one has begun.
	until [ "$(value reports send_ends)" = 2 ]; do
		kill -0 "$first" && kill -0 "$second" || return
		usleep 10000
	done
	wordfreq --paths "$paths" "$tree" || return
	for pid in "$first" "$second" $reducer; do
		wait "$pid" || return
	done
	cmp /tmp/wanted /tmp/seen
}

# What is wrong with a channel is told.
by_hand_wrong()
{
	anew paths --no-hold --size 100 || return
	for options in '--paths /run/kchan/none f' '--reports /run/kchan/none'; do
		# shellcheck disable=SC2086 # words
		wordfreq $options 2>/tmp/errors
		is 1 echo $? || return
		is 'wordfreq: /run/kchan/none: No such file or directory' cat /tmp/errors || return
	done
	wordfreq --paths /run/kchan/paths "$tree" 2>/tmp/errors
	is 1 echo $? || return
	is 'wordfreq: /run/kchan/paths: the channel has to take messages of 4096 bytes: kchanctl create --size 4096' \
		cat /tmp/errors
}

usage()
{
	wordfreq --help | grep -q '^Usage: wordfreq' || return
	wordfreq --version >/dev/null || return
	for wrong in '' '-n x f' '-j 0 f' '-j 9999 f' '--nonsense f' \
			'--paths p' '--reports r f' '--paths p --reports r f'; do
		# shellcheck disable=SC2086 # words
		wordfreq $wrong 2>/dev/null
		[ $? -eq 2 ] || {
			echo "$wrong"
			return 1
		}
	done
}

step "the files to count" make_tree
for workers in 1 2 7; do
	step "threads: $workers" same -j $workers
	step "processes: $workers" same --processes -j $workers
done
step "as many threads as processors" same
step "the first words only" top
step "binary files are left out" text_only
step "binary files are left out by processes" text_only -p
step "files by name, one of them twice" several_names
step "a folder that a link leads to" named_folder_link
step "files that are not there: told, the rest counted" unreadable
step "files that are not there, with processes" unreadable -p
step "files that may not be read: told, the rest counted" forbidden
step "files that may not be read, with processes" forbidden -p
step "what is no regular file is told" not_regular
step "a killed worker is told, the others go on" one_killed
step "all workers killed: told, and an end" all_killed
step "with their parent killed, workers go" parent_killed
step "no /dev/kchan is told" no_device true
step "a regular file in place of /dev/kchan is told" \
	no_device 'touch /dev/kchan'
step "walker, workers and reducer by hand" by_hand
step "walker, workers and reducer by hand: what is wrong is told" by_hand_wrong
step "wrong usage is told" usage
steps_end
