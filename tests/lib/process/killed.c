// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl work, while its processes are killed: no job is lost, and only those are done
 * twice whose keeper or command was killed.
 *
 * This program is also the command: with arguments, it does a job. KCHAN_JOBS says how
 * many jobs there are.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "common.h"

#define NAMES		"/run/kchan.killed"
#define JOBS		NAMES "/jobs"
#define DONE		"/tmp/killed.done"

#define SLOTS		8
#define KILL_TIME	(50 * KC_MILLISECOND)
/* Each hundredth one that is killed is the supervisor. */
#define SUPERVISOR	100

/* A job that was done, in the file of them. */
struct record {
	uint64_t number;
	uint64_t returns;
};

/* The command: it takes as long as its argument says, in milliseconds. */
static int do_job(const char *time)
{
	struct record record = {
		.number = strtoull(getenv("KCHAN_NUMBER"), NULL, 10),
		.returns = strtoull(getenv("KCHAN_RETURNS"), NULL, 10),
	};
	int fd = open(DONE, O_WRONLY | O_APPEND);

	usleep(strtoul(time, NULL, 10) * 1000);
	return fd < 0 || write(fd, &record, sizeof(record)) != sizeof(record);
}

static unsigned long nr_of_jobs(unsigned long nr)
{
	const char *text = getenv("KCHAN_JOBS");

	if (text && *text)
		return strtoul(text, NULL, 10);
	return tap_scale(SANITIZED ? nr / 10 : nr);
}

/* A closed queue of jobs, in a mount of the test's own. */
static kc_chan *make_jobs(unsigned long nr)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	unsigned long i;
	kc_chan *c;
	int fd;

	if (geteuid())
		tap_skip("needs root");
	if (system("kchanctl --version >/dev/null 2>&1"))
		tap_skip("there is no kchanctl");
	if (unshare(CLONE_NEWNS))
		tap_skip("no mount namespaces here");
	must_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	must(!mkdir(NAMES, 0755) || errno == EEXIST);
	must_int(mount("kchan", NAMES, "kchan", 0, NULL), 0);
	fd = open(DONE, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	must(fd >= 0);
	close(fd);
	opts.elem_size = sizeof(i);
	opts.cap = nr;
	must_int(kc_create(&c, JOBS, &opts, 0600), 0);
	for (i = 0; i < nr; i++)
		must_int(kc_send(c, &i), 0);
	must_int(kc_close(c), 0);
	/* Keepers whose supervisor was killed are this process's. */
	must(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	return c;
}

/* Starts kchanctl work with one more option, whose job takes so many milliseconds. */
static pid_t supervisor(const char *option, const char *value, const char *time)
{
	static char self[4096];
	pid_t pid;

	must(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		execlp("kchanctl", "kchanctl", "work", "-q", "-j", "8", option, value,
		       JOBS, "--", self, time, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Reads a file of /proc. Returns false if the process has gone. */
static bool read_text(char *text, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* Those of this test are in its process group. */
static bool is_keeper(pid_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return getpgid(pid) == getpgrp() && read_text(text, sizeof(text), path) &&
	       !strcmp(text, "kchan-keeper\n");
}

/* Any keeper, or 0. */
static pid_t any_keeper(unsigned int turn)
{
	pid_t keepers[4 * SLOTS], pid;
	unsigned int nr = 0;
	struct dirent *entry;
	DIR *dir;

	dir = opendir("/proc");
	must(dir);
	while (nr < ARRAY_SIZE(keepers) && (entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid > 0 && is_keeper(pid))
			keepers[nr++] = pid;
	}
	closedir(dir);
	return nr ? keepers[turn % nr] : 0;
}

/* The number of the job that the keeper holds, or -1. */
static long long number_of(pid_t keeper)
{
	static const char key[] = "kchan-lease-number:";
	char path[512], text[4096], *at;
	long long number = -1;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", keeper);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", keeper, entry->d_name);
		if (read_text(text, sizeof(text), path) && (at = strstr(text, key)))
			number = strtoll(at + strlen(key), NULL, 10);
	}
	if (dir)
		closedir(dir);
	return number;
}

static pid_t command_of(pid_t keeper)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", keeper, keeper);
	return read_text(text, sizeof(text), path) ? atoi(text) : 0;
}

struct killing {
	unsigned long jobs;
	unsigned char *victims;		/* the jobs whose processes were killed */
	unsigned int turn;
	unsigned int keepers;		/* how many were killed */
	unsigned int commands;
	unsigned int supervisors;
	pid_t supervisor;
};

/* Kills a keeper, or its command. */
static void kill_job(struct killing *k)
{
	const pid_t keeper = any_keeper(k->turn / 2);
	const long long number = keeper ? number_of(keeper) : -1;
	pid_t command;

	/* It has ended its job, or has only begun. */
	if (number < 0)
		return;
	must((unsigned long long)number < k->jobs);
	command = k->turn % 2 ? command_of(keeper) : 0;
	k->victims[number] = 1;
	if (command && !kill(command, SIGKILL))
		k->commands++;
	else if (!kill(keeper, SIGKILL))
		k->keepers++;
}

static void kill_one(struct killing *k)
{
	if (++k->turn % SUPERVISOR) {
		kill_job(k);
	} else {
		must_int(kill(k->supervisor, SIGKILL), 0);
		k->supervisors++;
	}
}

/*
 * Waits for a while, for all that ends meanwhile. Returns false when a supervisor has
 * ended by itself. A killed one is replaced.
 */
static bool look_after(struct killing *k)
{
	bool goes_on = true;
	int status;
	pid_t pid;

	usleep(KILL_TIME / KC_MICROSECOND);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != k->supervisor)
			continue;
		goes_on = WIFSIGNALED(status);
		if (goes_on)
			k->supervisor = supervisor("-b", "10ms", "0");
		else
			expect_int(WEXITSTATUS(status), 0);
	}
	return goes_on;
}

