// SPDX-License-Identifier: GPL-2.0-only
/*
 * Weighted semaphores. Needs no channel.
 */
#include <signal.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

static void test_size(void)
{
	kc_sem sem, init = KC_SEM_INIT(0);

	/* Part of the ABI. */
	expect_int(sizeof(kc_sem), 64);
	memset(&sem, 0, sizeof(sem));
	expect(!memcmp(&sem, &init, sizeof(sem)));
	expect_int(kc_sem_try_acquire(&sem, 0), 0);
	expect_int(kc_sem_try_acquire(&sem, 1), -EAGAIN);
	kc_sem_release(&sem, 0);
}

static void test_alone(void)
{
	kc_sem sem = KC_SEM_INIT(10), init = KC_SEM_INIT(10);

	kc_sem_acquire(&sem, 4);
	expect_int(kc_sem_try_acquire(&sem, 7), -EAGAIN);
	expect_int(kc_sem_try_acquire(&sem, 6), 0);
	expect_int(kc_sem_try_acquire(&sem, 1), -EAGAIN);
	expect_int(kc_sem_acquire_timeout(&sem, 1, 0), -ETIMEDOUT);
	kc_sem_release(&sem, 3);
	/* At once, whatever the timeout. */
	expect_int(kc_sem_acquire_timeout(&sem, 3, -KC_SECOND), 0);
	kc_sem_release(&sem, 10);
	expect(!memcmp(&sem, &init, sizeof(sem)));
}

/* A goroutine that acquires @n and keeps it. */
struct user {
	kc_sem *sem;
	int64_t n;
	int64_t timeout;	/* 0: for ever */
	int ret;
	atomic_int tid;
	atomic_bool over;
};

static void use(void *arg)
{
	struct user *user = arg;

	atomic_store(&user->tid, gettid());
	if (user->timeout)
		user->ret = kc_sem_acquire_timeout(user->sem, user->n,
						   user->timeout);
	else
		kc_sem_acquire(user->sem, user->n);
	atomic_store(&user->over, true);
}

static void begin_waiting(struct user *user, kc_sem *sem, int64_t n,
			  int64_t timeout)
{
	*user = (struct user){ .sem = sem, .n = n, .timeout = timeout };
	must_int(kc_go(use, user), 0);
	until(atomic_load(&user->tid) && is_asleep(atomic_load(&user->tid)));
	must(!atomic_load(&user->over));
}

/* First come, first served: a large request is not overtaken. */
static void test_order(void)
{
	kc_sem sem = KC_SEM_INIT(10);
	struct user much, little, last;

	kc_sem_acquire(&sem, 8);
	begin_waiting(&much, &sem, 9, 0);
	begin_waiting(&little, &sem, 1, 0);
	begin_waiting(&last, &sem, 2, 0);
	/* There would be 2 left. */
	expect_int(kc_sem_try_acquire(&sem, 1), -EAGAIN);
	sleep_ms(20);
	expect(!atomic_load(&little.over));

	kc_sem_release(&sem, 8);
	until(atomic_load(&much.over));
	until(atomic_load(&little.over));
	sleep_ms(20);
	expect(!atomic_load(&last.over));
	kc_sem_release(&sem, 9);
	until(atomic_load(&last.over));
	kc_sem_release(&sem, 3);
	expect_int(kc_sem_try_acquire(&sem, 10), 0);
}

/* When a waiter gives up, those behind it are served. */
static void test_gives_up(void)
{
	kc_sem sem = KC_SEM_INIT(10);
	struct user much, middle, little;
	long long from = tap_now_ns();

	kc_sem_acquire(&sem, 8);
	begin_waiting(&much, &sem, 9, 300 * KC_MILLISECOND);
	begin_waiting(&middle, &sem, 4, 300 * KC_MILLISECOND);
	begin_waiting(&little, &sem, 2, 0);
	until(atomic_load(&much.over));
	expect_int(much.ret, -ETIMEDOUT);
	expect(tap_now_ns() - from >= 300 * KC_MILLISECOND);
	until(atomic_load(&middle.over));
	expect_int(middle.ret, -ETIMEDOUT);
	until(atomic_load(&little.over));
	kc_sem_release(&sem, 10);
	expect_int(kc_sem_try_acquire(&sem, 10), 0);
}

