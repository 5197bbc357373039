// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines, groups of them, contexts, timers and mutexes, and what POSIX and the
 * kernel have for that.
 */
#include "bench.h"

#include <errno.h>
#include <kchan/kchan.h>
#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define AN_HOUR	(3600 * KC_SECOND)

/* How: a function that does it once, of goroutines for so many at a time. */
typedef void once_fn(unsigned int at);

static uint64_t repeated(const struct work *work, const void *how, unsigned int at,
			 unsigned long count)
{
	once_fn *const *once = how;
	uint64_t took = clock_start();

	for (unsigned long i = 0; i < count; i += work->axis ? at : 1)
		(*once)(at);
	return clock_stop(took);
}

static void must(int ret, const char *what)
{
	if (!ret)
		return;
	errno = ret < 0 ? -ret : ret;
	die(what);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void kchan_go(unsigned int nr)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	while (nr--)
		must(kc_waitgroup_go(&wg, nothing, NULL), "kc_waitgroup_go");
	kc_waitgroup_wait(&wg);
}

static kc_error *no_error(void *arg)
{
	(void)arg;
	return NULL;
}

static void kchan_errgroup(unsigned int nr)
{
	kc_group group = KC_GROUP_INIT;
	kc_ctx *ctx;

	must(kc_group_with_context(&group, &ctx, NULL), "kc_group_with_context");
	while (nr--)
		must(kc_group_go(&group, no_error, NULL), "kc_group_go");
	if (kc_group_wait(&group))
		die("kc_group_wait");
	kc_ctx_unref(ctx);
}

static void *thread(void *arg)
{
	return arg;
}

#define MAX_THREADS	64

/* With default attributes. */
static void pthread_go(unsigned int nr)
{
	pthread_t made[MAX_THREADS];

	for (unsigned int i = 0; i < nr; i++)
		must(pthread_create(&made[i], NULL, thread, NULL), "pthread_create");
	while (nr--)
		thread_join(made[nr]);
}

static void kchan_mutex(unsigned int at)
{
	static kc_mutex m;

	(void)at;
	kc_mutex_lock(&m);
	kc_mutex_unlock(&m);
}

static void pthread_mutex(unsigned int at)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	(void)at;
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}

static void kchan_context(unsigned int at)
{
	kc_ctx *ctx;

	(void)at;
	must(kc_with_cancel(&ctx, NULL), "kc_with_cancel");
	kc_cancel(ctx);
	kc_ctx_unref(ctx);
}

static void kchan_context_timeout(unsigned int at)
{
	kc_ctx *ctx;

	(void)at;
	must(kc_with_timeout(&ctx, NULL, AN_HOUR), "kc_with_timeout");
	kc_cancel(ctx);
	kc_ctx_unref(ctx);
}

static void kchan_context_done(unsigned int at)
{
	kc_chan *done;
	kc_ctx *ctx;

	(void)at;
	must(kc_with_cancel(&ctx, NULL), "kc_with_cancel");
	must(kc_ctx_done(&done, ctx), "kc_ctx_done");
	kc_cancel(ctx);
	must(kc_recv(done, NULL), "kc_recv");
	kc_ctx_unref(ctx);
}

static void kchan_timer(unsigned int at)
{
	kc_timer *timer;

	(void)at;
	must(kc_timer_make(&timer, AN_HOUR), "kc_timer_make");
	kc_timer_stop(timer);
	kc_timer_unref(timer);
}

/* Each time another time, as who puts off a deadline does. */
static int64_t later(void)
{
	static int64_t ns = AN_HOUR;

	ns += KC_MILLISECOND;
	return ns;
}

static void kchan_timer_reset(unsigned int at)
{
	static kc_timer *timer;

	(void)at;
	if (!timer)
		must(kc_timer_make(&timer, AN_HOUR), "kc_timer_make");
	kc_timer_reset(timer, later());
}

static int make_timerfd(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0)
		die("timerfd_create");
	return fd;
}

static void set_timerfd(int fd, int64_t ns)
{
	struct itimerspec spec = {
		.it_value = { ns / KC_SECOND, ns % KC_SECOND },
	};

	if (timerfd_settime(fd, 0, &spec, NULL))
		die("timerfd_settime");
}

static void timerfd_timer(unsigned int at)
{
	int fd = make_timerfd();

	(void)at;
	set_timerfd(fd, AN_HOUR);
	set_timerfd(fd, 0);
	close(fd);
}

static void timerfd_reset(unsigned int at)
{
	static int fd = -1;

	(void)at;
	if (fd < 0)
		fd = make_timerfd();
	set_timerfd(fd, later());
}

#define ONCE(function)	(&(once_fn *const){ function })

static const struct subject of_go[] = {
	{ "lib", ONCE(kchan_go) }, { "pthread", ONCE(pthread_go) },
};

static const struct subject of_errgroup[] = {
	{ "lib", ONCE(kchan_errgroup) }, { "pthread", ONCE(pthread_go) },
};

static const struct subject of_mutex[] = {
	{ "lib", ONCE(kchan_mutex) }, { "pthread", ONCE(pthread_mutex) },
};

static const struct subject of_context[] = {
	{ "lib", ONCE(kchan_context) },
};

static const struct subject of_context_timeout[] = {
	{ "lib", ONCE(kchan_context_timeout) },
};

static const struct subject of_context_done[] = {
	{ "lib", ONCE(kchan_context_done) },
};

static const struct subject of_timer[] = {
	{ "lib", ONCE(kchan_timer) }, { "timerfd", ONCE(timerfd_timer) },
};

static const struct subject of_timer_reset[] = {
	{ "lib", ONCE(kchan_timer_reset) }, { "timerfd", ONCE(timerfd_reset) },
};

#define GOROUTINES	.axis = "goroutines", AT(1, 8, MAX_THREADS)

static const struct work go_works[] = {
	{
		.name = "go",
		.what = "a goroutine (thread), of several that are started, end at once, and are "
			"waited for",
		.peer = "pthread", SUBJECTS(of_go), GOROUTINES, .count = 1024,
		.run = repeated,
	},
	{
		.name = "errgroup",
		.what = "a goroutine, of several in an errgroup that is made with a context, and "
			"waited for (pthread: as in `go`)",
		.peer = "pthread", SUBJECTS(of_errgroup), GOROUTINES, .count = 1024,
		.run = repeated,
	},
	{
		.name = "mutex",
		.what = "to lock and unlock a mutex that nobody has",
		.peer = "pthread", SUBJECTS(of_mutex), .run = repeated,
	},
	{
		.name = "context",
		.what = "to make a context, cancel it and drop it",
		.peer = "go", SUBJECTS(of_context), .run = repeated,
	},
	{
		.name = "context-timeout",
		.what = "to make a context with a timeout, cancel it and drop it",
		.peer = "go", SUBJECTS(of_context_timeout), .run = repeated,
	},
	{
		.name = "context-done",
		.what = "to make a context, ask for its channel, cancel it, receive from the "
			"channel, and drop it",
		.peer = "go", SUBJECTS(of_context_done), .run = repeated,
	},
	{
		.name = "timer",
		.what = "to make a timer of an hour, stop it and drop it",
		.peer = "timerfd", SUBJECTS(of_timer), .run = repeated,
	},
	{
		.name = "timer-reset",
		.what = "to set a timer to a later time than before",
		.peer = "timerfd", SUBJECTS(of_timer_reset), .run = repeated,
	},
};

const struct group go_group = { "go", go_works, NR(go_works) };
