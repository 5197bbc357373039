#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Checks the output of the examples, which are in $EXAMPLES. Runs with busybox alone.
# TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

# run NAME: its output is in /tmp/seen.
run()
{
	"$EXAMPLES/$1" >/tmp/seen 2>/tmp/errors || {
		echo "status $?"
		cat /tmp/seen /tmp/errors
		return 1
	}
	[ ! -s /tmp/errors ] || {
		cat /tmp/errors
		return 1
	}
}

# prints NAME LINE...: it prints exactly these lines.
prints()
{
	name=$1
	shift
	run "$name" || return
	printf '%s\n' "$@" | diff - /tmp/seen
}

# holds LINE PATTERN: the whole line LINE of the output matches the pattern.
holds()
{
	sed -n "$1p" /tmp/seen | grep -qxE "$2" || {
		cat /tmp/seen
		return 1
	}
}

# counted COUNT PATTERN: this many lines of the output match the pattern.
counted()
{
	[ "$(grep -c "$2" /tmp/seen)" = "$1" ] || {
		cat /tmp/seen
		return 1
	}
}

# One cook changes between dishes. The order of several cooks is not fixed.
kitchen()
{
	run kitchen || return
	holds 1 'one cook:( soup| pie| cake){9} \(1 at work\)' || return
	holds 2 'all cooks:( soup| pie| cake){9} \([1-9][0-9]* at work\)' || return
	! sed -n 1p /tmp/seen | grep -qE '( soup){3}.*( pie){3}|( pie){3}.*( soup){3}'
}

loopvar()
{
	run loopvar || return
	holds 1 "the variable's address: 3 3 3" || return
	holds 2 'a copy for each, in some order:( [012]){3}' || return
	holds 3 'each once: yes'
}

leak()
{
	run leak || return
	holds 1 'room for 0: the answer is 42' || return
	holds 2 '  1 goroutine is left:' || return
	holds 3 '  goroutine [0-9]+ \[chan send on channel .*, nobody can wake it\]:' ||
		return
	holds 4 '  kc_send' || return
	holds 5 '  answer_with' || return
	holds 6 '  slow_server' || return
	holds 7 '  created by ask in goroutine 1' || return
	sed 1,7d /tmp/seen >/tmp/rest
	printf '%s\n' 'left: 1' '  not wanted any more: EPIPE' \
		'room for 2: the answer is 42' 'left: 0' | diff - /tmp/rest
}

# Its own report ends it.
deadlock()
{
	"$EXAMPLES/deadlock" >/tmp/seen 2>&1
	[ $? -eq 134 ] || {
		cat /tmp/seen
		return 1
	}
	holds 1 'fatal error: all goroutines are asleep - deadlock!' || return
	counted 2 '\[mutex lock, ' && counted 1 '\[waitgroup wait, ' &&
		counted 2 '^kc_mutex_lock$' && counted 2 '^philosopher$' &&
		counted 2 '^created by main in goroutine 1$'
}

# The race detector finds the first counter, and not the second one.
race()
{
	if [ -z "${TSAN_OPTIONS-}" ]; then
		prints race "racy: at most 20000: yes" "guarded: 20000"
		return
	fi
	"$EXAMPLES/race" >/tmp/seen 2>&1
	[ $? -eq 66 ] || return
	counted 1 'WARNING: ThreadSanitizer: data race' || return
	grep -q '#0 count_racy' /tmp/seen || return
	! grep -q count_guarded /tmp/seen || return
	[ "$("$EXAMPLES/race" guarded 2>&1)" = "guarded: 20000" ]
}

mended()
{
	"$EXAMPLES/deadlock" mended >/tmp/seen 2>&1 || return
	sort /tmp/seen >/tmp/rest
	printf '%s\n' 'philosopher 0 eats' 'philosopher 1 eats' | diff - /tmp/rest
}

# Every example is run here.
complete()
{
	for each in "$EXAMPLES"/*; do
		grep -qE "^step .* (prints )?${each##*/}( \\\\)?\$" "$0" || {
			echo "${each##*/} is not run"
			return 1
		}
	done
}

# Only the deadlock example may have a deadlock report.
export KCHANDEBUG=deadlock

# The network of the guest may still be down.
ifconfig lo 127.0.0.1 up 2>/dev/null

step "a goroutine, and who waits for it" prints goroutine \
	"forgets: main ends" \
	"waits: hello" \
	"waits: main ends"
