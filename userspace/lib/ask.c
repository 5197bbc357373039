// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asking a running thread where it is: it is sent SIGURG, which does nothing by
 * default, and takes its own backtrace in the handler.
 *
 * There is one question at a time. Its number goes with the signal, and one word
 * says how far it is:
 *
 *	asked --the thread--> answering --the thread--> answered
 *	  |
 *	  +--who asks, when its patience is at an end--> nothing
 *
 * So a thread that comes too late finds another number or nothing, and touches
 * nothing; one that has begun to answer is waited for.
 */
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "ask.h"
#include "fault.h"
#include "futex.h"
#include "internal.h"
#include "task.h"

#define EACH	(100 * KC_MILLISECOND)

/* siginfo_t.si_code: a signal of ours. Programs may choose among the negative ones. */
#define CODE	(-0x6b63)

enum progress {
	NOTHING,
	ASKED,
	ANSWERING,
	ANSWERED,
};

#define PROGRESS_BITS	2
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

static bool advance(uint32_t number, enum progress from, enum progress to)
{
	uint32_t word = number << PROGRESS_BITS | from;

	return __atomic_compare_exchange_n(&ask.word, &word,
					   number << PROGRESS_BITS | to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	const int error = errno;
	const uint32_t number = info->si_int;

	if (info->si_code != CODE) {
		kc_call_handler(&ask.before, signal, info, context);
	} else if (advance(number, ASKED, ANSWERING)) {
		/* The unwinder may have a lock, which it has in static programs. */
		if (kc_trace_is_being_taken())
			ask.trace.nr = 0;
		else
			ask.trace = kc_trace_take(pc_of(context));
		advance(number, ANSWERING, ANSWERED);
		sys_futex_wake_one(&ask.word);
	}
	errno = error;
}

static void set_up(void)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};

	if (ask.ready)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGURG, NULL, &ask.before);
	ask.ready = !sigaction(SIGURG, &action, NULL);
}

bool kc_ask(pid_t tid)
{
	siginfo_t info;

	set_up();
	ask.number = (ask.number + 1) & NUMBERS;
	memset(&info, 0, sizeof(info));
	info.si_code = CODE;
	info.si_pid = sys_getpid();
	info.si_int = ask.number;
	__atomic_store_n(&ask.word, ask.number << PROGRESS_BITS | ASKED,
			 __ATOMIC_RELEASE);
	return ask.ready && !sys_queue_signal(tid, SIGURG, &info);
}

bool kc_ask_await(struct kc_trace *trace, struct kc_patience *patience)
{
	const int64_t begin = kc_real_now();
	const int64_t most = patience->left < EACH ? patience->left : EACH;
	const uint32_t number = ask.number;
	const uint32_t answered = number << PROGRESS_BITS | ANSWERED;
	bool gave_up = false;
	uint32_t word;

	while (!gave_up &&
	       (word = __atomic_load_n(&ask.word, __ATOMIC_ACQUIRE)) != answered) {
		if (sys_futex_wait_until(&ask.word, word,
					 kc_later(begin, most)) == -ETIMEDOUT)
			gave_up = advance(number, ASKED, NOTHING);
	}
	patience->left -= kc_real_now() - begin;
	if (patience->left < 0)
		patience->left = 0;
	if (!gave_up)
		*trace = ask.trace;
	return !gave_up;
}

void kc_ask_forked(void)
{
	ask.word = NOTHING;
}
