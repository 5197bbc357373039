// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wordfreq.h"

#define READ_SIZE	(64 * 1024)

/* When the table has more text than this, its counts are sent. */
#define TABLE_TEXT	(8 << 20)

#define PROGRESS_TIME	(100 * KC_MILLISECOND)

struct worker {
	struct job *job;
	struct report head;
	struct table table;
	struct bytes cut;	/* a word that continues in the next read */
	char *buf;
	int64_t reported;
};

/* The letter in lower case, or 0 if it is no letter. */
static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 'a';
	return c >= 'a' && c <= 'z' ? c : 0;
}

static void add_word(struct worker *w, const char *word, size_t len)
{
	table_add(&w->table, word, len, 1);
	w->head.words++;
}

static void end_cut_word(struct worker *w)
{
	if (w->cut.len)
		add_word(w, w->cut.at, w->cut.len);
	w->cut.len = 0;
}

static void count_words(struct worker *w, char *buf, size_t len)
{
	size_t at, start;
	char letter;

	for (at = 0; at < len; at++) {
		for (start = at; at < len && (letter = lower(buf[at])); at++)
			buf[at] = letter;
		if (at == len) {
			bytes_add(&w->cut, buf + start, at - start);
		} else if (w->cut.len) {
			bytes_add(&w->cut, buf + start, at - start);
			end_cut_word(w);
		} else if (at > start) {
			add_word(w, buf + start, at - start);
		}
	}
}

static void send_report(struct worker *w)
{
	report_send(w->job, &w->head, &w->table);
	table_clear(&w->table);
}

/* Sends the numbers without the words, if progress is shown. */
static void send_progress(struct worker *w)
{
	const struct table none = { 0 };
	struct timespec time;
	int64_t now;

	if (!w->job->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = time.tv_sec * KC_SECOND + time.tv_nsec;
	if (now - w->reported < PROGRESS_TIME)
		return;
	w->reported = now;
	report_send(w->job, &w->head, &none);
}

static int read_words(struct worker *w, int fd)
{
	bool look = !w->job->binary;
	ssize_t len;

	for (;;) {
		len = read(fd, w->buf, READ_SIZE);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		/* A file with a zero byte is binary, as for grep. */
		if (look && memchr(w->buf, '\0', len)) {
			w->head.binary++;
			return 0;
		}
		look = false;
		count_words(w, w->buf, len);
		w->head.bytes += len;
		if (w->table.text_len > TABLE_TEXT)
			send_report(w);
		send_progress(w);
	}
	end_cut_word(w);
	return len ? -errno : 0;
}

/* The walker saw a regular file, but it may be another file now. */
static int count_file(struct worker *w, const char *path)
{
	struct stat st;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	else
		ret = read_words(w, fd);
	close(fd);
	return ret;
}

void work(struct job *job, unsigned int number)
{
	struct worker w = { .job = job, .head.worker = number };
	char *path = grow(NULL, PATH_SIZE + 1);
	ssize_t len;
	int ret;

	w.buf = grow(NULL, READ_SIZE);
	while ((len = kc_recv_msg(job->paths, path, PATH_SIZE)) > 0) {
		path[len] = '\0';
		ret = count_file(&w, path);
		if (ret) {
			warn(job, "%s: %s", path, strerror(-ret));
			w.head.failed++;
		}
		w.head.files++;
		send_progress(&w);
	}
	if (len < 0)
		die("cannot receive a path: %s", strerror(-len));
	send_report(&w);

	table_free(&w.table);
	bytes_free(&w.cut);
	free(w.buf);
	free(path);
}
