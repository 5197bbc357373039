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
 * In the worker, the ends have the descriptors 3, 4, and so on, in the order in which
 * they are listed. So a shell script can use them too (kchanctl recv --fd 3). All other
 * descriptors except 0, 1 and 2 are closed in it, also those that are not
 * close-on-exec. The environment variable KCHAN_FDS tells which descriptor is which:
 * "3:jobs,4:results". An end without a name has its number only.
 *
 * Give each process ends of the one direction that it needs (kc_recv_only(),
 * kc_send_only()), and drop the handles that are not used here. Then the end of the
 * worker closes the channels to which only it could send, and makes sends fail on the
 * channels from which only it could receive. The end of this process does the same for
 * the worker.
 *
 * To restart a process when it ends, see supervisor.h.
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

/* A process that this process has started. References are counted. */
typedef struct kc_process kc_process;

/* A channel for a process, and its name there: see KC_PROCESS_END(). */
typedef struct kc_process_end {
	const char *name;	/* NULL: it has none */
	kc_chan *chan;
	uint64_t reserved[2];	/* zero */
} kc_process_end;

/* One element of kc_process_options.ends. */
#define KC_PROCESS_END(name, chan)	{ (name), (chan), { 0, 0 } }

/*
 * What to start: a program or a function. Start with KC_PROCESS_OPTIONS_INIT, which
 * fills in the size that the structure had when the program was compiled. It may grow
 * at its end. It is not needed any more once the process has been started.
 */
typedef struct kc_process_options {
	uint32_t size;		/* sizeof(struct kc_process_options) */
	uint32_t flags;		/* none yet: 0 */
	/*
	 * A program and its arguments, as for execve(). The program's name comes first.
	 * A name without a slash is searched in this process's PATH.
	 */
	char *const *argv;
	char *const *envp;	/* NULL: the environment of this process */
	/* Or, with no argv, a function: see kc_process_start(). */
	int (*fn)(void *arg);
	void *arg;
	const kc_process_end *ends;	/* an array of @nr_ends; NULL if that is 0 */
	size_t nr_ends;
	/*
	 * Three descriptors that become 0, 1 and 2 of the process. -1 means /dev/null.
	 * NULL: those of this process.
	 */
	const int *stdio;
	const char *dir;	/* its working directory; NULL: that of this process */
} kc_process_options;

#define KC_PROCESS_OPTIONS_INIT						\
	{ sizeof(struct kc_process_options), 0, NULL, NULL, NULL, NULL,	\
	  NULL, 0, NULL, NULL }

/*
 * Start a process. *@out is a handle with one reference.
 *
 * A program starts with the signal mask of the caller, and ignores the signals that
 * this process ignores. The call returns when the program has been executed, or when
 * this has failed. Then the error is that of execve() or chdir(). No memory is copied,
 * and no handlers of pthread_atfork() run.
 *
 * A function runs in a child of fork(), on the rest of the caller's stack. Its return
 * value is the exit status. The caller's deferred calls and kc_protect() have no effect
 * there: a panic that the function does not recover itself aborts the child. As always
 * after fork(), the child has a copy of all memory and one thread. The function may use
 *
 * - the ends that are listed, by kc_inherit(); goroutines, channels, contexts, processes and
 *   whatever else it makes itself; the calls of this library and those of libc;
 * - plain data from before the fork, which no other thread was changing at the fork.
 *
 * It must not use the parent's other descriptors, nor what uses them: handles of
 * channels (it must not even drop them), contexts, processes, files opened by fopen()
 * and so on. It must not use locks that another thread may have held, except those of
 * libc and of this library. The child does not write what the parent has left in the
 * buffer of stdout. What the function prints is written when it returns. Then the child
 * ends by _exit(), even if goroutines are left, and handlers of atexit() do not run.
 *
 * 0, or
 * -EINVAL	neither a program nor a function, or both; an end without a channel, or
 *	with reserved fields that are not 0; a name that is empty, is used twice, or
 *	contains a comma or colon; an unknown flag, or an invalid size
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
 * Drop a reference. With the last one the handle is freed. This does not affect the
 * process. If the process ends later, its status is lost, and it stays a zombie while
 * this process runs: wait for it before. @p may be NULL.
 */
void kc_process_unref(kc_process *p);

/*
 * The number of the process.
 *
 * Returns the number. After a wait has got the status, the kernel may reuse the number.
 */
pid_t kc_process_pid(const kc_process *p);

/*
 * A pidfd of the process, which can be polled: it is readable once the process has
 * ended.
 *
 * Returns the descriptor, which the handle owns: do not close it.
 */
int kc_process_fd(const kc_process *p);

/*
 * Wait until the process has ended: the case is ready then. The case does not take the
 * status: call kc_process_wait() for it, which then returns at once.
 *
 * Returns the case.
 */
kc_case kc_case_process(const kc_process *p);

/*
 * Wait until the process has ended. Unless @status is NULL, *@status is as from
 * waitpid(), for WIFEXITED() and so on. These calls do not affect the process. They may
 * be made any number of times, also by several goroutines at once.
 *
 * The try form does not wait. The timed form waits at most @timeout nanoseconds. The
 * form with a context waits until that is cancelled.
 *
 * 0, or
 * -ECHILD	it has ended, and its status is not known: SIGCHLD is ignored, the
 *	program has waited for it by other means, or it is the child of another process
 * -EAGAIN	in the try form: the process runs
 * -ETIMEDOUT	in the timed form: the timeout has passed; in the form with a context:
 *	its deadline has passed
 * -ECANCELED	in the form with a context: it was cancelled
 */
int kc_process_wait(kc_process *p, int *status);
int kc_process_try_wait(kc_process *p, int *status) KC_MUST_CHECK;
int kc_process_wait_timeout(kc_process *p, int *status, int64_t timeout)
	KC_MUST_CHECK;
int kc_process_wait_ctx(kc_ctx *ctx, kc_process *p, int *status) KC_MUST_CHECK;

/*
 * Send a signal to the process. The signal never goes to another process, even if the
 * kernel has reused the number.
 *
 * 0, or
 * -ESRCH	the process has ended, and a wait has got its status
 * -EINVAL	no such signal
 * -EPERM	the process has changed its user
 */
int kc_process_kill(kc_process *p, int signal);

/*
 * Get a channel that the parent process has passed on. The parent lists such channels,
 * each with a name, in the options of kc_process_start(). A process that was started in
 * this way calls kc_inherit() with one of these names, once for each. *@out is a handle of
 * the channel. The handle owns the descriptor, which is made close-on-exec.
 *
 * 0, or
 * -ENOENT	the parent has listed no channel with that name, or this process was not
 *	started by kc_process_start()
 * -EBUSY	this process has called kc_inherit() with that name before
 * -EBADF, -ENOTTY
 *		the descriptor is closed, or is another file by now
 * -ENOMEM
 */
int kc_inherit(kc_chan **out, const char *name) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_PROCESS_H */
