// SPDX-License-Identifier: GPL-2.0-only
/*
 * The listing of all channels in debugfs: root's alone, the same as the
 * channels themselves tell, with those who wait there; whole, whatever comes and
 * goes while it is read.
 */
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cases.h"

#define DEBUG	"/sys/kernel/debug"
#define LISTING	DEBUG "/kchan/channels"
#define NOBODY	65534

/*
 * Parsing. A line is a word and key=value pairs, each divided from the next by
 * one space.
 */
struct listed_waiter {
	bool send;
	int tid;
	int pid;
	uint64_t ms;
	char comm[80];
};

struct listed {
	uint64_t id;
	uint32_t uid;
	char flags[40];
	struct kchan_info info;
	uint64_t sent;
	uint64_t received;
	uint64_t send_waits;
	uint64_t recv_waits;
	uint32_t polled;
	size_t nr_waiters;
	struct listed_waiter *waiters;
};

struct listing {
	char *text;
	size_t size;
	size_t count;
	struct listed *channels;
};

static void skip_unless_there(void)
{
	if (geteuid())
		tap_skip("needs root");
	if (access(DEBUG "/sched", F_OK) && access(DEBUG "/kmemleak", F_OK) &&
	    access(DEBUG "/kchan", F_OK))
		tap_skip("no debugfs");
}

/* Takes "KEY=VALUE" and the space or newline behind it off the line. */
static char *take_text(char **line, const char *key)
{
	size_t len = strlen(key);
	char *value;

	if (strncmp(*line, key, len) || (*line)[len] != '=')
		return NULL;
	value = *line + len + 1;
	*line = value + strcspn(value, " \n");
	if (**line)
		*(*line)++ = '\0';
	return value;
}

static bool take(char **line, const char *key, uint64_t *number)
{
	char *text = take_text(line, key), *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	*number = strtoull(text, &end, 10);
	return !*end;
}

