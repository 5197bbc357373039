// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neither a signal handler nor pthread_cancel() ends a call.
 */
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <kchan/jitter.h>

#include "common.h"
#include "interrupt.h"

static void restart(int flags)
{
	kc_chan *c = make(8, 0);
	struct call call;

	catch_signal(flags);
	call_recv(&call, c);
	interrupt(call.thread, 5);
	wait_receivers(c, 1);
	send_now(c, 1);
	expect_int(call_end(&call), 1);
	expect_int(call.value, 1);

	catch_signal(flags);
	call_send(&call, c, 2);
	interrupt(call.thread, 5);
	wait_senders(c, 1);
	expect_int(recv_now(c), 2);
	expect_int(call_end(&call), 0);
	kc_unref(c);
}

static void test_interrupted(void)
{
	restart(0);
}

static void test_sa_restart(void)
{
	restart(SA_RESTART);
}

static void *recv_timed(void *arg)
{
	struct call *call = arg;

	call->ret = kc_recv_timeout(call->c, &call->value,
				    300 * KC_MILLISECOND);
	return NULL;
}

/* A call that restarted its timeout at each signal would not end. */
static void test_deadline(void)
{
	kc_chan *c = make(8, 0);
	kc_chan *channels[] = { c, NULL };
	struct call call;
	long long from;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(channels); i++) {
		tap_about(channels[i] ? "a channel" : "NULL");
		catch_signal(0);
		call = (struct call){ .c = channels[i] };
		from = tap_now_ns();
		call.thread = start(recv_timed, &call);
		while (pthread_tryjoin_np(call.thread, NULL)) {
			pthread_kill(call.thread, SIGUSR1);
			sleep_ms(10);
			must(tap_now_ns() - from < tap_patience() * KC_SECOND);
		}
		expect_int(call.ret, -ETIMEDOUT);
		expect(tap_now_ns() - from >= 300 * KC_MILLISECOND);
		if (!THREAD_SANITIZED)
			expect(atomic_load(&handled) > 0);
	}
	kc_unref(c);
}

static void *zero_size_recv(void *arg)
{
	struct call *call = arg;

	call->ret = kc_recv(call->c, NULL);
	return NULL;
}

/* This uses the other system call. */
static void test_zero_size(void)
{
	kc_chan *c = make(0, 0);
	struct call call = { .c = c };

	catch_signal(0);
	call.thread = start(zero_size_recv, &call);
	wait_receivers(c, 1);
	interrupt(call.thread, 5);
	wait_receivers(c, 1);
	expect_int(kc_send(c, NULL), 0);
	expect_int(call_end(&call), 1);
	kc_unref(c);
}

struct cancelled {
	kc_chan *c;
	uint64_t value;
	atomic_bool got;
};

static void *recv_to_cancel(void *arg)
{
	struct cancelled *x = arg;

	if (kc_recv(x->c, &x->value) == 1)
		atomic_store(&x->got, true);
	pthread_testcancel();
	return NULL;
}

static void test_cancel(void)
{
	struct cancelled x = { .c = make(8, 0) };
	void *result = NULL;
	pthread_t thread;

	thread = start(recv_to_cancel, &x);
	wait_receivers(x.c, 1);
	must_int(pthread_cancel(thread), 0);
	sleep_ms(20);
	wait_receivers(x.c, 1);
	send_now(x.c, 8);
	must_int(pthread_join(thread, &result), 0);
	expect(result == PTHREAD_CANCELED);
	expect(atomic_load(&x.got));
	expect_int(x.value, 8);
	kc_unref(x.c);
}

static struct {
	kc_chan *c, *messages;
	atomic_long sent, sent_messages;
	atomic_long allowed;	/* signals, of those that raise_often() raises */
	atomic_bool over;
} handler;

/* A signal handler may make these two calls at any point. */
static void send_in_handler(int signum)
{
	const int saved = errno;
	uint64_t value = signum;

	if (!kc_try_send(handler.c, &value))
		atomic_fetch_add(&handler.sent, 1);
	if (!kc_try_send_msg(handler.messages, "x", 1))
		atomic_fetch_add(&handler.sent_messages, 1);
	errno = saved;
}

