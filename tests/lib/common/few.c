// SPDX-License-Identifier: GPL-2.0-only
/*
 * No more threads can be created; see few.h.
 */
#include "few.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tap.h"

void have_few_threads(unsigned int most)
{
	const struct rlimit limit = { most, most };

	/*
	 * The limit counts all threads of a user, so become a user without other
	 * threads.
	 */
	if (getuid() == 0 && setuid(50000 + getpid() % 10000))
		tap_skip("cannot become another user");
	must_int(setrlimit(RLIMIT_NPROC, &limit), 0);
}

static void hold(void *arg)
{
	kc_waitgroup_wait(arg);
}

int take_all_threads(kc_waitgroup *until)
{
	int count = -1, ret = 0;

	while (!ret && count < 100) {
		ret = kc_go(hold, until);
		count++;
	}
	must_int(ret, -EAGAIN);
	return count;
}
