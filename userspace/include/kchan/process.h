/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker processes: a program, or a function in a forked process, that is given a few
 * channels and nothing else.
 *
 *	char *argv[] = { "worker", "--fast", NULL };
 *	kc_process_end ends[] = {
 *		KC_PROCESS_END("jobs", jobs), KC_PROCESS_END("results", results),
 *	};
 *	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
 *	kc_process *worker;
 *
 *	options.argv = argv;
 *	options.ends = ends;
 *	options.nr_ends = 2;
 *	if (kc_process_start(&worker, &options))
 *		...
 *
 * and in the worker
 *
 *	kc_inherit(&jobs, "jobs");
 *	kc_inherit(&results, "results");
 *
 * There the ends have the descriptors 3, 4, and so on, in the order in which they are
 * listed. So a shell script can use them too (kchanctl recv --fd 3). All other
 * descriptors but 0, 1 and 2 are closed in it, whether they are close-on-exec or not.
 * The environment variable KCHAN_FDS tells which descriptor is which:
 * "3:jobs,4:results". An end without a name has its number only.
 *
 * Give each process ends of the one direction that it needs (kc_recv_only(),
 * kc_send_only()), and drop the handles that are not used here. Then its death closes
 * the channels that it alone sent to, and fails sends to it alone. Our death does the
 * same for it.
 *
 * To keep a process running see supervisor.h.
 */
#ifndef KCHAN_PROCESS_H
#define KCHAN_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>
#include <kchan/context.h>
#include <kchan/select.h>

KC_DECLS_BEGIN

/* A process that was started here. References are counted. */
typedef struct kc_process kc_process;

/* A channel to give to a process, and what it is called there: see KC_PROCESS_END(). */
typedef struct kc_process_end {
	const char *name;	/* NULL: it has none */
	kc_chan *chan;
	uint64_t reserved[2];	/* zero */
} kc_process_end;

/* One element of kc_process_options.ends. */
#define KC_PROCESS_END(name, chan)	{ (name), (chan), { 0, 0 } }

/*
 * What to start: a program or a function. Start with KC_PROCESS_OPTIONS_INIT,
 * which fills in the size that the structure had when the program was compiled. It
 * may grow at its end. Nothing of it is needed once the process has been started.
 */
typedef struct kc_process_options {
	uint32_t size;		/* sizeof(struct kc_process_options) */
	uint32_t flags;		/* none yet: 0 */
	/*
	 * A program, as for execve(), its own name first. One that has no slash
	 * in it is looked for in this process's PATH.
	 */
	char *const *argv;
	char *const *envp;	/* NULL: the environment of this process */
	/* Or, with no argv, a function: see kc_process_start(). */
	int (*fn)(void *arg);
	void *arg;
	const kc_process_end *ends;
	size_t nr_ends;
	/*
	 * Three descriptors to be its 0, 1 and 2, of which -1 is /dev/null. NULL:
	 * those of this process.
	 */
	const int *stdio;
	const char *dir;	/* to work in; NULL: that of this process */
} kc_process_options;

#define KC_PROCESS_OPTIONS_INIT						\
	{ sizeof(struct kc_process_options), 0, NULL, NULL, NULL, NULL,	\
	  NULL, 0, NULL, NULL }

