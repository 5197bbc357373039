// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl work: does the jobs of channels, several at a time.
 *
 * This is the supervisor. It takes a job under lease, and starts a keeper that does it
 * (see job.c). It has no job itself: if it dies, nothing is lost, and nothing is done
 * twice. Several may work on the same channels.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"
#include "kchanctl.h"
#include "next.h"

#define DEFAULT_LEASE	(60 * KC_SECOND)
#define DEFAULT_BACKOFF	KC_SECOND
#define DEFAULT_RETRIES	5
#define MAX_JOBS	4096
#define PROGRESS_TIME	(KC_SECOND / 2)

struct work {
	struct rules rules;
	kc_chan **queues;	/* the first ones come first */
	size_t nr;		/* how many have not ended */
	const char **names;	/* of them, for messages */
	size_t room;		/* the largest size of a job */
	struct next next;
	int64_t pause_until;	/* the system has refused something */
	int signals;		/* a descriptor that reads signals */
	pid_t *keepers;
	size_t jobs;		/* how many at a time */
	size_t running;
	bool draining;		/* no new job is taken */
	bool returning;		/* the keepers were told to return theirs */
	int64_t grace;		/* from one to the other; -1: for ever */
	int64_t return_at;
	bool progress;
	int64_t progress_at;
	unsigned long counts[JOB_BROKEN + 1];
	unsigned long killed;	/* keepers */
	unsigned long last_done;
	int status;
};

/*
 * Progress, in one line of a terminal.
 */

static unsigned long long left_of(const struct work *w)
{
	unsigned long long left = 0;
	struct kchan_info info;
	size_t i;

	for (i = 0; i < w->nr; i++)
		if (!ioctl(kc_fd(w->queues[i]), KCHAN_IOC_INFO, &info))
			left += info.len + info.in_flight;
	return left;
}

static void show_progress(struct work *w, int64_t now)
{
	const unsigned long done = w->counts[JOB_DONE];
	const double seconds = (double)(now - w->progress_at + PROGRESS_TIME) / KC_SECOND;

	/* A message that comes next is written over it. */
	fprintf(stderr, "%lu done, %lu failed, %lu dead, %zu running, %llu left, %.1f/s\033[K\r",
		done, w->counts[JOB_FAILED] + w->killed, w->counts[JOB_DEAD], w->running,
		left_of(w), (double)(done - w->last_done) / seconds);
	w->last_done = done;
	w->progress_at = now + PROGRESS_TIME;
}

/*
 * Jobs.
 */

static void pause_a_second(struct work *w, const char *what, int error)
{
	w->status = fail("work: %s: %s", what, strerror(error));
	w->pause_until = kc_now() + KC_SECOND;
}

/* Nothing more will come from a channel. */
static void queue_ended(struct work *w, size_t i)
{
	kc_unref(w->queues[i]);
	w->nr--;
	memmove(&w->queues[i], &w->queues[i + 1], (w->nr - i) * sizeof(w->queues[0]));
	memmove(&w->names[i], &w->names[i + 1], (w->nr - i) * sizeof(w->names[0]));
}

/* In the keeper. The first channel of the select was channel @first. */
static enum job_end keep(const struct work *w, size_t first)
{
	const int channel = next_channel(&w->next, w->room);

	if (channel >= 0)
		return keep_job(&w->rules, w->next.fd, w->names[first + (size_t)channel]);
	if (channel != -ETIME)
		fail("work: cannot read a job: %s", kc_strerror(channel));
	return channel == -ETIME ? JOB_LATE : JOB_BROKEN;
}

/* A keeper takes over the lease. */
static void start_keeper(struct work *w, size_t first)
{
	const pid_t pid = fork();
	size_t i;

	if (!pid) {
		prctl(PR_SET_NAME, "kchan-keeper");
		_exit(keep(w, first));
	}
	/* The keeper has the only copy now. */
	next_close(&w->next);
	if (pid < 0) {
		pause_a_second(w, "cannot start a process", errno);
		return;
	}
	for (i = 0; w->keepers[i]; i++)
		;
	w->keepers[i] = pid;
	w->running++;
}

/* Takes what has come. Returns true if there was something. */
static bool take(struct work *w, size_t first)
{
	size_t ended;
	const int ret = next_look(&w->next, &ended);

	if (ret == -EAGAIN)
		return false;
	if (ret == 1) {
		start_keeper(w, first);
		return true;
	}
	next_close(&w->next);
	if (!ret)
		queue_ended(w, first + ended);
	else if (ret != -ETIME)
		pause_a_second(w, "cannot receive", -ret);
	return true;
}

static bool arm(struct work *w, size_t first, size_t nr)
{
	const int ret = next_arm(&w->next, w->queues + first, nr, w->rules.lease);

	if (ret)
		pause_a_second(w, "cannot receive", -ret);
	return !ret;
}

/*
 * Tries the channels in their order: the next one only if the one before is empty. If
 * all are, whatever comes first will be taken. Returns true if something was taken.
 */
