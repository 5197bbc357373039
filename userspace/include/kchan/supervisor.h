/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping a process running: it is started again when it has ended, by a policy.
 *
 *	kc_supervisor_options policy = KC_SUPERVISOR_OPTIONS_INIT;
 *	kc_supervisor *s;
 *
 *	policy.restart = KC_RESTART_ON_FAILURE;
 *	policy.limit = 5;
 *	if (kc_supervise(&s, ctx, &worker, &policy))
 *		...
 *	kc_supervisor_stop(s);
 *	kc_supervisor_wait(s, &status);
 *	kc_supervisor_unref(s);
 *
 * The supervisor holds the ends of the process for the next one. So a channel stays open
 * while its worker is between two lives, and what is sent to it waits. What the dead one had
 * received and not answered is lost, and so is the answer that somebody waits for.
 */
#ifndef KCHAN_SUPERVISOR_H
#define KCHAN_SUPERVISOR_H

#include <stdint.h>

#include <kchan/cdefs.h>
#include <kchan/context.h>
#include <kchan/process.h>
#include <kchan/select.h>

KC_DECLS_BEGIN

/* References are counted. */
typedef struct kc_supervisor kc_supervisor;

/*
 * kc_supervisor_options.restart: never; if it has failed, which is any end but an
 * exit with status 0; or however it has ended.
 */
#define KC_RESTART_NEVER	0U
#define KC_RESTART_ON_FAILURE	1U
#define KC_RESTART_ALWAYS	2U

/*
 * How to keep a process. Start with KC_SUPERVISOR_OPTIONS_INIT, which fills in the
 * size that the structure had when the program was compiled. It may grow at its
 * end. Times are in nanoseconds.
 */
typedef struct kc_supervisor_options {
	uint32_t size;		/* sizeof(struct kc_supervisor_options) */
	uint32_t restart;	/* KC_RESTART_* */
	/*
	 * Restarts in a row, after which the next end is the last. 0: any number.
	 * A process that had run for @steady, and so was well, begins a new row.
	 */
	uint32_t limit;
	int stop_signal;	/* what asks it to end; 0: SIGTERM */
	/*
	 * The pause before the first restart in a row; before each further one it
	 * is twice as long, but at most @max_backoff. 0: 100 ms, and 30 s.
	 */
	int64_t backoff;
	int64_t max_backoff;
	int64_t steady;		/* 0: 10 s */
	/* How long it is given to end, once asked, before SIGKILL. 0: 10 s. */
	int64_t grace;
} kc_supervisor_options;

#define KC_SUPERVISOR_OPTIONS_INIT					\
	{ sizeof(struct kc_supervisor_options), KC_RESTART_NEVER, 0, 0,	\
	  0, 0, 0, 0 }

/*
 * Start a process, as kc_process_start() does, and keep it running until the policy
 * says that it has ended for good, @ctx is cancelled, or kc_supervisor_stop() is
 * called. In the last two cases the process is asked to end, and killed if it does
 * not. *@out is a handle with one reference; to drop it stops nothing.
 *
 * A goroutine does that. Its stack is of 1 MiB, since functions are forked in it.
 * @process->arg must be there until it has ended.
 *
 * 0, or what kc_process_start(), kc_go() and kc_with_cancel() return, and
 * -EINVAL	an unknown policy or no such signal, a negative time, or a size that
 *	cannot be one
 * -E2BIG	options that this library does not know are not zero
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled before
 *
 * When the process cannot be started again that counts as one more failure.
 */
int kc_supervise(kc_supervisor **out, kc_ctx *ctx,
		 const kc_process_options *process,
		 const kc_supervisor_options *options) KC_MUST_CHECK;

/* Ask the process to end, for good. This does not wait. */
void kc_supervisor_stop(kc_supervisor *s);

/*
 * Wait until the process has ended for good: the case is ready then. It commits as a
 * receive at end-of-stream does.
 *
 * Returns the case.
 */
kc_case kc_case_supervisor(const kc_supervisor *s);

/*
 * Wait until the process has ended for good. *@status, unless that is NULL, is as of
 * waitpid(), of the last process. The form with a context waits until that is
 * cancelled; the process is left as it is then.
 *
 * 0, or a negative errno: why there was no last process, since it could not be
 * started; what kc_process_wait() returned; or, of the form with a context, what
 * kc_ctx_err() says.
 */
int kc_supervisor_wait(kc_supervisor *s, int *status);
int kc_supervisor_wait_ctx(kc_ctx *ctx, kc_supervisor *s, int *status)
	KC_MUST_CHECK;

/*
 * The process that runs now. By the time that you look at it there may be another
 * one.
 *
 * Returns the process, with a reference to be dropped; NULL if none runs.
 */
kc_process *kc_supervisor_process(kc_supervisor *s) KC_MUST_CHECK;

/*
 * How often the process has been started again, or would have been, had that not
 * failed.
 *
 * Returns the number.
 */
unsigned int kc_supervisor_restarts(kc_supervisor *s);

/*
 * Take one more reference, and drop one. To drop the last one stops nothing. @s may
 * be NULL.
 *
 * kc_supervisor_ref() returns @s.
 */
kc_supervisor *kc_supervisor_ref(kc_supervisor *s);
void kc_supervisor_unref(kc_supervisor *s);

KC_DECLS_END

#endif /* KCHAN_SUPERVISOR_H */
