// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small harness that writes TAP; tap.h says how it is used.
 */
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Shared by all processes of a test, so that any of them can fail it. */
struct tap_state {
	atomic_uint failed;
	atomic_bool skipped;
	char reason[200];
	char about[200];
};

/* More diagnostics than these say nothing new. */
#define TAP_MAX_FAILS 20

static struct tap_state *state;
static const struct tap_test *current;

static void put_line(const char *start, const char *fmt, va_list args)
{
	char line[1000];
	int at, more;

	at = snprintf(line, sizeof(line) - 1, "%s", start);
	more = vsnprintf(line + at, sizeof(line) - at - 1, fmt, args);
	at += more;
	if (at > (int)sizeof(line) - 2)
		at = sizeof(line) - 2;
	line[at++] = '\n';
	/* One write a line, so that those of several processes do not mix. */
	if (write(STDOUT_FILENO, line, at) != at)
		abort();
}

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line("", fmt, args);
	va_end(args);
}

void tap_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line("# ", fmt, args);
	va_end(args);
}

void tap_about(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(state->about, sizeof(state->about), fmt, args);
	va_end(args);
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	unsigned int count = atomic_fetch_add(&state->failed, 1);
	char start[300];
	va_list args;

	if (count == TAP_MAX_FAILS)
		tap_note("more of them is not shown");
	if (count >= TAP_MAX_FAILS)
		return;
	snprintf(start, sizeof(start), "# %s:%d: %s%s", file, line,
		 state->about, state->about[0] ? ": " : "");
	va_start(args, fmt);
	put_line(start, fmt, args);
	va_end(args);
}

const struct tap_test *tap_current(void)
{
	return current;
}

void tap_end(void)
{
	_exit(1);
}

void tap_skip(const char *reason)
{
	snprintf(state->reason, sizeof(state->reason), "%s", reason);
	atomic_store(&state->skipped, true);
	_exit(0);
}

bool tap_expect_int(const char *file, int line, const char *text,
		    long long seen, long long want)
{
	int error = errno;

	if (seen == want)
		return true;
	if (seen == -1)
		tap_fail(file, line, "%s is -1 (%s), not %lld", text,
			 strerrorname_np(error), want);
	else
		tap_fail(file, line, "%s is %lld, not %lld", text, seen, want);
	return false;
}

bool tap_expect_errno(const char *file, int line, const char *text,
		      long long ret, int want)
{
	int error = errno;

	if (ret == -1 && error == want)
		return true;
	if (ret == -1)
		tap_fail(file, line, "%s: %s, not %s", text,
			 strerrorname_np(error), strerrorname_np(want));
	else
		tap_fail(file, line, "%s is %lld, not %s", text, ret,
			 strerrorname_np(want));
	return false;
}

bool tap_instrumented(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) == 0;
}

unsigned long tap_scale(unsigned long count)
{
	const char *text = getenv("KCHAN_TEST_SCALE");
	double scale = tap_instrumented() ? 0.1 : 1;
	double scaled;

	if (text && *text)
		scale = strtod(text, NULL);
	scaled = count * scale;
	return scaled < 1 ? 1 : (unsigned long)scaled;
}

unsigned int tap_patience(void)
{
	return tap_instrumented() ? 120 : 30;
}

/* A whole test may have several things to wait for. */
static unsigned int watchdog_seconds(void)
{
	const char *text = getenv("KCHAN_TEST_TIMEOUT");

	if (text && *text)
		return strtoul(text, NULL, 10);
	return 4 * tap_patience();
}

long long tap_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

bool tap_wait_more(struct tap_wait *w)
{
	const struct timespec nap = { .tv_nsec = 500 * 1000 };

	if (!w->deadline)
		w->deadline = tap_now_ns() + tap_patience() * 1000000000LL;
	if (tap_now_ns() >= w->deadline)
		return false;
	nanosleep(&nap, NULL);
	return true;
}

/* Where each thread of a hanging test is. */
static void tell_threads(pid_t pid)
{
	char path[300], where[100], line[200];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		where[0] = '\0';
		line[0] = '\0';
		snprintf(path, sizeof(path), "/proc/%d/task/%s/wchan", pid,
			 entry->d_name);
		f = fopen(path, "r");
		if (f) {
			if (!fgets(where, sizeof(where), f))
				where[0] = '\0';
			fclose(f);
		}
		snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid,
			 entry->d_name);
		f = fopen(path, "r");
		if (f) {
			if (!fgets(line, sizeof(line), f))
				line[0] = '\0';
			fclose(f);
		}
		line[strcspn(line, "\n")] = '\0';
		tap_note("thread %s: at %s, system call %s", entry->d_name,
			 where, line);
	}
	closedir(dir);
}

/* Takes what is left of the test's processes; false when one does not go. */
static bool reap_all(pid_t group)
{
	struct tap_wait w = { 0 };
	pid_t pid;

	kill(-group, SIGKILL);
	for (;;) {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return true;
		if (pid <= 0 && !tap_wait_more(&w))
			return false;
	}
}

static bool run_one(const struct tap_test *test)
{
	struct pollfd wait_for;
	bool ended, good = true;
	int status = 0;
	pid_t pid;

	atomic_store(&state->failed, 0);
	atomic_store(&state->skipped, false);
	state->about[0] = '\0';
	current = test;

	pid = fork();
	if (pid < 0) {
		tap_note("fork: %s", strerror(errno));
		return false;
	}
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		test->run();
		_exit(0);
	}
	setpgid(pid, pid);

	wait_for.fd = syscall(SYS_pidfd_open, pid, 0);
	wait_for.events = POLLIN;
	do {
		ended = poll(&wait_for, 1, watchdog_seconds() * 1000) == 1;
	} while (!ended && errno == EINTR);
	close(wait_for.fd);

	if (ended) {
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status)) {
			tap_note("ended by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
			good = false;
		} else if (WEXITSTATUS(status)) {
			good = false;
		}
	} else {
		tap_note("hangs: no end after %u seconds (%s)",
			 watchdog_seconds(), state->about);
		tell_threads(pid);
		good = false;
	}
	if (!reap_all(pid)) {
		tap_note("a process does not die");
		good = false;
	}
	return good && !atomic_load(&state->failed);
}

int tap_run(const struct tap_test *tests, size_t count)
{
	size_t i, failed = 0;

	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		abort();
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	put("TAP version 13");
	put("1..%zu", count);
	for (i = 0; i < count; i++) {
		bool good = run_one(&tests[i]);

		if (!good)
			failed++;
		put("%s %zu - %s%s%s", good ? "ok" : "not ok", i + 1,
		    tests[i].text,
		    good && atomic_load(&state->skipped) ? " # SKIP " : "",
		    good && atomic_load(&state->skipped) ? state->reason : "");
	}
	return failed ? 1 : 0;
}
