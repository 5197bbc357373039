// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A worker in C for a program in Go, which starts it with two ends: it receives numbers
 * from "jobs", and sends their squares to "results". Or it uses channels with names.
 *
 * usage: gosquare [JOBS RESULTS]
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kchan/kchan.h>

static int fail(const char *what, int error)
{
	fprintf(stderr, "gosquare: %s: %s\n", what, strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	kc_chan *jobs, *results;
	int64_t n;
	int ret;

	if (argc == 3) {
		ret = kc_open(&jobs, argv[1], KC_OPEN_RECV);
		if (!ret)
			ret = kc_open(&results, argv[2], KC_OPEN_SEND);
	} else {
		ret = kc_inherit(&jobs, "jobs");
		if (!ret)
			ret = kc_inherit(&results, "results");
	}
	if (ret)
		return fail("cannot get the ends", ret);
	if (kc_elem_size(jobs) != sizeof(n) || kc_elem_size(results) != sizeof(n))
		return fail("other elements", -EINVAL);
	while ((ret = kc_recv(jobs, &n)) == 1) {
		n *= n;
		ret = kc_send(results, &n);
		if (ret)
			return fail("send", ret);
	}
	kc_unref(jobs);
	kc_unref(results);
	return ret ? fail("receive", ret) : 0;
}
