// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The reducer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wordfreq.h"

/* The parts of a worker's long word so far. */
struct cut {
	uint32_t worker;
	struct bytes bytes;
};

struct sum {
	struct table table;
	struct report total;
	struct cut *cuts;
	size_t workers;
};

static struct bytes *cut_of(struct sum *sum, uint32_t worker)
{
	struct cut *cut;

	for (cut = sum->cuts; cut != sum->cuts + sum->workers; cut++)
		if (cut->worker == worker)
			return &cut->bytes;
	sum->cuts = grow(sum->cuts, (sum->workers + 1) * sizeof(*cut));
	cut = &sum->cuts[sum->workers++];
	*cut = (struct cut){ .worker = worker };
	return &cut->bytes;
}

static void add_word(struct sum *sum, struct bytes *cut,
		     const struct report_word *head, const char *word)
{
	if (!head->more && !cut->len) {
		table_add(&sum->table, word, head->len, head->count);
		return;
	}
	bytes_add(cut, word, head->len);
	if (head->more)
		return;
	table_add(&sum->table, cut->at, cut->len, head->count);
	cut->len = 0;
}

static void add_report(struct sum *sum, const char *msg, size_t len)
{
	const char *end = msg + len;
	struct report_word word;
	struct report report;
	struct bytes *cut;

	memcpy(&report, msg, sizeof(report));
	cut = cut_of(sum, report.worker);
	sum->total.failed += report.failed;
	sum->total.files += report.files;
	sum->total.binary += report.binary;
	sum->total.bytes += report.bytes;
	sum->total.words += report.words;

	msg += sizeof(report);
	while (msg < end) {
		memcpy(&word, msg, sizeof(word));
		msg += sizeof(word);
		add_word(sum, cut, &word, msg);
		msg += word.len;
	}
}

static void show_progress(const struct report *total)
{
	fprintf(stderr, "\r\033[K%llu files, %.1f MB, %llu words",
		(unsigned long long)total->files, total->bytes / 1e6,
		(unsigned long long)total->words);
}

static void print(const struct table *t, unsigned long top)
{
	unsigned long i;

	for (i = 0; i < t->used && (!top || i < top); i++) {
		const struct entry *e = &t->entries[i];

		printf("%7llu ", (unsigned long long)e->count);
		fwrite(t->text + e->at, 1, e->len, stdout);
		putchar('\n');
	}
	if (fflush(stdout))
		die("cannot write");
}

void reduce(struct job *job)
{
	char *msg = grow(NULL, REPORT_SIZE);
	struct sum sum = { 0 };
	ssize_t len;

	while ((len = kc_recv_msg(job->reports, msg, REPORT_SIZE)) > 0) {
		add_report(&sum, msg, len);
		if (job->progress)
			show_progress(&sum.total);
	}
	if (len < 0)
		die("cannot receive a report: %s", kc_strerror(len));
	if (job->progress)
		fputc('\n', stderr);
	if (sum.total.failed)
		atomic_store(&job->failed, true);

	table_sort(&sum.table);
	print(&sum.table, job->top);
	if (sum.total.binary)
		fprintf(stderr, "wordfreq: %llu of %llu files are binary: not counted\n",
			(unsigned long long)sum.total.binary,
			(unsigned long long)sum.total.files);

	while (sum.workers)
		bytes_free(&sum.cuts[--sum.workers].bytes);
	free(sum.cuts);
	table_free(&sum.table);
	free(msg);
}