/*
 * Start a process. *@out is a handle with one reference.
 *
 * A program starts with the signal mask of the caller. Signals that are ignored here
 * it ignores. The call returns once the program has been executed, or could not be:
 * then the error is that of execve(), or of chdir(). No memory is copied, and no
 * handlers of pthread_atfork() run, however many threads there are.
 *
 * A function runs in a child of fork(), on what is left of the caller's stack. What
 * it returns is the exit status. What was deferred before, and kc_protect(), do not
 * count there: a panic that the function does not recover itself aborts it. As ever
 * after fork(), there is a copy of all memory and one thread. The function may use
 *
 * - the ends that are listed, by kc_inherit(); goroutines, channels, contexts, processes and
 *   whatever else it makes itself; the calls of this library and those of libc;
 * - plain data of before, which nobody else was changing meanwhile.
 *
 * It must not use the other descriptors of the parent and what stands on them:
 * handles of channels, not even to drop them; contexts, processes, files opened by
 * fopen() and so on. It must not use locks that another thread may have held, but for
 * those of libc and of this library. What had been printed to stdout and not yet been
 * written is the parent's to write. What the function prints is written when it
 * returns. It ends by _exit(), whatever goroutines it has left, and handlers of
 * atexit() do not run.
 *
 * 0, or
 * -EINVAL	neither a program nor a function, or both; an end without a channel, or
 *	with reserved fields that are not 0; a name that is empty, is there
 *	twice, or has a comma or colon in it; an unknown flag, or a size that
 *	cannot be one
 * -E2BIG	options that this library does not know are not zero; or the
 *	arguments and the environment are too long
 * -ENOENT, -EACCES, -ENOEXEC and others
 *	there is no such program or directory, or it cannot be executed
 * -EBADF	one of @stdio is not open
 * -EAGAIN, -ENOMEM, -EMFILE, -ENFILE
 */
int kc_process_start(kc_process **out, const kc_process_options *options)
	KC_MUST_CHECK;

/*
 * Take one more reference. @p may be NULL.
 *
 * Returns @p.
 */
kc_process *kc_process_ref(kc_process *p);

/*
 * Drop a reference. With the last one the handle is freed. That does nothing to the
 * process. If the process ends later nobody learns how, and the kernel keeps its exit
 * status for as long as this process runs: wait for it before. @p may be NULL.
 */
void kc_process_unref(kc_process *p);

/*
 * The number of the process.
 *
 * Returns the number. Once the process has been waited for that may be another one's.
 */
pid_t kc_process_pid(const kc_process *p);

/*
 * A pidfd of the process, which can be polled: it is readable once the process has
 * ended.
 *
 * Returns the descriptor, which belongs to the handle: do not close it.
 */
int kc_process_fd(const kc_process *p);

/*
 * Wait until the process has ended: the case is ready then. It takes nothing away:
 * kc_process_wait(), which then does not have to wait, tells how it ended.
 *
 * Returns the case.
 */
kc_case kc_case_process(const kc_process *p);

/*
 * Wait until the process has ended. *@status, unless that is NULL, is as of
 * waitpid(): for WIFEXITED() and so on. It can be asked for any number of times, by
 * several at once. Nothing is done to the process.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds. The
 * form with a context waits until that is cancelled.
 *
 * 0, or
 * -ECHILD	it has ended, and nobody knows how: SIGCHLD is ignored, somebody else has waited
 *	for it, or it is the child of another process
 * -EAGAIN	of the try form: the process runs
 * -ETIMEDOUT	of the timed form, the time is over; or of the form with a context, its
 *	deadline is
 * -ECANCELED	of the form with a context: it was cancelled
 */
int kc_process_wait(kc_process *p, int *status);
int kc_process_try_wait(kc_process *p, int *status) KC_MUST_CHECK;
int kc_process_wait_timeout(kc_process *p, int *status, int64_t timeout)
	KC_MUST_CHECK;
int kc_process_wait_ctx(kc_ctx *ctx, kc_process *p, int *status) KC_MUST_CHECK;

/*
 * Send it a signal. It meets no other process, whatever numbers are used again.
 *
 * 0, or
 * -ESRCH	it has ended, and been waited for
 * -EINVAL	no such signal
 * -EPERM	it has changed who it is
 */
int kc_process_kill(kc_process *p, int signal);

/*
 * In a process that was started so: the end of that name. *@out is a handle to
 * which the descriptor then belongs; it is made close-on-exec.
 *
 * 0, or
 * -ENOENT	it was given none of that name
 * -EBUSY	this has been called for it before
 * -EBADF, -ENOTTY
 *		the descriptor is closed, or another one by now
 * -ENOMEM
 */
int kc_inherit(kc_chan **out, const char *name) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PROCESS_H */
