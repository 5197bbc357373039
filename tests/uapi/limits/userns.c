// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits in user namespaces: a user counts in each namespace from its own up to the
 * first one, where a namespace counts for the user who made it. What the initial
 * root owns has no limit.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "armed.h"
#include "params.h"
#include "contained.h"

#define LIMIT (1 << 20)
/* Each of what is taken is more than a quarter of that. */
#define CAPACITY 70
#define LARGE 70000
#define FULL 3
#define FULL_CHANNELS 6

/*
 * One who takes all that it can get: buffers, channels or armed selects, and holds
 * it until it is told to go.
 */
enum what { BUFFERS, CHANNELS, ARMED, WHATS };

static const char * const whats[] = { "buffers", "channels", "armed selects" };

struct taker {
	atomic_int got;		/* -1 until it is known */
	int gate[2];
	enum what what;
	int most;		/* takes no more than these; 0 for no such bound */
	pid_t pid;
};

static int take_all(const struct taker *t)
{
	char *elem = map_pages(LARGE);
	struct cases c;
	int nr = 0, fd = -1;

	if (t->what == ARMED) {
		fd = chan_open();
		if (try_setup(fd, 0, LARGE, 0))
			goto out;
	}
	for (; nr < 64 && (!t->most || nr < t->most); nr++) {
		switch (t->what) {
		case BUFFERS:
			if (try_setup(chan_open(), 0, 4096, CAPACITY))
				goto out;
			break;
		case CHANNELS:
			if (open("/dev/kchan", O_RDWR) < 0)
				goto out;
			break;
		default:
			cases_init(&c, 0, 0);
			for (int i = 0; i < 4; i++)
				add_send(&c, fd, elem, LARGE);
			if (try_arm(fd, &c, 0) < 0)
				goto out;
			break;
		}
	}
	return nr;
out:
	expect_int(errno, EDQUOT);
	return nr;
}

static void take_and_hold(struct taker *t)
{
	char byte;

	atomic_store(&t->got, take_all(t));
	must_int(read(t->gate[0], &byte, 1), 1);
	_exit(0);
}

static struct taker *taker_make(enum what what)
{
	struct taker *t = shared_pages(sizeof(*t));

	t->got = -1;
	t->what = what;
	must_int(pipe(t->gate), 0);
	return t;
}

static int taker_got(struct taker *t)
{
	until(atomic_load(&t->got) >= 0);
	return atomic_load(&t->got);
}

static void taker_end(struct taker *t)
{
	/* Those that came later have this end, too: it has to be told. */
	must_int(write(t->gate[1], "", 1), 1);
	expect_exit(t->pid);
	close(t->gate[0]);
	close(t->gate[1]);
}

static void taker_run(void *arg)
{
	take_and_hold(arg);
}

static void taker_contained(struct taker *t, uid_t base, uid_t uid)
{
	t->pid = contained(base, 65536, uid, taker_run, t);
}

static void taker_as(struct taker *t, uid_t uid)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		become(uid);
		taker_run(t);
	}
	t->pid = pid;
}

static void begin(void)
{
	params_begin();
	param_set("user_max_bytes", LIMIT);
	param_set("user_max_channels", FULL_CHANNELS);
}

static int full(enum what what)
{
	return what == CHANNELS ? FULL_CHANNELS : FULL;
}

/* One that has taken all it can get takes nothing from another one. */
static void two_containers(void)
{
	begin();
	for (int what = BUFFERS; what < WHATS; what++) {
		struct taker *a = taker_make(what), *b = taker_make(what);
		struct taker *root = taker_make(what), *out = taker_make(what);

		tap_about("%s", whats[what]);
		taker_contained(a, 100000, 1000);
		expect_int(taker_got(a), full(what));
		taker_contained(b, 200000, 1000);
		expect_int(taker_got(b), full(what));
		/* The root of a container is one of its users. */
		taker_contained(root, 300000, 0);
		expect_int(taker_got(root), full(what));
		taker_as(out, NOBODY);
		expect_int(taker_got(out), full(what));
		taker_end(a);
		taker_end(b);
		taker_end(root);
		taker_end(out);
	}
	params_restore();
}

