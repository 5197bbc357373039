#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the tests of the Go package in a guest, with busybox alone, and says in TAP what
# they say in Go's way.

set -u

/t/go/kchan.test -test.v -test.timeout=100s -test.run "$GO_PATTERN" \
	${GO_BENCH:+-test.bench "$GO_BENCH" -test.benchmem} >/tmp/said 2>&1
status=$?
awk -v status=$status '
function result(how) {
	sub(/ \([0-9.]*s\)$/, "", $0)
	name = $3
	printf "%s %d - %s%s\n", how ? "ok" : "not ok", ++n, name,
		/^--- SKIP/ ? " # SKIP" : ""
	if (!how)
		bad++
}
/^--- (PASS|SKIP): / { result(1); next }
/^--- FAIL: / { result(0); next }
/^=== / { running = $3; next }
{ print "# " $0 }
END {
	if (status && !bad)
		printf "not ok %d - %s: status %d\n", ++n, running, status
	print "1.." n
}' /tmp/said
exit $status
