/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping a process running: a policy tells when to start it again after it has ended.
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
 * The supervisor holds the ends of the process for the next one. So a channel stays
 * open between the end of a worker and the start of the next one, and elements that are
 * sent meanwhile wait. An element that a worker had received and not answered when it
 * ended is lost, and its sender gets no answer.
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
 * kc_supervisor_options.restart: never restart it; restart it if it has failed, which
 * is any end except an exit with status 0; or always restart it.
 */
#define KC_RESTART_NEVER	0U
#define KC_RESTART_ON_FAILURE	1U
#define KC_RESTART_ALWAYS	2U

/*
 * How to restart a process. Start with KC_SUPERVISOR_OPTIONS_INIT, which fills in the
 * size that the structure had when the program was compiled. It may grow at its end.
 * Times are in nanoseconds.
 */
typedef struct kc_supervisor_options {
	uint32_t size;		/* sizeof(struct kc_supervisor_options) */
	uint32_t restart;	/* KC_RESTART_* */
	/*
	 * The number of restarts in a row, after which the process is not restarted any
	 * more. 0: any number. If a process has run for @steady, the count begins anew.
	 */
	uint32_t limit;
	int stop_signal;	/* the signal to end it; 0: SIGTERM */
	/*
	 * The pause before the first restart in a row. It doubles before each further
	 * restart, up to @max_backoff. 0: 100 ms, and 30 s.
	 */
	int64_t backoff;
	int64_t max_backoff;
	int64_t steady;		/* a run of this time begins the count anew; 0: 10 s */
	/* The time between the stop signal and SIGKILL. 0: 10 s. */
	int64_t grace;
} kc_supervisor_options;

#define KC_SUPERVISOR_OPTIONS_INIT					\
	{ sizeof(struct kc_supervisor_options), KC_RESTART_NEVER, 0, 0,	\
	  0, 0, 0, 0 }

/*
 * Start a process, as kc_process_start() does, and keep it running until the policy
 * says that it has ended for good, @ctx is cancelled, or kc_supervisor_stop() is
 * called. In the last two cases the process gets the stop signal, and SIGKILL if it
 * does not end. *@out is a handle with one reference. Dropping it stops nothing.
 *
 * A goroutine does this. If the process is a function, the goroutine has a stack of 1
 * MiB, since the function runs on a copy of it. @process->arg must be valid until the
 * supervisor has ended.
 *
 * 0, or what kc_process_start(), kc_go() and kc_with_cancel() return, and
 * -EINVAL	an unknown policy or signal, a negative time, or an invalid size
 * -E2BIG	options that this library does not know are not zero
 * -ECANCELED, -ETIMEDOUT
 *	@ctx was cancelled before
 *
 * If the process cannot be started again, this counts as a failure of the process.
 */
int kc_supervise(kc_supervisor **out, kc_ctx *ctx,
		 const kc_process_options *process,
		 const kc_supervisor_options *options) KC_MUST_CHECK;

/* End the process, and do not restart it. This does not wait. */
void kc_supervisor_stop(kc_supervisor *s);

/*
 * Wait until the process has ended for good: the case is ready then. It commits as a
 * receive at end-of-stream does.
 *
 * Returns the case.
 */
kc_case kc_case_supervisor(const kc_supervisor *s);

/*
 * Wait until the process has ended for good. Unless @status is NULL, *@status is the
 * status of the last process, as from waitpid(). The form with a context waits no
 * longer than until that is cancelled. The process continues then.
 *
 * 0, or a negative errno: why the last process could not be started; what
 * kc_process_wait() returned; or, in the form with a context, what kc_ctx_err()
 * returns.
 */
int kc_supervisor_wait(kc_supervisor *s, int *status);
int kc_supervisor_wait_ctx(kc_ctx *ctx, kc_supervisor *s, int *status)
	KC_MUST_CHECK;

/*
 * The process that runs now. It may be replaced at any time.
 *
 * Returns the process, with a reference that the caller has to drop; NULL if none runs.
 */
kc_process *kc_supervisor_process(kc_supervisor *s) KC_MUST_CHECK;

/*
 * How often the supervisor has started the process again, or has tried to.
 *
 * Returns the number.
 */
unsigned int kc_supervisor_restarts(kc_supervisor *s);

/*
 * Take one more reference, and drop one. Dropping the last one stops nothing. @s may be
 * NULL.
 *
 * kc_supervisor_ref() returns @s.
 */
kc_supervisor *kc_supervisor_ref(kc_supervisor *s);
void kc_supervisor_unref(kc_supervisor *s);

KC_DECLS_END

#endif /* KCHAN_SUPERVISOR_H */
