// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs: how they are started, and how they end. This program is also the one that
 * is started: with arguments it does what they say.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

/* What the program does. */

static int echo(void)
{
	kc_chan *in = inherit("in"), *out = inherit("out");
	uint64_t value;

	kc_for_each(in, &value) {
		value++;
		if (kc_send(out, &value))
			return 97;
	}
	kc_unref(in);
	kc_unref(out);
	return 5;
}

static int run(char **argv)
{
	if (!strcmp(argv[1], "exit"))
		return strtol(argv[2], NULL, 10);
	if (!strcmp(argv[1], "echo"))
		return echo();
	if (!strcmp(argv[1], "sleep"))
		for (;;)
			pause();
	return 96;
}

/* The tests. */

static kc_process *start_program(const char *what, const char *with)
{
	char *argv[] = { (char *)SELF, (char *)what, (char *)with, NULL };
	kc_process_options options = program(argv);
	kc_process *p;

	must_int(kc_process_start(&p, &options), 0);
	return p;
}

static void no_children(void)
{
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void *wait_thread(void *arg)
{
	expect_exit(kc_process_ref(arg), 7);
	return NULL;
}

static void test_exit(void)
{
	kc_process *p = start_program("exit", "7");
	pthread_t threads[3];
	size_t i;

	expect(kc_process_pid(p) > 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(wait_thread, p);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	no_children();
	expect_int(kc_process_kill(p, 0), -ESRCH);
	expect_int(kc_process_wait(p, NULL), 0);
	expect_exit(p, 7);
}

static void test_running(void)
{
	kc_process *p = start_program("sleep", NULL);
	struct pollfd ended = { kc_process_fd(p), POLLIN, 0 };
	kc_case cases[2] = { kc_case_process(p), kc_case_after(0) };
	int status;
	kc_ctx *ctx;

	expect(fcntl(kc_process_fd(p), F_GETFD) & FD_CLOEXEC);
	expect_int(kc_process_try_wait(p, &status), -EAGAIN);
	expect_int(kc_process_wait_timeout(p, &status, KC_MILLISECOND),
		   -ETIMEDOUT);
	expect_int(kc_select(cases, 2), 1);
	expect_int(poll(&ended, 1, 0), 0);
	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	expect_int(kc_process_wait_ctx(ctx, p, &status), -ECANCELED);
	expect_int(kc_process_kill(p, 1000), -EINVAL);

	expect_int(kc_process_kill(p, SIGTERM), 0);
	expect_int(kc_select(cases, 1), 0);
	expect_int(poll(&ended, 1, 0), 1);
	expect_int(kc_process_wait_ctx(NULL, p, &status), 0);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	expect_int(kc_process_try_wait(p, &status), 0);
	expect_int(kc_process_wait_timeout(p, &status, 0), 0);
	kc_ctx_unref(ctx);
	kc_process_unref(p);
	kc_process_unref(NULL);
	no_children();
}

/* Nothing is left of a process that has ended, whether it was waited for or not. */
static void test_dropped(void)
{
	kc_process *p = start_program("exit", "0");
	kc_case ended = kc_case_process(p);

	must_int(kc_select(&ended, 1), 0);
	kc_process_unref(p);
	no_children();
}

static void expect_no_start(const kc_process_options *options, int error)
{
	kc_process *p = NULL;

	expect_int(kc_process_start(&p, options), error);
	expect(!p);
	no_children();
}

static char *make_file(const char *dir, const char *name, const char *text,
		       int mode)
{
	char *path;
	FILE *f;

	must(asprintf(&path, "%s/%s", dir, name) > 0);
	f = fopen(path, "w");
	must(f);
	fputs(text, f);
	fclose(f);
	must_int(chmod(path, mode), 0);
	return path;
}

static void test_errors(void)
{
	char dir[] = "/tmp/process-XXXXXX";
	char *argv[] = { NULL, NULL };
	kc_process_options options = program(argv);

	must(mkdtemp(dir));
	argv[0] = (char *)"/nowhere/program";
	expect_no_start(&options, -ENOENT);
	argv[0] = (char *)"no-such-program";
	expect_no_start(&options, -ENOENT);
	argv[0] = (char *)"";
	expect_no_start(&options, -ENOENT);
	argv[0] = dir;
	expect_no_start(&options, -EACCES);
	argv[0] = make_file(dir, "data", "not a program\n", 0755);
	expect_no_start(&options, -ENOEXEC);
	argv[0] = (char *)SELF;
	options.dir = "/nowhere";
	expect_no_start(&options, -ENOENT);
	options.dir = NULL;
	options.stdio = (int[]){ 0, 77, 2 };
	expect_no_start(&options, -EBADF);
}

/* As in a shell: the first file that can be executed. */
static void test_path(void)
{
	char one[] = "/tmp/process-XXXXXX", two[] = "/tmp/process-XXXXXX";
	char *argv[] = { (char *)"it", (char *)"exit", (char *)"9", NULL };
	kc_process_options options = program(argv);
	char target[TEXT], path[TEXT], link[TEXT];
	kc_process *p;
	ssize_t len;

	must(mkdtemp(one) && mkdtemp(two));
	len = readlink(SELF, target, sizeof(target) - 1);
	must(len > 0);
	target[len] = '\0';
	snprintf(path, sizeof(path), "/nowhere:%s:%s:", one, two);
	setenv("PATH", path, 1);
	make_file(one, "it", "exit 3\n", 0644);
	expect_no_start(&options, -EACCES);
	snprintf(link, sizeof(link), "%s/it", two);
	must_int(symlink(target, link), 0);
	must_int(kc_process_start(&p, &options), 0);
	expect_exit(p, 9);

	/* An empty entry means the current directory, which is that of the child. */
	setenv("PATH", "/nowhere:", 1);
	expect_no_start(&options, -ENOENT);
	options.dir = two;
	must_int(kc_process_start(&p, &options), 0);
	expect_exit(p, 9);
	unsetenv("PATH");
	expect_no_start(&options, -ENOENT);
}

static void test_options(void)
{
	kc_chan *c = make(8, 0);
	char *argv[] = { (char *)SELF, NULL }, *none[] = { NULL };
	kc_process_end ends[2] = { KC_PROCESS_END("one", c),
				   KC_PROCESS_END("two", c) };
	struct {
		kc_process_options options;
		char more[8];
	} later = { .options = program(argv) };
	kc_process_options *options = &later.options;

	options->argv = NULL;
	expect_no_start(options, -EINVAL);
	options->argv = none;
	expect_no_start(options, -EINVAL);
	options->argv = argv;
	options->fn = (int (*)(void *arg))test_options;
	expect_no_start(options, -EINVAL);
	options->fn = NULL;
	options->flags = 1;
	expect_no_start(options, -EINVAL);
	options->flags = 0;
	options->size = 8;
	expect_no_start(options, -EINVAL);
	options->size = 1 << 20;
	expect_no_start(options, -E2BIG);
	options->size = sizeof(later);
	later.more[3] = 1;
	expect_no_start(options, -E2BIG);
	options->size = sizeof(*options);

	options->ends = ends;
	options->nr_ends = 2;
	ends[1].reserved[1] = 1;
	expect_no_start(options, -EINVAL);
	ends[1].reserved[1] = 0;
	ends[1].name = "one";
	expect_no_start(options, -EINVAL);
	ends[1].name = "";
	expect_no_start(options, -EINVAL);
	ends[1].name = "a:b";
	expect_no_start(options, -EINVAL);
	ends[1].name = "a,b";
	expect_no_start(options, -EINVAL);
	ends[1].name = "two";
	ends[1].chan = NULL;
	expect_no_start(options, -EINVAL);
	kc_unref(c);
}

/* A worker ends at end-of-stream. Its end closes its results. */
static void test_worker(void)
{
	kc_chan *jobs, *results, *in, *out;
	char *argv[] = { (char *)SELF, (char *)"echo", NULL };
	kc_process_options options = program(argv);
	uint64_t value = 0;
	kc_process *p;
	int i;

	must_int(kc_make_pair(&in, &jobs, 8, 0), 0);
	must_int(kc_make_pair(&results, &out, 8, 0), 0);
	options.ends = (kc_process_end[]){ KC_PROCESS_END("in", in),
				       KC_PROCESS_END("out", out) };
	options.nr_ends = 2;
	must_int(kc_process_start(&p, &options), 0);
	kc_unref(in);
	kc_unref(out);
	for (i = 0; i < 5; i++) {
		must_int(kc_send(jobs, &value), 0);
		must_int(kc_recv(results, &value), 1);
	}
	expect_int(value, 5);
	kc_unref(jobs);
	expect_int(kc_recv(results, &value), 0);
	expect_exit(p, 5);
	kc_unref(results);
}

static void test_worker_killed(void)
{
	kc_chan *jobs, *results, *in, *out;
	char *argv[] = { (char *)SELF, (char *)"echo", NULL };
	kc_process_options options = program(argv);
	uint64_t value = 0;
	kc_process *p;

	must_int(kc_make_pair(&in, &jobs, 8, 0), 0);
	must_int(kc_make_pair(&results, &out, 8, 0), 0);
	options.ends = (kc_process_end[]){ KC_PROCESS_END("out", out),
				       KC_PROCESS_END("in", in) };
	options.nr_ends = 2;
	must_int(kc_process_start(&p, &options), 0);
	kc_unref(in);
	kc_unref(out);
	must_int(kc_send(jobs, &value), 0);
	must_int(kc_process_kill(p, SIGKILL), 0);
	expect_int(kc_send(jobs, &value), -EPIPE);
	/* It may have sent a result. */
	while (kc_recv(results, &value) == 1)
		;
	expect_int(kc_process_wait(p, NULL), 0);
	kc_process_unref(p);
	kc_unref(jobs);
	kc_unref(results);
}

/* Then the kernel keeps no exit status. */
static void test_nobody_knows(void)
{
	kc_process *p;
	int status;

	signal(SIGCHLD, SIG_IGN);
	p = start_program("exit", "7");
	expect_int(kc_process_wait(p, &status), -ECHILD);
	expect_int(kc_process_try_wait(p, &status), -ECHILD);
	/* The process may be shown as ended before it is gone. */
	until(kc_process_kill(p, SIGTERM) == -ESRCH);
	kc_process_unref(p);
}

static void test_limit(void)
{
	char *argv[] = { (char *)SELF, (char *)"exit", (char *)"0", NULL };
	kc_process_options options = program(argv);
	const struct rlimit few = { 12, 12 };
	kc_chan *c = make(8, 0);
	kc_process_end ends[9];
	kc_process *p;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++)
		ends[i] = (kc_process_end)KC_PROCESS_END(NULL, c);
	options.ends = ends;
	options.nr_ends = ARRAY_SIZE(ends);
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_no_start(&options, -EMFILE);
	options.nr_ends = 3;
	must_int(kc_process_start(&p, &options), 0);
	expect_exit(p, 0);
	kc_unref(c);
}

/* From many threads at once, which use libc's locks meanwhile. */
static void *start_many(void *arg)
{
	const unsigned int rounds = tap_scale(40);
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		free(malloc(i * 1000));
		expect_exit(start_program("exit", arg), strtol(arg, NULL, 10));
	}
	return NULL;
}

static void test_many(void)
{
	pthread_t threads[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = start(start_many, (void *)(i % 2 ? "3" : "4"));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		join(threads[i]);
	no_children();
}

static const struct tap_test tests[] = {
	{ "how it has ended is told to all who ask", test_exit },
	{ "waiting for one that runs, and a signal", test_running },
	{ "nothing is left of one that has ended", test_dropped },
	{ "what cannot be executed", test_errors },
	{ "the program is looked for in PATH", test_path },
	{ "bad options", test_options },
	{ "a worker ends with its channels", test_worker },
	{ "the channels of a killed worker close", test_worker_killed },
	{ "nobody knows how it has ended", test_nobody_knows },
	{ "too few descriptors", test_limit },
	{ "many at a time", test_many },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return run(argv);
	return tap_run(tests, ARRAY_SIZE(tests));
}