/* Keepers whose supervisor has gone may still be at work. */
static void settled(kc_chan *c, unsigned long jobs)
{
	struct kchan_info info = { 0 };

	until(!ioctl(kc_fd(c), KCHAN_IOC_INFO, &info) && !info.len && !info.in_flight);
	expect_int(info.settled, jobs);
	expect_int(info.dropped, 0);
}

/*
 * Each job is in the file. Returns how many are there twice: only those that are in
 * @victims, if that is not NULL. With @first, each was done the first time.
 */
static unsigned int check_done(unsigned long jobs, const unsigned char *victims, bool first)
{
	unsigned char *times = calloc(jobs, 1);
	unsigned int twice = 0;
	struct record record;
	unsigned long i;
	FILE *file;

	must(times);
	file = fopen(DONE, "r");
	must(file);
	while (fread(&record, sizeof(record), 1, file) == 1) {
		must(record.number < jobs);
		tap_about("job %llu", (unsigned long long)record.number);
		if (first)
			expect_int(record.returns, 0);
		times[record.number]++;
	}
	fclose(file);
	for (i = 0; i < jobs; i++) {
		tap_about("job %lu", i);
		expect(times[i]);
		if (times[i] < 2)
			continue;
		twice++;
		if (victims)
			expect(victims[i]);
	}
	free(times);
	return twice;
}

static void test_killed(void)
{
	struct killing k = { .jobs = nr_of_jobs(2000) };
	kc_chan *c = make_jobs(k.jobs);
	unsigned int twice;

	k.victims = calloc(k.jobs, 1);
	must(k.victims);
	k.supervisor = supervisor("-b", "10ms", "0");
	while (look_after(&k))
		kill_one(&k);
	settled(c, k.jobs);
	twice = check_done(k.jobs, k.victims, false);
	expect(k.keepers && k.commands);
	tap_note("%lu jobs, all acknowledged; killed: %u keepers, %u commands, %u supervisors; done twice: %u",
		 k.jobs, k.keepers, k.commands, k.supervisors, twice);
	free(k.victims);
	kc_unref(c);
}

/* It handles the signal, as soon as it blocks it. */
static bool handles_term(pid_t pid)
{
	char path[64], text[4096], *at;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!read_text(text, sizeof(text), path))
		return false;
	at = strstr(text, "SigBlk:");
	return at && (strtoull(at + strlen("SigBlk:"), NULL, 16) >> (SIGTERM - 1)) & 1;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	must(!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT));
	return info.si_pid == pid;
}

/* The worker is replaced, again and again. This is no failure of a job. */
static void test_replaced(void)
{
	const unsigned long jobs = nr_of_jobs(2000) / 4;
	kc_chan *c = make_jobs(jobs);
	pid_t old, new;
	int status, i;

	old = supervisor("-g", "10ms", "20");
	for (i = 0; i < 5; i++) {
		usleep(200 * 1000);
		new = supervisor("-g", "10ms", "20");
		until(handles_term(old) || has_ended(old));
		must_int(kill(old, SIGTERM), 0);
		must_int(waitpid(old, &status, 0), old);
		expect_int(status, 0);
		old = new;
	}
	must_int(waitpid(old, &status, 0), old);
	expect_int(status, 0);
	settled(c, jobs);
	check_done(jobs, NULL, true);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "kchanctl work: its processes are killed", test_killed },
	{ "kchanctl work: it is replaced", test_replaced },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return do_job(argv[1]);
	return tap_run(tests, ARRAY_SIZE(tests));
}
