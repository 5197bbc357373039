// SPDX-License-Identifier: GPL-2.0-only
/*
 * KCHANDEBUG. It is read when a process first uses the library, so each test starts a
 * new process.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "output.h"

#define NOT_KNOWN	"KCHANDEBUG: not known, or not to be had: "
#define LEFT		"1 goroutine is left:"
#define DEADLOCK	"all goroutines are asleep - deadlock!"

static const char *words;

/* The first use of the library. */
static void ask(void)
{
	must_int(setenv("KCHANDEBUG", words, 1), 0);
	expect_int(kc_goid(), 1);
}

static void __attribute__((noinline)) blocked(void *arg)
{
	(void)arg;
	expect_int(kc_select(NULL, 0), 0);
}

static int is_blocked(void *arg, const kc_goroutine *g)
{
	(void)arg;
	return !(g->flags & KC_GOROUTINE_THREAD) && g->state == KC_STATE_SELECT_NIL;
}

static void start_blocked(void)
{
	must_int(kc_go(blocked, NULL), 0);
	until(kc_goroutines(is_blocked, NULL));
}

static void quit(void *arg)
{
	(void)arg;
	ask();
	start_blocked();
	raise(SIGQUIT);
	sleep_ms(tap_patience() * 1000);
}

static void expect_quit(const struct death *death)
{
	expect(WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGQUIT);
}

static int leave_one(void)
{
	ask();
	start_blocked();
	return 3;
}

static void end_at_once(void *arg)
{
	(void)arg;
}

static int leave_none(void)
{
	ask();
	must_int(kc_go(end_at_once, NULL), 0);
	return 0;
}

static void sleep_for_ever(void *arg)
{
	(void)arg;
	ask();
	expect_int(kc_select(NULL, 0), 0);
}

static void test_dump(void)
{
	static struct death death;

	words = "dump";
	die_in(&death, quit, NULL);
	expect_quit(&death);
	expect_says(death.said, "[select (no cases), ", "\nkc_select", "\nblocked");
}

static void test_leaks(void)
{
	static struct output seen;

	words = "leaks";
	run_apart(&seen, leave_one);
	expect_int(seen.status, 3);
	expect_says(seen.err, LEFT, "[select (no cases), ", "nobody can wake it",
		    "\nblocked");
	run_apart(&seen, leave_none);
	expect_int(seen.status, 0);
	expect(!seen.err[0]);
}

static void test_deadlock(void)
{
	if (THREAD_SANITIZED)
		tap_skip(DETECTORS);
	words = "deadlock";
	expect_abort(sleep_for_ever, NULL, (const char *const[]){
		DEADLOCK, "goroutine 1 [select (no cases), ", NULL });
}

static void test_several(void)
{
	static struct output seen;
	static struct death death;

	words = "leaks,deadlock,dump";
	run_apart(&seen, leave_one);
	expect_int(seen.status, 3);
	expect_says(seen.err, LEFT);
	if (!THREAD_SANITIZED)
		expect_abort(sleep_for_ever, NULL,
			     (const char *const[]){ DEADLOCK, NULL });
	words = "dump,leaks";
	die_in(&death, quit, NULL);
	expect_quit(&death);
	expect_says(death.said, "\nblocked");
}

/* The known words beside it work. */
static void test_unknown(void)
{
	static struct output seen;
	static const char *const unknown[] = { "leak", "leaksleaks", "LEAKS", "?" };
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		snprintf(text, sizeof(text), "%s,leaks", unknown[i]);
		words = text;
		run_apart(&seen, leave_one);
		expect_int(seen.status, 3);
		snprintf(text, sizeof(text), NOT_KNOWN "%s\n", unknown[i]);
		expect_says(seen.err, text, LEFT);
	}
	words = "leaks,x";
	run_apart(&seen, leave_none);
	expect(!strcmp(seen.err, NOT_KNOWN "x\n"));
}

/* An empty variable does nothing, and reports nothing. */
static void test_nothing(void)
{
	static struct output seen;
	static struct death death;
	static const char *const nothing[] = { "", ",", ",,," };

	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		words = nothing[i];
		run_apart(&seen, leave_one);
		expect_int(seen.status, 3);
		expect(!seen.err[0]);
		die_in(&death, quit, NULL);
		expect_quit(&death);
		expect(!death.said[0]);
	}
}

#define PRIVILEGED	"/tmp/kchan-privileged"

/* Makes the program set-user-ID. */
static bool make_privileged(void)
{
	const int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const int to = open(PRIVILEGED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	struct stat st;

	must(from >= 0 && to >= 0 && !fstat(from, &st));
	for (off_t done = 0; done < st.st_size; )
		must(sendfile(to, from, &done, st.st_size - done) > 0);
	must(!fchown(to, 1, 1) && !fchmod(to, 04755));
	close(from);
	return !close(to);
}

static void run_privileged(void *arg)
{
	(void)arg;
	must_int(setenv("KCHANDEBUG", words, 1), 0);
	execl(PRIVILEGED, PRIVILEGED, "quit", NULL);
	must(!"could not be run");
}

/* A program with privileges ignores the variable. */
static void test_privileged(void)
{
	static struct death death;

	if (geteuid() || SANITIZED)
		tap_skip("takes root, and no sanitizers");
	unlink(PRIVILEGED);
	must(make_privileged());
	words = "dump";
	die_in(&death, run_privileged, NULL);
	unlink(PRIVILEGED);
	expect_quit(&death);
	expect(!death.said[0]);
}

static const struct tap_test tests[] = {
	{ "dump", test_dump },
	{ "leaks", test_leaks },
	{ "deadlock", test_deadlock },
	{ "several", test_several },
	{ "what is not known", test_unknown },
	{ "nothing", test_nothing },
	{ "a program with privileges", test_privileged },
};

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		start_blocked();
		return raise(SIGQUIT);
	}
	return tap_run(tests, ARRAY_SIZE(tests));
}
