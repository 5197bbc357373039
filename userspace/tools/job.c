// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl work: a job, and the process that keeps it.
 *
 * Each job has a process of its own, its keeper. The keeper has the only copy of the
 * lease. It starts CMD, waits for its end, and acknowledges the job or returns it. So:
 *
 * - The supervisor, which has started the keeper, may die: the job is done all the same.
 * - If the keeper dies, the lease ends, and the job goes back. CMD gets SIGKILL, since
 *   the keeper was its parent. So no CMD goes on that has no lease.
 * - If CMD dies, the keeper returns the job.
 *
 * While CMD runs, the keeper moves the end of the lease again and again. If the keeper
 * is stopped, or CMD is, this does not happen, and the job goes back after a while. A
 * keeper that sees this ends its CMD, because another one may run for the same job.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"
#include "kchanctl.h"

/* From SIGTERM to SIGKILL. */
#define TERM_TIME	(5 * KC_SECOND)
/* The longest time before a retry. */
#define LONGEST_BACKOFF	(3600 * KC_SECOND)
/* A lease's end is moved when this part of its time has passed. */
#define EXTEND_PART	3

struct job {
	const struct rules *rules;
	kc_lease *lease;
	const char *name;
	char *elem;		/* a zero byte follows it */
	size_t len;
	unsigned long long number;
	uint32_t returns;
	pid_t pid;		/* CMD's, and its process group's */
	int signals;		/* a descriptor that reads signals */
	bool stopped;		/* CMD is */
	bool returning;		/* the keeper was asked to return the job */
	bool late;		/* the lease has ended */
	bool timed_out;
	int64_t extend_at;
	int64_t term_at;
	int64_t kill_at;
};

static void tell(const struct job *job, const char *what, const char *then)
{
	if (!job->rules->quiet)
		fail("work: %s: job %llu: %s: %s", job->name,
		     job->number, what, then);
}

/* A growing time, which the channel counts, so that no keeper has to wait. */
static int64_t backoff(const struct job *job)
{
	int64_t time = job->rules->backoff;
	uint32_t i;

	for (i = 0; i < job->returns && time < LONGEST_BACKOFF / 2; i++)
		time *= 2;
	return time < LONGEST_BACKOFF ? time : LONGEST_BACKOFF;
}

static enum job_end give_back(const struct job *job, uint32_t flags, int64_t delay,
			      enum job_end end)
{
	const int ret = kc_lease_return(job->lease, flags, delay);

	if (!ret)
		return end;
	if (ret == -ETIME)
		return JOB_LATE;
	fail("work: %s: cannot return job %llu: %s", job->name,
	     job->number, kc_strerror(ret));
	return JOB_BROKEN;
}

static enum job_end acknowledge(const struct job *job, enum job_end end)
{
	const int ret = job->late ? -ETIME : kc_lease_ack(job->lease);

	if (!ret)
		return end;
	if (ret == -ETIME) {
		tell(job, "its lease had ended", "it was done, and is done once more");
		return JOB_LATE;
	}
	fail("work: %s: cannot acknowledge job %llu: %s", job->name,
	     job->number, kc_strerror(ret));
	return JOB_BROKEN;
}

static enum job_end bury(const struct job *job, const char *what)
{
	/* It does not wait: a full channel of dead letters must not stop those who work. */
	const int ret = send_element(job->rules->dead, job->elem,
				     job->len, 0);
	char then[256];

	if (!ret) {
		snprintf(then, sizeof(then), "it goes to %s", job->rules->dead_name);
		tell(job, what, then);
		return acknowledge(job, JOB_DEAD);
	}
	snprintf(then, sizeof(then), "%s takes no more (%s), so it is tried again",
		 job->rules->dead_name,
		 ret == -ETIMEDOUT ? "it is full" : kc_strerror(ret));
	tell(job, what, then);
	return give_back(job, 0, backoff(job), JOB_FAILED);
}

/* The job has failed. */
static enum job_end failed(const struct job *job, const char *what)
{
	const uint32_t returns = job->returns;
	char then[64];