static void *raise_often(void *arg)
{
	const pthread_t whom = *(pthread_t *)arg;
	long raised = 0;

	while (!atomic_load(&handler.over)) {
		if (raised < atomic_load(&handler.allowed)) {
			pthread_kill(whom, SIGUSR1);
			raised++;
		}
		sched_yield();
	}
	return NULL;
}

/*
 * Called before each step of the interrupted thread. If there was no limit, a signal
 * might come in each handler, and the thread would run nothing else.
 */
static void allow_signals(void)
{
	atomic_fetch_add(&handler.allowed, 4);
}

/* Each value must be 1, or that of the signal. */
static long take_all(void)
{
	uint64_t value;
	long nr = 0;

	while (kc_try_recv(handler.c, &value) == 1)
		nr += value == SIGUSR1;
	return nr;
}

static void nothing(void *arg)
{
	(void)arg;
}

/*
 * The handler makes the same calls, on the same channels, and interrupts those with
 * locks.
 */
static void test_in_handler(void)
{
	struct sigaction action = { .sa_handler = send_in_handler };
	const unsigned int rounds = tap_scale(2000);
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	pthread_t self = pthread_self(), thread;
	long came = 0, came_messages = 0;
	uint64_t one = 1;
	unsigned int i;
	kc_chan *other;

	if (THREAD_SANITIZED)
		tap_skip("not with the race detector");
	handler.c = make(8, 4);
	handler.messages = make_messages(8, 4);
	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	thread = start(raise_often, &self);
	for (i = 0; i < rounds; i++) {
		allow_signals();
		other = make(8, 1);
		send_now(other, i);
		allow_signals();
		kc_try_send(handler.c, &one);
		came += take_all();
		allow_signals();
		while (kc_try_recv_msg(handler.messages, NULL, 0) == 1)
			came_messages++;
		allow_signals();
		must_int(kc_waitgroup_go(&wg, nothing, NULL), 0);
		kc_waitgroup_wait(&wg);
		kc_unref(other);
	}
	atomic_store(&handler.over, true);
	join(thread);
	came += take_all();
	while (kc_try_recv_msg(handler.messages, NULL, 0) == 1)
		came_messages++;
	expect_int(came, atomic_load(&handler.sent));
	expect_int(came_messages, atomic_load(&handler.sent_messages));
	expect(came > 0 && came_messages > 0);
	kc_unref(handler.c);
	kc_unref(handler.messages);
}

#ifdef __x86_64__
#define TRAP_FLAG	0x100ul

static unsigned int nr_steps, send_at;

/* Runs after each instruction, and sends after one of them. */
static void send_at_step(int signum, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	if (nr_steps++ == send_at)
		send_in_handler(signum);
}

static void *become_known(void *arg)
{
	(void)arg;
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
	kc_goid();
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~TRAP_FLAG);
	return NULL;
}

/*
 * Interrupts a thread that becomes known to the library, which holds a lock then. With
 * jitter, a call would make it known again.
 */
static void test_in_handler_jitter(void)
{
	const struct sigaction action = {
		.sa_sigaction = send_at_step,
		.sa_flags = SA_SIGINFO,
	};

	if (SANITIZED)
		tap_skip("the sanitizer has handlers of its own");
	handler.c = make(8, 4);
	handler.messages = make_messages(8, 4);
	must_int(sigaction(SIGTRAP, &action, NULL), 0);
	kc_jitter(1);
	for (send_at = 0; nr_steps >= send_at; send_at += 3) {
		nr_steps = 0;
		join(start(become_known, NULL));
	}
	kc_jitter(0);
	tap_note("%u steps", nr_steps);
	expect(send_at > 100);
	kc_unref(handler.c);
	kc_unref(handler.messages);
}
#else
static void test_in_handler_jitter(void)
{
	tap_skip("how to step is known for x86-64");
}
#endif

static const struct tap_test tests[] = {
	{ "calls go on after a handler", test_interrupted },
	{ "calls go on after a handler with SA_RESTART", test_sa_restart },
	{ "a timed call keeps its deadline", test_deadline },
	{ "calls on elements of size 0 go on", test_zero_size },
	{ "no call is a cancellation point", test_cancel },
	{ "a handler sends, whatever it interrupts", test_in_handler },
	{ "with jitter, while its thread becomes known", test_in_handler_jitter },
};

TAP_MAIN(tests)
