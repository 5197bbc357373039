// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A walker, some workers or a reducer alone, on channels with names.
 *
 * The others are in other processes, which were started in any order. Nobody knows all of
 * them. So nobody closes a channel: each is made to close with its last sender.
 */
#include <stdlib.h>

#include "wordfreq.h"

static kc_chan *open_name(const char *name, uint32_t direction, size_t size)
{
	kc_chan *c;
	int ret;

	ret = kc_open(&c, name, direction);
	if (ret)
		die("%s: %s", name, kc_strerror(ret));
	if (!kc_is_message(c) || (size_t)kc_elem_size(c) < size)
		die("%s: the channel has to take messages of %zu bytes: kchanctl create --size %zu",
		    name, size, size);
	return c;
}

void run_alone(struct job *job)
{
	kc_waitgroup helpers = KC_WAITGROUP_INIT;

	if (job->paths_name)
		job->paths = open_name(job->paths_name, job->reports_name ?
				       KC_OPEN_RECV : KC_OPEN_SEND, PATH_SIZE);
	if (job->reports_name)
		job->reports = open_name(job->reports_name, job->paths_name ?
					 KC_OPEN_SEND : KC_OPEN_RECV, REPORT_SIZE);
	if (!job->reports) {
		walk(job);
	} else if (!job->paths) {
		reduce(job);
	} else {
		/* The reducer may show it. */
		job->progress = true;
		start_workers(job, &helpers);
		kc_waitgroup_wait(&helpers);
	}
	kc_unref(job->paths);
	kc_unref(job->reports);
}
