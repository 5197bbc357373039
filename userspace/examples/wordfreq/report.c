// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making reports.
 */
#include <stdlib.h>
#include <string.h>

#include "wordfreq.h"

struct draft {
	struct job *job;
	struct report *head;
	char *msg;
	size_t len;
};

static void begin(struct draft *d)
{
	memcpy(d->msg, d->head, sizeof(*d->head));
	d->len = sizeof(*d->head);
	/* What has been sent is not sent again. */
	*d->head = (struct report){ .worker = d->head->worker };
}

static void finish(struct draft *d)
{
	int ret = kc_send_msg(d->job->reports, d->msg, d->len);

	if (ret)
		die("cannot send a report: %s", kc_strerror(ret));
}

static void put(struct draft *d, const void *from, size_t len)
{
	memcpy(d->msg + d->len, from, len);
	d->len += len;
}

static void put_word(struct draft *d, const char *word, size_t len,
		     uint64_t count)
{
	struct report_word head = { .count = count };
	size_t room;

	if (d->len + sizeof(head) + len > REPORT_SIZE) {
		finish(d);
		begin(d);
	}
	for (;;) {
		room = REPORT_SIZE - d->len - sizeof(head);
		head.more = len > room;
		head.len = head.more ? room : len;
		put(d, &head, sizeof(head));
		put(d, word, head.len);
		if (!head.more)
			return;
		word += head.len;
		len -= head.len;
		finish(d);
		begin(d);
	}
}

void report_send(struct job *job, struct report *head, const struct table *t)
{
	struct draft d = { .job = job, .head = head };
	const struct entry *e;

	d.msg = grow(NULL, REPORT_SIZE);
	begin(&d);
	for (e = t->entries; e < t->entries + t->size; e++)
		if (e->count)
			put_word(&d, t->text + e->at, e->len, e->count);
	finish(&d);
	free(d.msg);
}
