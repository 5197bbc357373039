/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wordfreq: what its files share.
 *
 *	            paths                  reports
 *	walker ---------------> workers -------------> reducer
 *	        one path each            counts, progress
 *
 * Both channels carry messages. The walker closes the first one after its last
 * path, and a worker ends when it has drained it. When all workers have ended
 * the second one is closed, and the reducer, which has drained that, prints.
 */
#ifndef WORDFREQ_H
#define WORDFREQ_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>

/* The messages' sizes, and how many of them wait. */
#define PATH_SIZE	PATH_MAX
#define PATHS_QUEUED	64
#define REPORT_SIZE	(64 * 1024)
#define REPORTS_QUEUED	8

#define MAX_WORKERS	1024

struct job {
	char **names;		/* files and folders, NULL at the end */
	unsigned int workers;
	bool processes;
	bool binary;		/* count those files too */
	unsigned long top;	/* words to print; 0: all */
	bool progress;
	kc_chan *paths;
	kc_chan *reports;
	atomic_bool failed;	/* something was told on standard error */
};

/* Walk the names and send the path of each regular file, then close. */
void walk(struct job *job);

/* Count the words of the files whose paths come, and send reports. */
void work(struct job *job, unsigned int number);

/* Start the workers, and see to it that the reports end when they have. */
void start_workers(struct job *job, kc_waitgroup *helpers);

/* Add the reports up, and print. */
void reduce(struct job *job);

/*
 * Words and how often they occurred.
 */
struct table {
	struct entry *entries;	/* open addressing; a count of 0: free */
	size_t size;		/* a power of two, or 0 */
	size_t used;
	char *text;		/* the words, one after the other */
	size_t text_len;
	size_t text_size;
};

struct entry {
	uint64_t count;
	size_t at;		/* in the text */
	size_t len;
	uint32_t hash;
};

void table_add(struct table *t, const char *word, size_t len, uint64_t count);
/* Forget all words, but keep the memory. */
void table_clear(struct table *t);
void table_free(struct table *t);
/* Order the entries by count, then word. Nothing can be added any more. */
void table_sort(struct table *t);

/* A string of bytes that grows. */
struct bytes {
	char *at;
	size_t len;
	size_t size;
};

void bytes_add(struct bytes *b, const char *from, size_t len);
void bytes_free(struct bytes *b);

/*
 * A report: this, then words. All figures are since the last one.
 */
struct report {
	uint32_t worker;
	uint32_t failed;	/* files that could not be read */
	uint64_t files;
	uint64_t binary;	/* files that were not counted */
	uint64_t bytes;
	uint64_t words;
};

/*
 * A word in a report: this, then its letters. A word that is too long for one
 * report is cut; its parts are the first words of reports that follow each other,
 * as far as this worker goes.
 */
struct report_word {
	uint64_t count;
	uint32_t len;
	uint32_t more;		/* the rest is in this worker's next report */
};

/* Send what is in the table, in as many reports as it takes; at least one. */
void report_send(struct job *job, struct report *head, const struct table *t);

/* Both write a line on standard error; die() ends the process. */
void warn(struct job *job, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Memory, or the end. */
void *grow(void *old, size_t size);

#endif /* WORDFREQ_H */
