// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The workers: threads, or processes that use the same channels.
 *
 * A worker that is killed sends no last report. So a wait group, or waitpid(), tells
 * when the workers have ended.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wordfreq.h"

struct crew {
	struct job *job;
	kc_waitgroup *helpers;
	kc_waitgroup threads;
	atomic_uint numbers;
	pid_t *pids;
};

static void start(void (*fn)(void *arg), void *arg)
{
	int ret = kc_go(fn, arg);

	if (ret)
		die("cannot start a thread: %s", strerror(-ret));
}

static void thread_main(void *arg)
{
	struct crew *crew = arg;

	work(crew->job, atomic_fetch_add(&crew->numbers, 1));
	kc_waitgroup_done(&crew->threads);
}

static void start_threads(struct crew *crew)
{
	unsigned int i;

	kc_waitgroup_add(&crew->threads, crew->job->workers);
	for (i = 0; i < crew->job->workers; i++)
		start(thread_main, crew);
}

/* If there are workers in other programs, only chance gives numbers of one's own. */
static unsigned int first_number(const struct job *job)
{
	unsigned int number = 0;

	if (job->reports_name && getrandom(&number, sizeof(number), 0) != sizeof(number))
		die("getrandom: %s", strerror(errno));
	return number;
}

/*
 * A worker process holds both directions of both channels. So the end of its parent
 * alone would not close them.
 */
static void process_main(struct job *job, unsigned int number, pid_t parent)
	__attribute__((noreturn));
static void process_main(struct job *job, unsigned int number, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	work(job, number);
	_exit(EXIT_SUCCESS);
}

static void start_processes(struct crew *crew)
{
	const pid_t parent = getpid();
	unsigned int i;

	crew->pids = grow(NULL, crew->job->workers * sizeof(*crew->pids));
	for (i = 0; i < crew->job->workers; i++) {
		crew->pids[i] = fork();
		if (crew->pids[i] < 0)
			die("cannot start a process: %s", strerror(errno));
		if (crew->pids[i] == 0)
			process_main(crew->job, crew->numbers + i, parent);
	}
}

static void wait_for_process(struct job *job, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		warn(job, "worker %d was ended by signal %d (%s): what it had counted is missing",
		     (int)pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		warn(job, "worker %d failed: what it had counted is missing",
		     (int)pid);
}

static void wait_for_all(void *arg)
{
	struct crew *crew = arg;
	struct job *job = crew->job;
	unsigned int i;

	if (job->processes) {
		for (i = 0; i < job->workers; i++)
			wait_for_process(job, crew->pids[i]);
		free(crew->pids);
	} else {
		kc_waitgroup_wait(&crew->threads);
	}
	/* The walker has closed it, or has no workers any more. */
	close_channel(job->paths_name, job->paths);
	close_channel(job->reports_name, job->reports);
	kc_waitgroup_done(crew->helpers);
	free(crew);
}

/* Call this while there is only one thread: it forks processes. */
void start_workers(struct job *job, kc_waitgroup *helpers)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		die("out of memory");
	crew->job = job;
	crew->helpers = helpers;
	atomic_init(&crew->numbers, first_number(job));
	if (job->processes)
		start_processes(crew);
	else
		start_threads(crew);
	kc_waitgroup_add(helpers, 1);
	start(wait_for_all, crew);
}