/* A request for more than the size: it does not block others. */
static void test_too_much(void)
{
	kc_sem sem = KC_SEM_INIT(3);
	struct user user;

	begin_waiting(&user, &sem, 4, 200 * KC_MILLISECOND);
	expect_int(kc_sem_try_acquire(&sem, 3), 0);
	kc_sem_release(&sem, 3);
	until(atomic_load(&user.over));
	expect_int(user.ret, -ETIMEDOUT);
	begin_waiting(&user, &sem, 4, 0);
	expect_int(kc_sem_try_acquire(&sem, 3), 0);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void test_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	kc_sem sem = KC_SEM_INIT(1);
	struct user users[2];
	long long from, cpu;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	kc_sem_acquire(&sem, 1);
	from = tap_now_ns();
	begin_waiting(&users[0], &sem, 1, 300 * KC_MILLISECOND);
	begin_waiting(&users[1], &sem, 1, 0);
	cpu = cpu_ns();
	while (!atomic_load(&users[0].over)) {
		tgkill(getpid(), atomic_load(&users[0].tid), SIGUSR1);
		tgkill(getpid(), atomic_load(&users[1].tid), SIGUSR1);
		sleep_ms(10);
		must(tap_now_ns() - from < tap_patience() * KC_SECOND);
	}
	expect_int(users[0].ret, -ETIMEDOUT);
	expect(tap_now_ns() - from >= 300 * KC_MILLISECOND);
	expect(cpu_ns() - cpu < 200 * KC_MILLISECOND);
	expect(!atomic_load(&users[1].over));
	kc_sem_release(&sem, 1);
	until(atomic_load(&users[1].over));
}

struct in_ctx {
	kc_sem *sem;
	kc_ctx *ctx;
	int64_t n;
	int ret;
	atomic_int tid;
	atomic_bool over;
};

static void use_in_ctx(void *arg)
{
	struct in_ctx *user = arg;

	atomic_store(&user->tid, gettid());
	user->ret = kc_sem_acquire_ctx(user->ctx, user->sem, user->n);
	atomic_store(&user->over, true);
}

static void begin_in_ctx(struct in_ctx *user, kc_sem *sem, int64_t n)
{
	*user = (struct in_ctx){ .sem = sem, .n = n };
	must_int(kc_with_cancel(&user->ctx, NULL), 0);
	must_int(kc_go(use_in_ctx, user), 0);
	until(atomic_load(&user->tid) && is_asleep(atomic_load(&user->tid)));
	must(!atomic_load(&user->over));
}

static void end_in_ctx(struct in_ctx *user, int want)
{
	until(atomic_load(&user->over));
	expect_int(user->ret, want);
	kc_ctx_unref(user->ctx);
}

static void test_context(void)
{
	kc_sem sem = KC_SEM_INIT(2), init = KC_SEM_INIT(2);
	struct in_ctx user, other;

	kc_sem_acquire(&sem, 1);
	begin_in_ctx(&user, &sem, 2);
	kc_sem_release(&sem, 1);
	end_in_ctx(&user, 0);
	begin_in_ctx(&user, &sem, 2);
	begin_in_ctx(&other, &sem, 1);
	kc_cancel(user.ctx);
	end_in_ctx(&user, -ECANCELED);
	kc_sem_release(&sem, 2);
	end_in_ctx(&other, 0);
	kc_sem_release(&sem, 1);
	/*
	 * A request for more than the size waits until it is cancelled, and does not
	 * block others.
	 */
	begin_in_ctx(&user, &sem, 3);
	expect_int(kc_sem_try_acquire(&sem, 2), 0);
	kc_sem_release(&sem, 2);
	kc_cancel(user.ctx);
	end_in_ctx(&user, -ECANCELED);
	expect(!memcmp(&sem, &init, sizeof(sem)));
}

