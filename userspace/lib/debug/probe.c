// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Getting the backtrace of a running thread. It is sent SIGURG, which is ignored by
 * default, and takes its own backtrace in the signal handler.
 *
 * In static programs, and where code is made at run time, the unwinder has a lock. The
 * signal may interrupt a thread that holds this lock. So the thread waits in its handler
 * until the asking thread has taken and released the lock: then the thread does not hold
 * it. If the thread does hold it, its wait times out after HOLD. It returns without an
 * answer, and the asking thread gets the lock.
 *
 * There is one question at a time. The signal carries the number of the question. One
 * word has the number and the progress:
 *
 *	asked --the thread--> held --the asker, after the lock--> answering
 *	                                       --the thread--> giving --> answered
 *
 * Each of the first three may change to "nothing": by the thread when it was held for too
 * long, or by the asker when its time is over. So a thread that comes too late sees another
 * number or "nothing", and writes nothing. The thread takes the backtrace into memory of
 * its own. It copies it to the shared memory in the state "giving", in which it does not
 * wait. The asker has no timeout in that state only.
 */
#include <signal.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/futex.h"
#include "base/interrupted.h"
#include "base/task.h"
#include "debug/probe.h"
#include "panic/fault.h"

#define EACH	(100 * KC_MILLISECOND)

/*
 * How long a thread with the unwinder's lock waits. It is less than EACH, so that the
 * thread can still answer.
 */
#define HOLD	(50 * KC_MILLISECOND)

/* siginfo_t.si_code of our signals. Negative values are for programs to choose. */
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
	bool ready;		/* the handler is installed */
	struct sigaction before;
} ask;

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

/* Waits. True if this thread certainly does not hold the unwinder's lock. */
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
 * Blocks all signals except faults. A handler of the program would run on top of ours,
 * and might not return.
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
		/* A backtrace has the address after the instruction's begin. */
		answer(info->si_int, kc_interrupted_pc(context) + 1);
	else
		kc_call_handler(&ask.before, signal, info, context);
	errno = error;
}

/* Called again in the process of a function, where all handlers were removed. */
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

/*
 * The thread is held meanwhile. If it holds the unwinder's lock, it gives up after
 * HOLD, so this does not wait for ever.
 */
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
