// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asking a running thread where it is: it is sent SIGURG, which does nothing by
 * default, and takes its own backtrace in the handler.
 *
 * The unwinder has a lock, in static programs and where code is made at run time,
 * and the signal may come to a thread that has it. So the thread waits in its
 * handler until who asks has had that lock: then it is not this thread that has it.
 * If it is, the thread's own patience ends, it goes on without an answer, and who
 * asks gets the lock from it.
 *
 * There is one question at a time. Its number goes with the signal, and one word
 * says how far it is:
 *
 *	asked --the thread--> held --who asks, after the lock--> answering
 *	                                       --the thread--> giving --> answered
 *
 * and from any of the first three to nothing: by the thread when it is held for too
 * long, by who asks when its patience is at an end. So a thread that comes too late
 * finds another number or nothing, and touches nothing; it takes its backtrace where
 * that is its own, and only while it gives it, which waits for nothing, is it waited
 * for.
 */
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/futex.h"
#include "base/task.h"
#include "debug/probe.h"
#include "panic/fault.h"

#define EACH	(100 * KC_MILLISECOND)

/* For one that has the unwinder's lock; less than the above, that it still answers. */
#define HOLD	(50 * KC_MILLISECOND)

/* siginfo_t.si_code: a signal of ours. Programs may choose among the negative ones. */
#define CODE	(-0x6b63)

enum progress {
	NOTHING,
	ASKED,
	HELD,
	ANSWERING,
	GIVING,
	ANSWERED,
};

#define PROGRESS_BITS	3
#define PROGRESS_MASK	((1U << PROGRESS_BITS) - 1)
#define NUMBERS		(UINT32_MAX >> PROGRESS_BITS)

static struct {
	uint32_t word;		/* the number and enum progress: a futex */
	uint32_t number;
	struct kc_trace trace;
	bool ready;		/* the handler is there */
	struct sigaction before;
} ask;

static uintptr_t pc_of(const ucontext_t *context)
{
#ifdef __x86_64__
	/* As a backtrace has it, which is after what was interrupted. */
	return context->uc_mcontext.gregs[REG_RIP] + 1;
#else
	(void)context;
	return 0;
#endif
}

static uint32_t word_of(uint32_t number, enum progress progress)
{
	return number << PROGRESS_BITS | progress;
}

static bool advance(uint32_t number, enum progress from, enum progress to)
{
	uint32_t word = word_of(number, from);

	return __atomic_compare_exchange_n(&ask.word, &word, word_of(number, to),
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static uint32_t progress_of(uint32_t number)
{
	const uint32_t word = __atomic_load_n(&ask.word, __ATOMIC_ACQUIRE);

	return word >> PROGRESS_BITS == number ? word & PROGRESS_MASK : NOTHING;
}

/* Whether this thread does certainly not have the unwinder's lock. */
static bool be_held(uint32_t number)
{
	const int64_t until = kc_later(kc_real_now(), HOLD);

	sys_futex_wake_one(&ask.word);
	while (progress_of(number) == HELD)
		if (sys_futex_wait_until(&ask.word, word_of(number, HELD),
					 until) == -ETIMEDOUT)
			advance(number, HELD, NOTHING);
	return progress_of(number) == ANSWERING;
}

/*
 * All but faults: a handler of the program's would run on top of ours, and might not
 * come back to it.
 */
static void block_signals(struct kc_sigmask *old)
{
	struct kc_sigmask mask;

	memset(&mask, 0xff, sizeof(mask));
	for (int i = 1; i <= KC_SIGNALS; i++)
		if (kc_is_fault(i))
			kc_sigmask_del(&mask, i);
	sys_set_sigmask(&mask, old);
}

static void answer_held(uint32_t number, uintptr_t pc)
{
	struct kc_trace trace;

	if (!be_held(number))
		return;
	trace = kc_trace_take_in_handler(pc);
	if (!advance(number, ANSWERING, GIVING))
		return;
	ask.trace = trace;
	advance(number, GIVING, ANSWERED);
	sys_futex_wake_one(&ask.word);
}

static void answer(uint32_t number, uintptr_t pc)
{
	struct kc_sigmask mask;

	block_signals(&mask);
	if (advance(number, ASKED, HELD))
		answer_held(number, pc);
	sys_set_sigmask(&mask, NULL);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	const int error = errno;

	if (info->si_code == CODE)
		answer(info->si_int, pc_of(context));
	else
		kc_call_handler(&ask.before, signal, info, context);
	errno = error;
}

/* Again in the process of a function, which has no handlers any more. */
static void set_up(void)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};
	struct sigaction now;

	sigaction(SIGURG, NULL, &now);
	if (ask.ready && ((now.sa_flags & SA_SIGINFO) || now.sa_handler != SIG_DFL))
		return;
	ask.before = now;
	sigemptyset(&action.sa_mask);
	ask.ready = !sigaction(SIGURG, &action, NULL);
}

bool kc_probe(pid_t tid)
{
	siginfo_t info;

	set_up();
	ask.number = (ask.number + 1) & NUMBERS;
	memset(&info, 0, sizeof(info));
	info.si_code = CODE;
	info.si_pid = sys_getpid();
	info.si_int = ask.number;
	__atomic_store_n(&ask.word, word_of(ask.number, ASKED), __ATOMIC_RELEASE);
	return ask.ready && !sys_queue_signal(tid, SIGURG, &info);
}

/* The thread is held meanwhile; if it has the unwinder's lock, only for so long. */
static void release(uint32_t number)
{
	kc_trace_pass_lock();
	advance(number, HELD, ANSWERING);
	sys_futex_wake_one(&ask.word);
}

bool kc_probe_await(struct kc_trace *trace, struct kc_patience *patience)
{
	const int64_t begin = kc_real_now();
	const int64_t most = patience->left < EACH ? patience->left : EACH;
	const uint32_t number = ask.number;
	int64_t until = kc_later(begin, most);
	uint32_t progress;

	while ((progress = progress_of(number)) != ANSWERED && progress != NOTHING) {
		if (progress == HELD)
			release(number);
		else if (sys_futex_wait_until(&ask.word, word_of(number, progress),
					      until) == -ETIMEDOUT &&
			 !advance(number, ASKED, NOTHING) &&
			 !advance(number, ANSWERING, NOTHING))
			until = kc_later(kc_real_now(), KC_MILLISECOND);
	}
	patience->left -= kc_real_now() - begin;
	if (patience->left < 0)
		patience->left = 0;
	if (progress == ANSWERED)
		*trace = ask.trace;
	return progress == ANSWERED;
}

void kc_probe_forked(void)
{
	ask.word = NOTHING;
}