static bool take_u32(char **line, const char *key, uint32_t *number)
{
	uint64_t value;

	if (!take(line, key, &value) || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool parse_channel(struct listed *c, char *line)
{
	char *flags;

	memset(c, 0, sizeof(*c));
	if (strncmp(line, "channel ", 8))
		return false;
	line += 8;
	if (!take(&line, "id", &c->id) || !take_u32(&line, "uid", &c->uid))
		return false;
	flags = take_text(&line, "flags");
	if (!flags || strlen(flags) >= sizeof(c->flags))
		return false;
	strcpy(c->flags, flags);
	return take_u32(&line, "elem_size", &c->info.elem_size) &&
	       take_u32(&line, "capacity", &c->info.capacity) &&
	       take_u32(&line, "len", &c->info.len) &&
	       take(&line, "sent", &c->sent) &&
	       take(&line, "received", &c->received) &&
	       take(&line, "send_waits", &c->send_waits) &&
	       take(&line, "recv_waits", &c->recv_waits) &&
	       take_u32(&line, "send_ends", &c->info.send_ends) &&
	       take_u32(&line, "recv_ends", &c->info.recv_ends) &&
	       take_u32(&line, "send_waiters", &c->info.send_waiters) &&
	       take_u32(&line, "recv_waiters", &c->info.recv_waiters) &&
	       take_u32(&line, "polled", &c->polled) && !*line;
}

static bool parse_waiter(struct listed_waiter *w, char *line)
{
	uint32_t tid, pid;
	char *text;

	if (strncmp(line, "\twaiter ", 8))
		return false;
	line += 8;
	text = take_text(&line, "op");
	if (!text || (strcmp(text, "send") && strcmp(text, "recv")))
		return false;
	w->send = *text == 's';
	if (!take_u32(&line, "tid", &tid) || !take_u32(&line, "pid", &pid) ||
	    !take(&line, "ms", &w->ms))
		return false;
	w->tid = (int)tid;
	w->pid = (int)pid;
	text = take_text(&line, "comm");
	if (!text || *line || strlen(text) >= sizeof(w->comm))
		return false;
	strcpy(w->comm, text);
	return true;
}

static int listing_open(void)
{
	int fd = open(LISTING, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

/* All of the file, so many bytes at a time at the most. */
static void read_text(struct listing *l, int fd, size_t chunk)
{
	size_t room = 0;
	ssize_t got;

	l->text = NULL;
	l->size = 0;
	do {
		if (room < l->size + chunk + 1) {
			room = 2 * (l->size + chunk + 1);
			l->text = realloc(l->text, room);
			must(l->text);
		}
		got = read(fd, l->text + l->size, chunk);
		must(got >= 0);
		l->size += (size_t)got;
	} while (got);
	l->text[l->size] = '\0';
}

/* Each channel once, the waiters of each as many as its line says. */
static void parse(struct listing *l)
{
	size_t lines = 0, i, k, waiters = 0;
	struct listed_waiter *w;
	char *at, *next, *copy;

	for (at = l->text; *at; at++)
		lines += *at == '\n';
	copy = strdup(l->text);
	l->channels = calloc(lines + 1, sizeof(*l->channels));
	w = calloc(lines + 1, sizeof(*w));
	must(copy && l->channels && w);
	l->count = 0;
	for (at = copy; *at; at = next) {
		struct listed *c = &l->channels[l->count];
		char shown[200];

		next = strchr(at, '\n');
		must(next);
		*next++ = '\0';
		snprintf(shown, sizeof(shown), "%s", at);
		if (parse_channel(c, at)) {
			c->waiters = &w[waiters];
			l->count++;
			continue;
		}
		if (l->count && parse_waiter(&w[waiters], at)) {
			c[-1].nr_waiters++;
			waiters++;
			continue;
		}
		tap_note("not understood: %s", shown);
		must(!"a line that is understood");
	}
	free(copy);
	for (i = 0; i < l->count; i++) {
		struct listed *c = &l->channels[i];

		must_int(c->nr_waiters,
			 c->info.send_waiters + c->info.recv_waiters);
		/* Senders come first. */
		for (k = 0; k < c->nr_waiters; k++)
			must_int(c->waiters[k].send, k < c->info.send_waiters);
	}
	if (!l->count)
		free(w);
}

static void listing_free(struct listing *l)
{
	if (l->count)
		free(l->channels[0].waiters);
	free(l->channels);
	free(l->text);
}

static void listing_read(struct listing *l)
{
	int fd = listing_open();

	read_text(l, fd, 65536);
	close(fd);
	parse(l);
}

/* How often an id is listed, and where. */
static unsigned int find(struct listing *l, uint64_t id, struct listed **found)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (l->channels[i].id != id)
			continue;
		*found = &l->channels[i];
		count++;
	}
	return count;
}

static struct listed *must_find(struct listing *l, int fd)
{
	struct listed *found = NULL;

	must_int(find(l, chan_info(fd).id, &found), 1);
	return found;
}

static void root_alone(void)
{
	struct stat debug, st;
	pid_t pid;
	int fd;

	skip_unless_there();
	must_int(stat(LISTING, &st), 0);
	expect_int(st.st_mode & 07777, 0400);
	expect_int(st.st_uid, 0);
	fd = open(LISTING, O_WRONLY);
	must(fd >= 0);
	expect_errno(write(fd, "1", 1), EINVAL);
	close(fd);

	/* Not only the folder, which may be open to others, keeps them out. */
	must_int(stat(DEBUG, &debug), 0);
	must_int(chmod(DEBUG, 0755), 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		must_int(setgroups(0, NULL), 0);
		must_int(setresgid(NOBODY, NOBODY, NOBODY), 0);
		must_int(setresuid(NOBODY, NOBODY, NOBODY), 0);
		fd = open(LISTING, O_RDONLY);
		expect_errno(fd, EACCES);
		expect_int(access(DEBUG "/kchan", F_OK), 0);
		_exit(0);
	}
	reap(pid);
	must_int(chmod(DEBUG, debug.st_mode & 07777), 0);
}

static void expect_same(int fd)
{
	struct kchan_info info = chan_info(fd);
	struct listing l;
	struct listed *c;
	char flags[40] = "";

	if (info.flags & KCHAN_INFO_MESSAGE)
		strcat(flags, ",message");
	if (info.flags & KCHAN_INFO_FIXED)
		strcat(flags, ",fixed");
	if (info.flags & KCHAN_INFO_CLOSED)
		strcat(flags, ",closed");
	listing_read(&l);
	c = must_find(&l, fd);
	if (!expect(strcmp(c->flags, *flags ? flags + 1 : "-") == 0))
		tap_note("flags are %s", c->flags);
	expect_int(c->uid, getuid());
	expect_int(c->info.elem_size, info.elem_size);
	expect_int(c->info.capacity, info.capacity);
	expect_int(c->info.len, info.len);
	expect_int(c->info.send_ends, info.send_ends);
	expect_int(c->info.recv_ends, info.recv_ends);
	expect_int(c->info.send_waiters, info.send_waiters);
	expect_int(c->info.recv_waiters, info.recv_waiters);
	listing_free(&l);
}

static void as_it_tells_itself(void)
{
	struct kchan_end end = { .flags = KCHAN_END_RECV };
	struct call c = { 0 };
	struct listing l;
	uint64_t id, v = 0;
	struct listed *found;
	int fd, recv;

	skip_unless_there();
	fd = chan_open();
	expect_same(fd);
	must_int(try_setup(fd, 0, 8, 3), 0);
	tap_about("set up");
	expect_same(fd);
	send_u64(fd, 1);
	send_u64(fd, 2);
	tap_about("two sent");
	expect_same(fd);
	recv = ioctl(fd, KCHAN_IOC_END, &end);
	must(recv >= 0);
	expect_recv(recv, 1);
	expect_recv(recv, 2);
	call_read(&c, recv, &v, 8);
	wait_receivers(fd, 1);
	tap_about("one waits");
	expect_same(fd);
	chan_close(fd);
	expect_done(&c, 0);
	close(fd);
	tap_about("closed");
	expect_same(recv);
	id = chan_info(recv).id;
	close(recv);
	listing_read(&l);
	expect_int(find(&l, id, &found), 0);
	listing_free(&l);
}

#define expect_counts(fd, sent_, received_, send_waits_, recv_waits_)	\
	do {								\
		struct listing l_;					\
		struct listed *c_;					\
		listing_read(&l_);					\
		c_ = must_find(&l_, fd);				\
		expect_int(c_->sent, sent_);				\
		expect_int(c_->received, received_);			\
		expect_int(c_->send_waits, send_waits_);		\
		expect_int(c_->recv_waits, recv_waits_);		\
		listing_free(&l_);					\
	} while (0)

static void counts(void)
{
	uint64_t v[3] = { 1, 2, 3 }, w = 0;
	char *page = map_pages(8);
	struct call c = { 0 };
	int fd;

	skip_unless_there();
	fd = chan_make(0, 8, 2);
	expect_counts(fd, 0, 0, 0, 0);
	send_u64(fd, 1);
	expect_counts(fd, 1, 0, 0, 0);
	send_u64(fd, 2);
	/* Not before it is in the buffer. */
	call_write(&c, fd, v, 8);
	wait_senders(fd, 1);
	expect_counts(fd, 2, 0, 1, 0);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_counts(fd, 3, 1, 1, 0);
	expect_recv(fd, 2);
	expect_recv(fd, 1);
	expect_counts(fd, 3, 3, 1, 0);
	tap_about("to a receiver directly");
	call_read(&c, fd, &w, 8);
	wait_receivers(fd, 1);
	expect_counts(fd, 3, 3, 1, 1);
	send_u64(fd, 4);
	expect_done(&c, 8);
	expect_counts(fd, 4, 4, 1, 1);
	tap_about("put back");
	call_read(&c, fd, page, 8);
	wait_receivers(fd, 1);
	must_int(mprotect(page, page_size(), PROT_NONE), 0);
	send_u64(fd, 5);
	expect_done_errno(&c, EFAULT);
	expect_counts(fd, 5, 4, 1, 2);
	expect_recv(fd, 5);
	expect_counts(fd, 5, 5, 1, 2);
	tap_about("by a resize");
	send_u64(fd, 6);
	send_u64(fd, 7);
	call_write(&c, fd, v, 24);
	wait_senders(fd, 1);
	chan_resize(fd, 5);
	expect_done(&c, 24);
	expect_counts(fd, 10, 5, 2, 2);
	chan_nonblock(fd, true);
	expect_errno(write(fd, v, 8), EAGAIN);
	chan_close(fd);
	expect_errno(write(fd, v, 8), EPIPE);
	expect_counts(fd, 10, 5, 2, 2);
	close(fd);
	tap_about("from a parked sender");
	fd = chan_make(0, 8, 0);
	call_write(&c, fd, v, 8);
	wait_senders(fd, 1);
	expect_counts(fd, 0, 0, 1, 0);
	expect_recv(fd, 1);
	expect_done(&c, 8);
	expect_counts(fd, 1, 1, 1, 0);
}

static void polled(void)
{
	struct call c = { 0 };
	struct listing l;
	int fd;

	skip_unless_there();
	fd = chan_make(0, 8, 0);
	listing_read(&l);
	expect_int(must_find(&l, fd)->polled, 0);
	listing_free(&l);
	call_poll(&c, fd, POLLIN);
	call_wait_asleep(&c);
	listing_read(&l);
	expect_int(must_find(&l, fd)->polled, 1);
	listing_free(&l);
	chan_close(fd);
	expect_done(&c, 1);
	listing_read(&l);
	expect_int(must_find(&l, fd)->polled, 0);
	listing_free(&l);
}

/* In the order in which they came, with thread, process and name. */
static void waiters_in_order(void)
{
	static const char hard[] = "a b\\c\td\ne";
	struct call c[5] = { 0 };
	struct listed *found;
	struct listing l;
	uint64_t v[5];
	unsigned int i;
	int fd;

	skip_unless_there();
	fd = chan_make(0, 8, 0);
	must_int(prctl(PR_SET_NAME, hard), 0);
	for (i = 0; i < 5; i++) {
		call_read(&c[i], fd, &v[i], 8);
		wait_receivers(fd, i + 1);
	}
	listing_read(&l);
	found = must_find(&l, fd);
	must_int(found->nr_waiters, 5);
	for (i = 0; i < 5; i++) {
		expect_int(found->waiters[i].tid, atomic_load(&c[i].tid));
		expect_int(found->waiters[i].pid, getpid());
		if (!expect(strcmp(found->waiters[i].comm,
				   "a\\040b\\134c\\011d\\012e") == 0))
			tap_note("comm is %s", found->waiters[i].comm);
	}
	listing_free(&l);

	/* The first is served and goes; the others stay. */
	send_u64(fd, 1);
	expect_done(&c[0], 8);
	listing_read(&l);
	found = must_find(&l, fd);
	must_int(found->nr_waiters, 4);
	expect_int(found->waiters[0].tid, atomic_load(&c[1].tid));
	listing_free(&l);
	chan_close(fd);
	for (i = 1; i < 5; i++)
		expect_done(&c[i], 0);
}

static void how_long(void)
{
	long long begin;
	struct call c = { 0 };
	struct listing l;
	uint64_t v, first;
	int fd;

	skip_unless_there();
	fd = chan_make(0, 8, 0);
	begin = tap_now_ns();
	call_read(&c, fd, &v, 8);
	wait_receivers(fd, 1);
	listing_read(&l);
	first = must_find(&l, fd)->waiters[0].ms;
	/* Ticks of 10 ms at the most are counted. */
	expect(first <= (uint64_t)(tap_now_ns() - begin) / 1000000 + 20);
	listing_free(&l);
	usleep(300 * 1000);
	listing_read(&l);
	expect(must_find(&l, fd)->waiters[0].ms >= first + 280);
	expect(must_find(&l, fd)->waiters[0].ms <=
	       (uint64_t)(tap_now_ns() - begin) / 1000000 + 20);
	listing_free(&l);
	chan_close(fd);
	expect_done(&c, 0);
}

/* A select waits with each of its cases; whichever commits, all are gone. */
static void selects(void)
{
	struct cases_call call = { 0 };
	struct listed *at[2];
	struct listing l;
	uint64_t v = 3, w = 0;
	int a, b;

	skip_unless_there();
	a = chan_make(0, 8, 0);
	b = chan_make(0, 8, 0);
	cases_init(&call.c, 0, 0);
	add_recv(&call.c, a, &w, 8);
	add_send(&call.c, b, &v, 8);
	add_recv(&call.c, a, &w, 8);
	cases_start(&call, a);
	wait_receivers(a, 2);
	wait_senders(b, 1);
	listing_read(&l);
	at[0] = must_find(&l, a);
	at[1] = must_find(&l, b);
	must_int(at[0]->nr_waiters, 2);
	must_int(at[1]->nr_waiters, 1);
	expect_int(at[0]->waiters[0].tid, atomic_load(&call.tid));
	expect_int(at[0]->waiters[1].tid, atomic_load(&call.tid));
	expect_int(at[1]->waiters[0].tid, atomic_load(&call.tid));
	expect(at[1]->waiters[0].send);
	listing_free(&l);
	expect_recv(b, 3);
	expect_int(cases_join(&call), 0);
	listing_read(&l);
	expect_int(must_find(&l, a)->nr_waiters, 0);
	expect_int(must_find(&l, b)->nr_waiters, 0);
	expect_int(must_find(&l, a)->recv_waits, 2);
	listing_free(&l);
}

static void wait_there(void *arg)
{
	int *fds = arg;
	uint64_t v;

	must_int(setresuid(NOBODY, NOBODY, NOBODY), 0);
	fds[1] = chan_make(0, 8, 0);
	v = chan_info(fds[1]).id;
	must(write(fds[2], &v, 8) == 8);
	must(read(fds[0], &v, 8) == 8);
}

/* The owner is who opened it, whoever waits there. */
static void of_another_user(void)
{
	struct listed *found = NULL;
	struct listing l;
	int fds[3], pipe_fds[2];
	uint64_t id;
	pid_t pid;

	skip_unless_there();
	fds[0] = chan_make(0, 8, 0);
	must_int(pipe(pipe_fds), 0);
	fds[2] = pipe_fds[1];
	pid = spawn(wait_there, fds);
	must(read(pipe_fds[0], &id, 8) == 8);
	wait_receivers(fds[0], 1);
	listing_read(&l);
	found = must_find(&l, fds[0]);
	expect_int(found->uid, 0);
	must_int(found->nr_waiters, 1);
	expect_int(found->waiters[0].tid, pid);
	expect_int(found->waiters[0].pid, pid);
	must_int(find(&l, id, &found), 1);
	expect_int(found->uid, NOBODY);
	listing_free(&l);
	send_u64(fds[0], 1);
	expect_exit(pid);
}

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
		if (!expect_int(find(l, ids[i], &found), 1))
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

	skip_unless_there();
	more_fds(MANY + 100);
	for (i = 0; i < MANY; i++) {
		ch = chan_make(0, 8, 0);
		ids[i] = chan_info(ch).id;
	}
	fd = listing_open();
	read_text(&l, fd, 4096);
	expect(l.size > 10 * page_size());
	parse(&l);
	expect_all(&l, ids, MANY);
	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		tap_about("%zu bytes at a time", chunks[i]);
		must_int(lseek(fd, 0, SEEK_SET), 0);
		read_text(&again, fd, chunks[i]);
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

	skip_unless_there();
	must(c);
	before = chan_make(0, 8, 0);
	fd = chan_make(0, 8, 0);
	after = chan_make(0, 8, 0);
	for (i = 0; i < count; i++)
		call_write(&c[i], fd, &v, 8);
	wait_senders(fd, count);
	listing_read(&l);
	must_find(&l, before);
	must_find(&l, after);
	found = must_find(&l, fd);
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

	skip_unless_there();
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
	read_text(&rest, fd, 4096);
	close(fd);
	rest.text = realloc(rest.text, rest.size + (size_t)got + 1);
	must(rest.text);
	memmove(rest.text + got, rest.text, rest.size + 1);
	memcpy(rest.text, text, (size_t)got);
	parse(&rest);
	/* One may have been seen before, which was to be shown next. */
	for (i = 0; i < 200; i++) {
		tap_about("%zu of 200, %zu shown before", i, shown);
		if (i < shown)
			expect_int(find(&rest, ids[i], &found), 1);
		else if (i == 150 || (i > shown && i < shown + 3))
			expect_int(find(&rest, ids[i], &found), 0);
		else if (i > shown)
			expect_int(find(&rest, ids[i], &found), 1);
	}
	expect_int(find(&rest, later, &found), 1);
	listing_free(&rest);
}

static void pins_the_module(void)
{
	int fd;

	skip_unless_there();
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
		read_text(&l, fd, i % 2 ? 65536 : 700);
		parse(&l);
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

	skip_unless_there();
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

	skip_unless_there();
	fd = chan_make(0, 8, 0);
	for (i = 0; i < count; i++) {
		pid_t pid = spawn(die_waiting, &fd);

		wait_receivers(fd, 1);
		must_int(kill(pid, SIGKILL), 0);
		do {
			listing_read(&l);
			found = must_find(&l, fd);
			if (found->nr_waiters)
				must_int(found->waiters[0].tid, pid);
			listing_free(&l);
		} while (waitpid(pid, NULL, WNOHANG) != pid);
		listing_read(&l);
		expect_int(must_find(&l, fd)->nr_waiters, 0);
		listing_free(&l);
	}
}

static const struct tap_test tests[] = {
	{ "the listing is root's alone", root_alone },
	{ "what it says of a channel is what that says", as_it_tells_itself },
	{ "elements and waits are counted", counts },
	{ "that somebody polls is told", polled },
	{ "waiters are listed in their order, with their threads", waiters_in_order },
	{ "how long they wait", how_long },
	{ "a select waits with each of its cases", selects },
	{ "the owner is who opened it", of_another_user },
	{ "a thousand channels, read in pieces of any size", more_than_a_page },
	{ "many waiters on one channel", many_waiters },
	{ "a reader half way keeps none, and misses none", half_way },
	{ "an open listing pins the module", pins_the_module },
	{ "what stays is listed once while all else changes", while_all_changes },
	{ "waiters that are killed", killed },
};

TAP_MAIN(tests)