static bool look_for_job(struct work *w)
{
	size_t i;

	for (i = 0; i < w->nr && w->nr > 1; i++) {
		if (!arm(w, i, 1))
			return false;
		if (take(w, i))
			return true;
		/* Something has come meanwhile. */
		if (!next_disarm(&w->next))
			return take(w, i);
	}
	arm(w, 0, w->nr);
	return false;
}

/*
 * Keepers that have ended.
 */

static void count_keeper(struct work *w, int status)
{
	const int end = WIFEXITED(status) ? WEXITSTATUS(status) : JOB_BROKEN + 1;

	if (end > JOB_BROKEN) {
		/* Its job went back. */
		w->killed++;
		return;
	}
	w->counts[end]++;
	switch (end) {
	case JOB_DEAD:
	case JOB_BROKEN:
		if (!w->status)
			w->status = STATUS_FAILED;
		break;
	case JOB_NO_CMD:
	case JOB_NOT_RUN:
		/* All other jobs would end like this. */
		w->status = end == JOB_NO_CMD ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
		w->draining = true;
		break;
	}
}

static void reap(struct work *w)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < w->jobs; i++) {
			if (w->keepers[i] != pid)
				continue;
			w->keepers[i] = 0;
			w->running--;
			count_keeper(w, status);
		}
	}
}

/*
 * The end: first no more jobs are taken. Then, if there is no patience any more, those
 * that run are returned.
 */

static void return_all(struct work *w)
{
	size_t i;

	w->returning = true;
	w->return_at = NEVER;
	for (i = 0; i < w->jobs; i++)
		if (w->keepers[i])
			kill(w->keepers[i], SIGTERM);
}

static void asked_to_end(struct work *w)
{
	if (w->draining) {
		return_all(w);
		return;
	}
	w->draining = true;
	w->return_at = deadline_of(w->grace);
}

static void read_signal(struct work *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(w);
	else
		asked_to_end(w);
}

static int64_t next_time(const struct work *w)
{
	int64_t next = w->return_at;

	if (w->pause_until > kc_now() && w->pause_until < next)
		next = w->pause_until;
	if (w->progress && w->progress_at < next)
		next = w->progress_at;
	return next;
}

static void wait_for_more(struct work *w, bool took)
{
	struct pollfd fds[2] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->next.armed ? w->next.fd : -1, .events = POLLIN },
	};

	poll(fds, 2, took ? 0 : poll_time(next_time(w)));
	if (fds[0].revents)
		read_signal(w);
	else if (fds[1].revents)
		take(w, 0);
	if (kc_now() >= w->return_at)
		return_all(w);
	if (w->progress && kc_now() >= w->progress_at)
		show_progress(w, kc_now());
}

static int supervise(struct work *w)
{
	bool took;

	while (w->running || (w->nr && !w->draining)) {
		took = false;
		/* What has come meanwhile goes back: nobody has read it. */
		if (w->draining)
			next_close(&w->next);
		else if (w->nr && !w->next.armed && w->running < w->jobs &&
			 kc_now() >= w->pause_until)
			took = look_for_job(w);
		wait_for_more(w, took);
	}
	if (w->progress) {
		show_progress(w, kc_now());
		fputc('\n', stderr);
	}
	return w->status;
}

static int read_signals(struct work *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &w->rules.mask);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? fail("work: %s", strerror(errno)) : STATUS_OK;
}

/*
 * The command line.
 */