/* Two containers with the same ids, one after the other. */
static void same_ids(void)
{
	begin();
	for (int what = BUFFERS; what < WHATS; what++) {
		struct taker *a = taker_make(what), *b = taker_make(what);

		tap_about("%s", whats[what]);
		taker_contained(a, 100000, 1000);
		expect_int(taker_got(a), full(what));
		taker_end(a);
		/* It gave all back. */
		taker_contained(b, 100000, 1000);
		expect_int(taker_got(b), full(what));
		taker_end(b);
	}
	params_restore();
}

/* An ordinary user's own namespaces, one within another. */
static void run_nested(void *arg)
{
	struct taker *t = arg;

	for (int depth = 0; depth < 3; depth++)
		contain_myself();
	taker_run(t);
}

static void taker_nested(struct taker *t, uid_t uid)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		become(uid);
		run_nested(t);
	}
	t->pid = pid;
}

static void own_namespaces(void)
{
	begin();
	for (int what = BUFFERS; what < WHATS; what++) {
		struct taker *mine = taker_make(what), *a = taker_make(what);
		struct taker *b = taker_make(what), *other = taker_make(what);

		tap_about("%s", whats[what]);
		mine->most = 1;
		taker_as(mine, NOBODY);
		expect_int(taker_got(mine), 1);
		/* All but that one. */
		a->most = full(what) - 1;
		taker_nested(a, NOBODY);
		if (what == ARMED)
			/* Each taker has a channel of large elements, too. */
			expect(taker_got(a) == 1 || taker_got(a) == 2);
		else
			expect_int(taker_got(a), full(what) - 1);
		taker_nested(b, NOBODY);
		expect(taker_got(b) <= full(what) - 1 - taker_got(a));
		/* Another user has none of it. */
		taker_nested(other, OTHER);
		expect_int(taker_got(other), full(what));
		taker_end(mine);
		taker_end(a);
		taker_end(b);
		taker_end(other);
	}
	params_restore();
}

/* Users of a namespace that a container's root made share what that one may have. */
struct inner {
	struct taker *first, *second;
};

static void inner_run(void *arg)
{
	struct inner *in = arg;

	/* In the container now, as its root. */
	in->first->pid = contained(1000, 100, 1, taker_run, in->first);
	expect_int(taker_got(in->first), full(in->first->what));
	in->second->pid = contained(2000, 100, 1, taker_run, in->second);
	expect_int(taker_got(in->second), 0);
	taker_end(in->first);
	taker_end(in->second);
}

static void inner_users(void)
{
	begin();
	for (int what = BUFFERS; what < ARMED; what++) {
		struct inner in = { taker_make(what), taker_make(what) };

		tap_about("%s", whats[what]);
		expect_exit(contained(100000, 65536, 0, inner_run, &in));
	}
	params_restore();
}

/* The initial root has no limit, with the capability or without. */
static void root_run(void *unused)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };
	int fd;

	(void)unused;
	must_int(syscall(SYS_capset, &head, data), 0);
	for (int i = 0; i < 2 * FULL_CHANNELS; i++) {
		fd = chan_open();
		expect_int(try_setup(fd, 0, 4096, CAPACITY), 0);
	}
}

static void initial_root(void)
{
	begin();
	expect_exit(spawn(root_run, NULL));
	params_restore();
}

static const struct tap_test tests[] = {
	{ "a full container takes nothing from another one", two_containers },
	{ "a container gives back what it had", same_ids },
	{ "a user's own namespaces are no way around its limit", own_namespaces },
	{ "users of an inner namespace share its maker's limit", inner_users },
	{ "the initial root has no limit", initial_root },
};

PARAMS_MAIN(tests)