/*
 * Cancelled before there is enough: it fails and keeps nothing, whatever is released
 * then. The waiters behind it get it.
 */
static void test_cancelled_first(void)
{
	kc_sem sem = KC_SEM_INIT(2), init = KC_SEM_INIT(2);
	const unsigned long rounds = tap_scale(200);
	struct in_ctx user, behind;
	unsigned long i;

	for (i = 0; i < rounds; i++) {
		kc_sem_acquire(&sem, 1);
		begin_in_ctx(&user, &sem, 2);
		begin_in_ctx(&behind, &sem, 2);
		kc_cancel(user.ctx);
		kc_sem_release(&sem, 1);
		end_in_ctx(&user, -ECANCELED);
		end_in_ctx(&behind, 0);
		kc_sem_release(&sem, 2);
	}
	expect(!memcmp(&sem, &init, sizeof(sem)));
}

#define CROWD	8

struct crowd {
	kc_sem sem;
	kc_waitgroup wg;
	unsigned long rounds;
	atomic_long held;
	atomic_long timeouts;
	atomic_uint next;
};

static void acquire_and_release(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int seed = atomic_fetch_add(&crowd->next, 1);
	unsigned long i;

	for (i = 0; i < crowd->rounds; i++) {
		long n = 1 + (i + seed) % 5;

		if (i % 4 == 0)
			kc_sem_acquire(&crowd->sem, n);
		else if (kc_sem_acquire_timeout(&crowd->sem, n,
						(i * 7919 + seed) % 50 *
						KC_MICROSECOND)) {
			atomic_fetch_add(&crowd->timeouts, 1);
			continue;
		}
		expect(atomic_fetch_add(&crowd->held, n) + n <= 7);
		if (i % 8 == 0)
			kc_gosched();
		atomic_fetch_sub(&crowd->held, n);
		kc_sem_release(&crowd->sem, n);
	}
}

/* Timeouts that pass at the same time as the semaphore is acquired. */
static void test_crowd(void)
{
	struct crowd crowd = {
		.sem = KC_SEM_INIT(7),
		.rounds = tap_scale(3000),
	};
	kc_sem init = KC_SEM_INIT(7);
	int i;

	for (i = 0; i < CROWD; i++)
		must_int(kc_waitgroup_go(&crowd.wg, acquire_and_release, &crowd),
			 0);
	kc_waitgroup_wait(&crowd.wg);
	tap_note("%ld of %lu timed out", atomic_load(&crowd.timeouts),
		 CROWD * crowd.rounds);
	expect(!memcmp(&crowd.sem, &init, sizeof(init)));
}

static void release_too_much(void *sem)
{
	kc_sem_release(sem, 3);
}

static void release_less(void *sem)
{
	kc_sem_release(sem, -1);
}

static void acquire_less(void *sem)
{
	kc_sem_acquire(sem, -1);
}

static void test_misuse(void)
{
	kc_sem sem = KC_SEM_INIT(5), before;
	kc_panic_info info;

	kc_sem_acquire(&sem, 2);
	before = sem;
	must_int(kc_protect(release_too_much, &sem, &info), 1);
	expect(!strcmp(info.text, "release of more than is held"));
	kc_panic_info_clear(&info);
	expect_int(kc_protect(release_less, &sem, NULL), 1);
	expect_int(kc_protect(acquire_less, &sem, NULL), 1);
	expect(!memcmp(&sem, &before, sizeof(sem)));
}

static const struct tap_test tests[] = {
	{ "its size is fixed, and zero is valid", test_size },
	{ "acquire, try and release of one", test_alone },
	{ "first come, first served", test_order },
	{ "one that gives up makes way", test_gives_up },
	{ "more than there is waits apart", test_too_much },
	{ "signals end no wait, and move no deadline", test_signals },
	{ "until a context is cancelled", test_context },
	{ "a context that is cancelled first", test_cancelled_first },
	{ "a crowd with short deadlines", test_crowd },
	{ "to release what is not held is a panic", test_misuse },
};

TAP_MAIN(tests)
