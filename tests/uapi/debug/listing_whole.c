// SPDX-License-Identifier: GPL-2.0-only
/*
 * The listing of all channels in debugfs is whole, however long it is, and whatever
 * comes and goes while it is read.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cases.h"
#include "listed.h"

static void more_fds(unsigned long count)
{
	struct rlimit limit = { .rlim_cur = count, .rlim_max = count };

	must_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#define MANY	1000

/* What was there all along is listed just once. */
static void expect_all(struct listing *l, const uint64_t *ids, size_t count)
{
	struct listed *found;
	size_t i;

	for (i = 0; i < count; i++)
		if (!expect_int(listing_find(l, ids[i], &found), 1))
			return;
}

static void more_than_a_page(void)
{
	static const size_t chunks[] = { 1 << 20, 4096, 1000, 37 };
	struct listing l, again;
	uint64_t ids[MANY];
	char piece[500];
	size_t i, k;
	int fd, ch;

	listing_or_skip();
	more_fds(MANY + 100);
	for (i = 0; i < MANY; i++) {
		ch = chan_make(0, 8, 0);
		ids[i] = chan_info(ch).id;
	}
	fd = listing_open();
	listing_read_text(&l, fd, 4096);
	expect(l.size > 10 * page_size());
	listing_parse(&l);
	expect_all(&l, ids, MANY);
	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		tap_about("%zu bytes at a time", chunks[i]);
		must_int(lseek(fd, 0, SEEK_SET), 0);
		listing_read_text(&again, fd, chunks[i]);
		expect(strcmp(l.text, again.text) == 0);
		free(again.text);
	}
	tap_about("from anywhere");
	for (i = 0; i < 10; i++) {
		k = (l.size - sizeof(piece)) / 10 * i;
		expect_int(pread(fd, piece, sizeof(piece), k), sizeof(piece));
		expect(memcmp(piece, l.text + k, sizeof(piece)) == 0);
	}
	close(fd);
	listing_free(&l);
}

static void many_waiters(void)
{
	unsigned long count = tap_scale(400), i, k;
	struct call *c = calloc(count, sizeof(*c));
	struct listed *found;
	struct listing l;
	uint64_t v = 5;
	int fd, before, after;

	listing_or_skip();
	must(c);
	before = chan_make(0, 8, 0);
	fd = chan_make(0, 8, 0);
	after = chan_make(0, 8, 0);
	for (i = 0; i < count; i++)
		call_write(&c[i], fd, &v, 8);
	wait_senders(fd, count);
	listing_read(&l);
	listing_must_find(&l, before);
	listing_must_find(&l, after);
	found = listing_must_find(&l, fd);
	must_int(found->nr_waiters, count);
	for (i = 0; i < count; i++) {
		for (k = 0; k < count; k++)
			if (found->waiters[k].tid == atomic_load(&c[i].tid))
				break;
		must(k < count);
	}
	listing_free(&l);
	chan_close(fd);
	for (i = 0; i < count; i++)
		expect_done_errno(&c[i], EPIPE);
}

/* A reader that stops half way keeps no channel, and misses none. */
static void half_way(void)
{
	uint64_t ids[200], later;
	struct listing rest;
	struct listed *found;
	char text[4096 + 1];
	ssize_t got;
	int fds[200], fd, ch;
	size_t i, shown = 0;

	listing_or_skip();
	for (i = 0; i < 200; i++) {
		fds[i] = chan_make(0, 8, 0);
		ids[i] = chan_info(fds[i]).id;
	}
	fd = listing_open();
	got = read(fd, text, 4096);
	must(got > 0);
	text[got] = '\0';
	/* Up to a line that was read whole, or in part. */
	for (i = 0; i < 200; i++) {
		char key[32];

		snprintf(key, sizeof(key), " id=%llu ",
			 (unsigned long long)ids[i]);
		if (!strstr(text, key))
			break;
		shown = i + 1;
	}
	must(shown > 2 && shown < 190);
	/* Those before, the one it is at and that behind it, and a later one. */
	close(fds[0]);
	for (i = shown - 2; i < shown + 3; i++)
		close(fds[i]);
	close(fds[150]);
	ch = chan_make(0, 8, 0);
	later = chan_info(ch).id;
	listing_read_text(&rest, fd, 4096);
	close(fd);
	rest.text = realloc(rest.text, rest.size + (size_t)got + 1);
	must(rest.text);
	memmove(rest.text + got, rest.text, rest.size + 1);
	memcpy(rest.text, text, (size_t)got);
	listing_parse(&rest);
	/* One may have been seen before, which was to be shown next. */
	for (i = 0; i < 200; i++) {
		tap_about("%zu of 200, %zu shown before", i, shown);
		if (i < shown)
			expect_int(listing_find(&rest, ids[i], &found), 1);
		else if (i == 150 || (i > shown && i < shown + 3))
			expect_int(listing_find(&rest, ids[i], &found), 0);
		else if (i > shown)
			expect_int(listing_find(&rest, ids[i], &found), 1);
	}
	expect_int(listing_find(&rest, later, &found), 1);
	listing_free(&rest);
}