	if (job->rules->dead && returns >= job->rules->retries)
		return bury(job, what);
	snprintf(then, sizeof(then), "it is tried again in %.3g s",
		 (double)backoff(job) / KC_SECOND);
	tell(job, what, then);
	return give_back(job, 0, backoff(job), JOB_FAILED);
}

/* CMD's arguments, with the job in place of {}. NULL if there is no memory. */
static char **arguments(const struct job *job)
{
	size_t nr = 0, i;
	char **argv;

	while (job->rules->cmd[nr])
		nr++;
	argv = calloc(nr + 1, sizeof(*argv));
	for (i = 0; argv && i < nr; i++)
		argv[i] = strcmp(job->rules->cmd[i], "{}") ? job->rules->cmd[i] :
							      job->elem;
	return argv;
}

static void set_number(const char *name, unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", value);
	setenv(name, text, 1);
}

/* In the child. Writes an errno to @told if there is no CMD. */
static void become_cmd(const struct job *job, pid_t keeper, int input, int told)
	__attribute__((noreturn));
static void become_cmd(const struct job *job, pid_t keeper, int input, int told)
{
	char **argv;
	int error;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The keeper has died before that. */
	if (getppid() != keeper)
		_exit(127);
	set_number("KCHAN_NUMBER", job->number);
	set_number("KCHAN_RETURNS", job->returns);
	setenv("KCHAN_NAME", job->name, 1);
	argv = arguments(job);
	if (argv && dup2(input, STDIN_FILENO) == STDIN_FILENO) {
		sigprocmask(SIG_SETMASK, &job->rules->mask, NULL);
		execvp(argv[0], argv);
	}
	error = errno;
	(void)!write(told, &error, sizeof(error));
	_exit(127);
}

/* Starts CMD. Returns 0, or an errno. */
static int start_cmd(struct job *job, int input)
{
	const pid_t keeper = getpid();
	int told[2], error = 0;

	if (pipe2(told, O_CLOEXEC))
		return errno;
	job->pid = fork();
	if (!job->pid)
		become_cmd(job, keeper, input, told[1]);
	if (job->pid < 0)
		error = errno;
	else
		setpgid(job->pid, job->pid);
	close(told[1]);
	/* The other end is closed when CMD runs. */
	if (job->pid > 0 && read(told[0], &error, sizeof(error)) > 0)
		waitpid(job->pid, NULL, 0);
	close(told[0]);
	return error;
}

static void end_cmd(struct job *job, int64_t now)
{
	kill(-job->pid, SIGTERM);
	/* A stopped one cannot see it. */
	kill(-job->pid, SIGCONT);
	job->term_at = NEVER;
	if (job->kill_at == NEVER)
		job->kill_at = now + TERM_TIME;
}

/* The end of the lease is moved as long as CMD runs. */
static void extend(struct job *job, int64_t now)
{
	int ret;

	job->extend_at = now + job->rules->lease / EXTEND_PART;
	if (job->stopped)
		return;
	ret = kc_lease_extend(job->lease, job->rules->lease);
	if (ret == -ETIME)
		job->late = true;
}

