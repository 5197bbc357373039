/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wordfreq: what its files share.
 *
 *	            paths                  reports
 *	walker ---------------> workers -------------> reducer
 *	        one path each            counts, progress
 *
 * Both channels carry messages. The walker closes the first one after its last path. A
 * worker ends when it has drained that channel. When all workers have ended, the second
 * channel is closed. When the reducer has drained it, it prints.
 *
 * The channels may have names. Then each of the three is a program of its own.
 */
#ifndef WORDFREQ_H
#define WORDFREQ_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kchan/kchan.h>

/* The sizes of the messages, and how many of them are queued. */
#define PATH_SIZE	PATH_MAX
#define PATHS_QUEUED	64
#define REPORT_SIZE	(64 * 1024)
#define REPORTS_QUEUED	8

#define MAX_WORKERS	1024

struct job {
	char **names;		/* files and folders, NULL at the end */
	unsigned int workers;
	bool processes;
	bool binary;		/* also count binary files */
	unsigned long top;	/* words to print; 0: all */
	const char *paths_name;	/* NULL: a channel of this program only */
	const char *reports_name;
	bool progress;
	kc_chan *paths;
	kc_chan *reports;
	atomic_bool failed;	/* a message was printed on standard error */
};

/* Closes a channel after its last message. One with a name closes by itself. */
void close_channel(const char *name, kc_chan *c);

/* Walks the names, sends the path of each regular file, and then closes the channel. */
void walk(struct job *job);

/* Counts the words of the files whose paths it receives, and sends reports. */
void work(struct job *job, unsigned int number);

/* Starts the workers, and makes the reports close when all have ended. */
void start_workers(struct job *job, kc_waitgroup *helpers);

/* Adds up the reports, and prints. */
void reduce(struct job *job);

/* Is the walker, a crew of workers or the reducer, on channels with names. */
void run_alone(struct job *job);

/*
 * Words and their numbers of occurrences.
 */
struct table {
	struct entry *entries;	/* open addressing; an entry with a count of 0 is free */
	size_t size;		/* a power of two, or 0 */
	size_t used;
	char *text;		/* the words, one after the other */
	size_t text_len;
	size_t text_size;
};

struct entry {
	uint64_t count;
	size_t at;		/* the offset in the text */
	size_t len;
	uint32_t hash;
};

void table_add(struct table *t, const char *word, size_t len, uint64_t count);
/* Removes all words, but keeps the memory. */
void table_clear(struct table *t);
void table_free(struct table *t);
/* Sorts the entries by count, then by word. After that, no word can be added. */
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
 * A report: this, then words. All numbers are since the last report.
 */
struct report {
	uint32_t worker;	/* a number that no other worker has */
	uint32_t failed;	/* files that could not be read */
	uint64_t files;
	uint64_t binary;	/* files that were not counted */
	uint64_t bytes;
	uint64_t words;
};

/*
 * A word in a report: this, then its letters. A word that is too long for one report is
 * split. Its parts are the first words of consecutive reports of this worker.
 */
struct report_word {
	uint64_t count;
	uint32_t len;
	uint32_t more;		/* the rest of the word is in this worker's next report */
};

/* Sends the table in as many reports as needed, at least one. */
void report_send(struct job *job, struct report *head, const struct table *t);

/* Both print a line on standard error. die() ends the process. */
void warn(struct job *job, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Allocates memory, or ends the process. */
void *grow(void *old, size_t size);

#endif /* WORDFREQ_H */