static const struct option options[] = {
	{ "jobs", required_argument, NULL, 'j' },
	{ "timeout", required_argument, NULL, 't' },
	{ "lease", required_argument, NULL, 'l' },
	{ "retries", required_argument, NULL, 'r' },
	{ "backoff", required_argument, NULL, 'b' },
	{ "dead", required_argument, NULL, 'd' },
	{ "grace", required_argument, NULL, 'g' },
	{ "progress", no_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	OPTIONS_END
};

struct wish {
	const char *dead;
	bool retries;
};

static void set_option(struct work *w, struct wish *wish, int option)
{
	switch (option) {
	case 'j':
		w->jobs = number_of(optarg, "number of jobs", 1, MAX_JOBS);
		break;
	case 't':
		w->rules.timeout = time_of(optarg);
		break;
	case 'l':
		w->rules.lease = time_of(optarg);
		if (w->rules.lease && w->rules.lease < 10 * KC_MILLISECOND)
			usage("--lease is 0, or 10ms or more");
		break;
	case 'r':
		w->rules.retries = number_of(optarg, "number of retries", 0, UINT32_MAX);
		wish->retries = true;
		break;
	case 'b':
		w->rules.backoff = time_of(optarg);
		break;
	case 'd':
		wish->dead = optarg;
		break;
	case 'g':
		w->grace = time_of(optarg);
		break;
	case 'p':
		w->progress = isatty(STDERR_FILENO);
		break;
	case 'q':
		w->rules.quiet = true;
		break;
	}
}

/* PATH... -- CMD... */
static void take_operands(struct work *w, int argc, char **argv, int *nr)
{
	int i = optind;

	while (i < argc && strcmp(argv[i], "--"))
		i++;
	*nr = i - optind;
	/* getopt_long() has taken the -- if nothing comes before it. */
	if (!*nr || !strcmp(argv[optind - 1], "--"))
		usage("of which channels? Say PATH... -- CMD");
	if (i + 1 >= argc)
		usage("which program is to do the jobs? Say -- CMD");
	w->rules.cmd = argv + i + 1;
	for (i++; i < argc; i++)
		w->rules.argument |= !strcmp(argv[i], "{}");
}

static int open_queues(struct work *w, char **texts, size_t nr)
{
	struct place at;
	size_t size;

	w->queues = calloc(nr, sizeof(w->queues[0]));
	w->names = calloc(nr, sizeof(w->names[0]));
	w->keepers = calloc(w->jobs, sizeof(w->keepers[0]));
	if (!w->queues || !w->names || !w->keepers)
		return fail("work: %s", strerror(ENOMEM));
	for (; w->nr < nr; w->nr++) {
		w->names[w->nr] = texts[w->nr];
		at = place_of(texts[w->nr]);
		if (open_channel(&w->queues[w->nr], &at, KC_OPEN_RECV))
			return STATUS_FAILED;
		size = (size_t)kc_elem_size(w->queues[w->nr]);
		if (size > w->room)
			w->room = size;
	}
	return STATUS_OK;
}

static int open_dead(struct work *w, const char *text)
{
	const struct place at = place_of(text);

	w->rules.dead_name = text;
	return open_channel(&w->rules.dead, &at, KC_OPEN_SEND);
}

static int work_run(int argc, char **argv)
{
	static struct work w = {
		.rules = {
			.timeout = -1,
			.lease = DEFAULT_LEASE,
			.backoff = DEFAULT_BACKOFF,
			.retries = DEFAULT_RETRIES,
		},
		.next = NO_NEXT,
		.jobs = 1,
		.grace = -1,
		.return_at = NEVER,
	};
	struct wish wish = { 0 };
	int option, nr, status;

	while ((option = next_option(&work_command, argc, argv, options)) != -1)
		set_option(&w, &wish, option);
	take_operands(&w, argc, argv, &nr);
	if (nr > KCHAN_MAX_CASES)
		usage("more than %d channels", KCHAN_MAX_CASES);
	if (wish.retries && !wish.dead)
		usage("where to, after so many retries? Say --dead PATH");
	status = open_queues(&w, argv + optind, (size_t)nr);
	if (!status && wish.dead)
		status = open_dead(&w, wish.dead);
	if (!status)
		status = read_signals(&w);
	if (!status) {
		drop_inherited(NULL, NULL);
		status = supervise(&w);
	}
	next_close(&w.next);
	while (w.nr)
		kc_unref(w.queues[--w.nr]);
	kc_unref(w.rules.dead);
	free(w.queues);
	free(w.names);
	free(w.keepers);
	return status;
}

const struct command work_command = {
	.name = "work",
	.brief = "run a program for each job of a queue, and lose none",
	.runs = true,
	.help =
"Usage: kchanctl work [OPTION]... CHANNEL... -- CMD [ARGUMENT]...\n"
"Run CMD for each message, several at a time. The message is the standard input of\n"
"CMD, or replaces an ARGUMENT that is {}. If CMD succeeds, the job is done. If CMD\n"
"fails or is killed, the job goes back to its channel, and is tried again.\n"
"\n"
"  -j, --jobs=N      how many at a time (1)\n"
"  -t, --timeout=T   end a CMD that runs for longer: SIGTERM, and SIGKILL 5 seconds\n"
"                    later; the job has failed then\n"
"  -d, --dead=CHANNEL\n"
"                    where jobs go that fail again and again; else they are tried\n"
"                    for ever\n"
"  -r, --retries=N   with --dead: after the first time, try a job so often (5)\n"
"  -b, --backoff=T   wait so long before the first retry (1s), then twice as long,\n"
"                    and so on, up to an hour\n"
"  -g, --grace=T     after SIGTERM, return jobs that still run after this time\n"
"  -l, --lease=T     if a CMD or its keeper is stopped, its job goes back after this\n"
"                    time (1m); 0: never\n"
"  -p, --progress    show on a terminal what was done and what is left\n"
"  -q, --quiet       do not tell of each failure\n"
"  -h, --help        show this\n"
"\n"
"CHANNEL is a descriptor or the PATH of a name. A job is taken from the first one\n"
"that has some. T is a number with a unit: ns, us, ms, s (also without a unit), m, h.\n"
"\n"
"CMD is killed if its keeper is: no job is done that was given back. A job may be\n"
"done twice, if a process was killed or stopped. KCHAN_NAME, KCHAN_NUMBER and\n"
"KCHAN_RETURNS tell CMD the channel, the job's number there, and how often it came\n"
"back.\n"
"\n"
"On SIGTERM or SIGINT no more jobs are taken, and it ends when those that run are\n"
"done. With a second one, these are returned. It also ends when all channels are\n"
"closed and empty.\n"
"\n"
"Exit status: 1 if a job went to the dead letters; 126 or 127 if CMD cannot be run.\n"
"\n"
"Example: kchanctl work -j 4 --dead /run/kchan/app/dead /run/kchan/app/jobs -- gzip {}\n",
	.run = work_run,
};