static void pins_the_module(void)
{
	int fd;

	listing_or_skip();
	fd = listing_open();
	expect_errno(syscall(SYS_delete_module, "kchan", O_NONBLOCK),
		     EWOULDBLOCK);
	close(fd);
}

struct churn {
	atomic_bool *stop;
	unsigned int seed;
	int shared[4];
	unsigned long rounds;
};

/* Opens and closes, and waits where others wait too. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	uint64_t seed = c->seed;
	uint64_t v = 0;
	int fd;

	while (!atomic_load(c->stop)) {
		int on = c->shared[rnd(&seed) % 4];
		struct cases cases;

		fd = chan_make(0, 8, rnd(&seed) % 3);
		cases_init(&cases, KCHAN_SELECT_DEADLINE,
			   tap_now_ns() + rnd(&seed) % 1000000);
		add_recv(&cases, fd, &v, 8);
		if (rnd(&seed) & 1)
			add_recv(&cases, on, &v, 8);
		else
			add_send(&cases, on, &v, 8);
		if (cases_run(fd, &cases))
			must_int(errno, ETIMEDOUT);
		close(fd);
		c->rounds++;
	}
	return NULL;
}

#define FIXED	60

struct reader {
	const uint64_t *ids;
	unsigned long passes;
};

static void *read_again(void *arg)
{
	struct reader *r = arg;
	unsigned long i;
	struct listing l;
	int fd = listing_open();

	for (i = 0; i < r->passes; i++) {
		must_int(lseek(fd, 0, SEEK_SET), 0);
		listing_read_text(&l, fd, i % 2 ? 65536 : 700);
		listing_parse(&l);
		expect_all(&l, r->ids, FIXED);
		listing_free(&l);
	}
	close(fd);
	return NULL;
}

static void while_all_changes(void)
{
	struct reader readers[2];
	struct churn churns[6];
	atomic_bool stop = false;
	pthread_t threads[8];
	uint64_t ids[FIXED];
	unsigned int i, k;
	int shared[4];

	listing_or_skip();
	for (i = 0; i < 4; i++)
		shared[i] = chan_make(0, 8, i % 2);
	for (i = 0; i < FIXED; i++)
		ids[i] = chan_info(chan_make(0, 8, 0)).id;
	for (i = 0; i < 6; i++) {
		churns[i] = (struct churn){ .stop = &stop, .seed = i };
		for (k = 0; k < 4; k++)
			churns[i].shared[k] = shared[k];
		thread_start(&threads[i], churn, &churns[i]);
	}
	for (i = 0; i < 2; i++) {
		readers[i].ids = ids;
		readers[i].passes = tap_scale(300);
		thread_start(&threads[6 + i], read_again, &readers[i]);
	}
	thread_join(threads[6]);
	thread_join(threads[7]);
	atomic_store(&stop, true);
	for (i = 0; i < 6; i++) {
		thread_join(threads[i]);
		expect(churns[i].rounds > 0);
	}
	for (i = 0; i < 4; i++)
		expect_idle(shared[i]);
}

static void die_waiting(void *arg)
{
	int *fd = arg;
	uint64_t v;

	must(read(*fd, &v, 8) < 0);
}

/* Those who are killed are listed until they are gone, and then no more. */
static void killed(void)
{
	unsigned long i, count = tap_scale(200);
	struct listed *found;
	struct listing l;
	int fd;

	listing_or_skip();
	fd = chan_make(0, 8, 0);
	for (i = 0; i < count; i++) {
		pid_t pid = spawn(die_waiting, &fd);

		wait_receivers(fd, 1);
		must_int(kill(pid, SIGKILL), 0);
		do {
			listing_read(&l);
			found = listing_must_find(&l, fd);
			if (found->nr_waiters)
				must_int(found->waiters[0].tid, pid);
			listing_free(&l);
		} while (waitpid(pid, NULL, WNOHANG) != pid);
		listing_read(&l);
		expect_int(listing_must_find(&l, fd)->nr_waiters, 0);
		listing_free(&l);
	}
}

static const struct tap_test tests[] = {
	{ "a thousand channels, read in pieces of any size", more_than_a_page },
	{ "many waiters on one channel", many_waiters },
	{ "a reader half way keeps none, and misses none", half_way },
	{ "an open listing pins the module", pins_the_module },
	{ "what stays is listed once while all else changes", while_all_changes },
	{ "waiters that are killed", killed },
};

TAP_MAIN(tests)