/* Reads a signal. Returns true if CMD has ended, with its status. */
static bool read_signal(struct job *job, int *status)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(job->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo == SIGTERM) {
		job->returning = true;
		end_cmd(job, kc_now());
		return false;
	}
	while ((pid = waitpid(job->pid, status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (WIFSTOPPED(*status))
			job->stopped = true;
		else if (WIFCONTINUED(*status))
			job->stopped = false;
		else
			return true;
	}
	return false;
}

static int64_t next_time(const struct job *job)
{
	int64_t next = job->extend_at;

	if (job->term_at < next)
		next = job->term_at;
	return job->kill_at < next ? job->kill_at : next;
}

static void look_at_times(struct job *job)
{
	const int64_t now = kc_now();

	if (now >= job->extend_at && !job->late)
		extend(job, now);
	if (now >= job->term_at) {
		job->timed_out = true;
		end_cmd(job, now);
	}
	if (now >= job->kill_at) {
		kill(-job->pid, SIGKILL);
		job->kill_at = NEVER;
	}
}

/* Waits until CMD has ended. Returns its status. */
static int wait_for_cmd(struct job *job)
{
	struct pollfd fds[2] = {
		{ .fd = job->signals, .events = POLLIN },
		{ .fd = kc_lease_fd(job->lease) },
	};
	int status;

	for (;;) {
		poll(fds, 2, poll_time(next_time(job)));
		if (fds[0].revents && read_signal(job, &status))
			return status;
		/* The lease has ended by itself: this is always reported. */
		if (fds[1].revents) {
			fds[1].fd = -1;
			job->late = true;
			job->extend_at = NEVER;
			end_cmd(job, kc_now());
		}
		look_at_times(job);
	}
}

/* What is to be done with the job, now that CMD has ended. */
static enum job_end settle(struct job *job, int status)
{
	char what[128];

	/* CMD was asked to end, and so was all of its group. */
	if (job->timed_out || job->returning || job->late)
		kill(-job->pid, SIGKILL);
	if (WIFEXITED(status) && !WEXITSTATUS(status) && !job->timed_out)
		return acknowledge(job, JOB_DONE);
	if (job->late) {
		tell(job, "its lease has ended", "it went back by itself");
		return JOB_LATE;
	}
	if (job->returning)
		return give_back(job, KC_LEASE_UNCOUNTED, 0, JOB_RETURNED);
	if (job->timed_out)
		snprintf(what, sizeof(what), "the time is over");
	else if (WIFSIGNALED(status))
		snprintf(what, sizeof(what), "the command was ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(what, sizeof(what), "the command's exit status is %d",
			 WEXITSTATUS(status));
	return failed(job, what);
}

/*
 * Signals that the supervisor blocks stay blocked. SIGINT and SIGHUP of a terminal are
 * the supervisor's business, so a keeper does not read them.
 */
static int read_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static enum job_end run_cmd(struct job *job)
{
	const struct rules *rules = job->rules;
	int input, error;

	job->signals = read_signals();
	input = message_input(rules->argument ? NULL : job->elem,
			      job->len);
	if (job->signals < 0 || input < 0) {
		fail("work: %s: %s", job->name, strerror(errno));
		return give_back(job, KC_LEASE_UNCOUNTED, 0, JOB_BROKEN);
	}
	error = start_cmd(job, input);
	close(input);
	if (error) {
		fail("work: cannot run %s: %s", rules->cmd[0], strerror(error));
		return give_back(job, KC_LEASE_UNCOUNTED, 0,
				 error == ENOENT ? JOB_NO_CMD : JOB_NOT_RUN);
	}
	job->extend_at = rules->lease ? deadline_of(rules->lease / EXTEND_PART) : NEVER;
	job->term_at = deadline_of(rules->timeout);
	job->kill_at = NEVER;
	return settle(job, wait_for_cmd(job));
}

/* Reads the job. It outlives the lease, for messages. */
static int read_job(struct job *job, int fd)
{
	const void *elem;
	int ret;

	ret = kc_lease_from_fd(&job->lease, fd);
	if (ret)
		return ret;
	elem = kc_lease_elem(job->lease, &job->len);
	job->number = kc_lease_number(job->lease);
	job->returns = kc_lease_returns(job->lease);
	job->elem = malloc(job->len + 1);
	if (!job->elem)
		return -ENOMEM;
	memcpy(job->elem, elem, job->len);
	job->elem[job->len] = '\0';
	return 0;
}

enum job_end keep_job(const struct rules *rules, int fd, const char *name)
{
	struct job job = { .rules = rules, .name = name };
	const int ret = read_job(&job, fd);

	if (ret == -ETIME)
		return JOB_LATE;
	if (ret) {
		fail("work: %s: cannot read a job: %s", name, kc_strerror(ret));
		return JOB_BROKEN;
	}
	/* It has killed its keepers. */
	if (rules->dead && job.returns > rules->retries)
		return bury(&job, "it came back too often");
	if (rules->argument && memchr(job.elem, '\0', job.len))
		return failed(&job, "it has a zero byte, and cannot be an argument");
	return run_cmd(&job);
}