step "concurrency and parallelism" kitchen
step "a loop's variable" loopvar
step "unbuffered" prints unbuffered \
	"nobody is there: nothing is sent" \
	"guest: here is my cup" \
	"host: sent, and there is a cup: yes" \
	"host: sent 42, got back 43"
step "buffered" prints buffered \
	"size 0: 8 of 8 sends wait, 0 of 0 are used" \
	"size 1: 7 of 8 sends wait, 1 of 1 are used" \
	"size 4: 4 of 8 sends wait, 4 of 4 are used" \
	"size 8: 0 of 8 sends wait, 8 of 8 are used" \
	"size 100: 0 of 8 sends wait, 8 of 100 are used"
step "several elements a call" prints batch \
	"300 records, in fewer writes"
step "receive-only" prints receive_only \
	"received 7" \
	"send: EBADF" \
	"close: EBADF" \
	"write: EBADF" \
	"nobody receives any more: EPIPE"
step "send-only" prints send_only \
	"receive: EBADF" \
	"12 elements of 4 producers, in all 24; then it was closed"
step "a generator" prints generator \
	"0 1 1 2 3 5 8 13 21 34 55 89 " \
	"the generator ends"
step "fan-out" prints fan_out \
	"all 12 jobs done: yes" \
	"the slow one held up nobody: yes"
step "fan-in" prints fan_in \
	"9 readings, those of each sensor in order: yes"
step "a select over channels that end" prints select \
	"low: 55, high: 306"
step "a worker pool, and who closes its results" prints worker_pool \
	"nobody closes the results: 91, then waiting for ever" \
	"one more goroutine does: 91, then the end" \
	"kc_pool: 91, then the end"
step "a pipeline" prints pipeline \
	"10 words, 57 letters"
step "errors through a channel" prints errors \
	'error: parse "twelve": no number (EINVAL)' \
	"sum of the others: 42"
step "a safe goroutine" prints safe \
	"request 1: served" \
	"request 1: finished" \
	"request 2: finished" \
	"log: recovered from panic: request 2 makes no sense" \
	"request 3: served" \
	"request 3: finished" \
	"the program goes on"
step "an errgroup" prints errgroup \
	"Anchor: yes" \
	"Lion: no" \
	"Swan: called off" \
	"error: Lion: has closed down"
step "singleflight" prints singleflight \
	"5 asked, 5 got a shared answer, fetched 1 time" \
	"one more asked: fetched 2 times"
step "a timeout, and the worker that is left behind" prints timeout \
	"no room for the result: ETIMEDOUT" \
	"  the worker is left behind" \
	"  the worker's send: done" \
	"room for it: ETIMEDOUT" \
	"  the worker's send: done" \
	"a send that ends with the context: ETIMEDOUT" \
	"  the worker's send: ETIMEDOUT"
step "values of a request" prints values \
	"[request 0, nobody] two requests come in" \
	"[request 1, gopher] begin" \
	"[request 1, gopher] query" \
	"[request 2, penguin] begin" \
	"[request 2, penguin] query"
step "the prime sieve" prints sieve \
	"2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 " \
	"all goroutines have ended"
step "locks, a condition, a semaphore, once" prints locks \
	"set while nobody reads: 1" \
	"the volume is 8" \
	"the kettle is cold" \
	"the kettle is hot" \
	"never more than 2 at a time: yes" \
	"the shop opens" \
	"the price is read" \
	"twice 6"
step "panics" prints panics \
	"100 / 4 = 25" \
	"a panic: 0 cannot be a divisor" \
	"100 / 0 = -1" \
	"a deferred call recovered: 0 cannot be a divisor" \
	"kc_protect: 0" \
	"known" \
	"not known: 1"
step "contexts" prints cancel \
	"child: cancelled, detached: goes on" \
	"cancelled, since the disk is full" \
	"less than two minutes are left: yes" \
	"stopped in time: 1" \
	"cleaned up"
step "an echo server" prints echo \
	"echo: hello" \
	"echo: bye" \
	"stopped: 2 connections, and the ticker ticked: yes"
step "a pool of worker processes" prints processes \
	"9 of 10 jobs done, in all 349; workers started again: 1"
step "a leaked goroutine is named" leak
step "a deadlock is told" deadlock
step "the same, mended" mended
step "a racy counter, and a guarded one" race
step "a flaky test, made steady" prints steady \
	"by the real clock beats are late: yes" \
	"by a clock that leaps: 0 late in 5 runs" \
	"an hour of it: 0 late, and it took no minute: yes"
step "none is left out" complete
steps_end
