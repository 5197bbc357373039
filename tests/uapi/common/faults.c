// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults, see faults.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"

static int fail_nth, ignore_wait;

void faults_begin(void)
{
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ignore_wait = open("/sys/kernel/debug/failslab/ignore-gfp-wait",
			   O_WRONLY | O_CLOEXEC);
	if (fail_nth < 0 || ignore_wait < 0)
		tap_skip("no allocation can be made to fail");
	must_int(write(ignore_wait, "N", 1), 1);
}

void faults_end(void)
{
	must_int(write(ignore_wait, "Y", 1), 1);
}

void set_fail_nth(long nth)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld", nth);

	/* It may be hit itself. */
	while (pwrite(fail_nth, text, (size_t)len, 0) != len)
		must_int(errno, EFAULT);
}

long fail_nth_left(void)
{
	char text[32] = "";

	/* If one was left, it may be hit itself. */
	return pread(fail_nth, text, sizeof(text) - 1, 0) < 0 ? 1 : strtol(text, NULL, 10);
}

void each_fails(int (*run)(void), void (*undo)(int ret), void (*failed)(void))
{
	unsigned int failures = 0;
	long nth;

	for (nth = 1; nth < 1000; nth++) {
		int ret, error;
		bool left;

		tap_about("allocation %ld", nth);
		set_fail_nth(nth);
		ret = run();
		error = errno;
		left = fail_nth_left();
		set_fail_nth(0);
		if (ret < 0) {
			expect(!left);
			expect(error == ENOMEM || error == EFAULT);
			if (failed)
				failed();
			failures++;
			continue;
		}
		undo(ret);
		/* How many there are differs from call to call. */
		if (left && nth > 60)
			break;
	}
	tap_note("%u of %ld make it fail", failures, nth - 1);
	expect(failures);
}
