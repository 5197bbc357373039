// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl wait: until all is done.
 *
 * The kernel tells nobody that a channel has become empty, because that would cost each
 * receive. So this looks at it again and again, at most ten times a second. That a
 * closed channel has ended is told at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kchanctl.h"

#define FIRST_PAUSE	KC_MILLISECOND
#define LONGEST_PAUSE	(100 * KC_MILLISECOND)

static const struct option options[] = {
	FD_OPTION,
	{ "timeout", required_argument, NULL, 't' },
	OPTIONS_END
};

struct waiting {
	struct place at;
	kc_chan *c;
};

static int look(const struct waiting *w, bool *empty)
{
	struct kchan_info info;
	int status = get_info(&w->at, w->c, &info);

	*empty = !status && !info.len && !info.in_flight;
	return status;
}

/* Waits for a while, or until the channel has ended. */
static void pause_for(const struct waiting *w, int64_t time)
{
	struct pollfd fd = { .fd = kc_fd(w->c) };

	/* No event is asked for: the end is always reported. */
	poll(&fd, 1, (int)(time / KC_MILLISECOND));
	/* An end that others may still put something back to is no end. */
	if (fd.revents)
		usleep(1000);
}

static int wait_for(const struct waiting *w, int64_t deadline)
{
	int64_t pause = FIRST_PAUSE, left;
	bool empty;
	int status;

	for (;;) {
		status = look(w, &empty);
		if (status || empty)
			return status;
		left = deadline - kc_now();
		if (left <= 0)
			return STATUS_NONE;
		pause_for(w, left < pause ? left + KC_MILLISECOND : pause);
		if (pause < LONGEST_PAUSE)
			pause *= 2;
	}
}

/* They are all empty only if none was filled while the others were waited for. */
static int wait_for_all(const struct waiting *all, size_t nr, int64_t deadline)
{
	size_t i, waited;
	int status;
	bool empty;

	do {
		waited = 0;
		for (i = 0; i < nr; i++) {
			status = look(&all[i], &empty);
			if (!status && !empty) {
				waited++;
				status = wait_for(&all[i], deadline);
			}
			if (status)
				return status;
		}
	} while (waited && nr > 1);
	return STATUS_OK;
}

static int wait_run(int argc, char **argv)
{
	int64_t timeout = -1;
	struct place at = NO_PLACE;
	int option, status = STATUS_OK;
	struct waiting *all;
	size_t nr = 0;

	while ((option = next_option(&wait_command, argc, argv, options)) != -1) {
		if (option == 'f')
			at.fd = descriptor_of(optarg);
		else
			timeout = time_of(optarg);
	}
	if (at.fd >= 0)
		no_more(argc, argv);
	all = calloc(argc, sizeof(*all));
	if (!all)
		return fail("wait: %s", strerror(errno));
	do {
		take_place(&at, argc, argv);
		all[nr].at = at;
		status = open_channel(&all[nr].c, &at, KC_OPEN_RECV);
		nr += !status;
	} while (!status && optind < argc);
	if (!status) {
		drop_inherited(nr == 1 ? &all[0].at : NULL, all[0].c);
		status = wait_for_all(all, nr, deadline_of(timeout));
	}
	while (nr)
		kc_unref(all[--nr].c);
	free(all);
	return status;
}

const struct command wait_command = {
	.name = "wait",
	.brief = "wait until channels are empty",
	.help =
"Usage: kchanctl wait [-t T] (--fd N | PATH...)\n"
"Wait until nothing is queued and nothing is in flight: all that was sent has been\n"
"received. Of several channels, wait until all are empty.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -t, --timeout=T   no longer than T: a number with a unit: ns, us, ms, s (also\n"
"                    without a unit), m, h. Then the exit status is 4.\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl wait -t 1m /run/kchan/app/jobs || echo 'still at work'\n",
	.run = wait_run,
};
