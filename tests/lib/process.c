// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that are given channels. This one is the program, too: with arguments it
 * does what they say.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define SELF	"/proc/self/exe"
#define TEXT	4096

/* What the program does. */

static kc_chan *inherit(const char *name)
{
	kc_chan *c = NULL;

	if (kc_inherit(&c, name))
		exit(99);
	return c;
}

static void say(const char *text)
{
	kc_chan *out = inherit("out");

	if (kc_send_msg(out, text, strlen(text)))
		exit(98);
	kc_unref(out);
}

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

/* The descriptors that are open, but for the one that they are read with. */
static int list(void)
{
	DIR *dir = opendir("/proc/self/fd");
	bool open[64] = { false };
	struct dirent *entry;
	char text[TEXT] = "";
	int i, fd;

	while ((entry = readdir(dir))) {
		fd = strtol(entry->d_name, NULL, 10);
		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < 64)
			open[fd] = true;
	}
	for (i = 0; i < 64; i++)
		if (open[i])
			sprintf(text + strlen(text), "%d ", i);
	closedir(dir);
	strcat(text, getenv("KCHAN_FDS"));
	say(text);
	return 0;
}

static kc_chan *take(char *to, const char *name)
{
	kc_chan *c = NULL;
	int ret = kc_inherit(&c, name);

	sprintf(to + strlen(to), "%s:%s ", name,
		ret ? strerrorname_np(-ret) : fcntl(kc_fd(c), F_GETFD) ?
		"cloexec" : "open");
	return c;
}

static int inherit_all(void)
{
	static const char *const names[] = { "a", "ab", "a", "b", "" };
	kc_chan *taken[ARRAY_SIZE(names)];
	char text[TEXT] = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		taken[i] = take(text, names[i]);
	close(6);
	take(text, "shut");
	open("/dev/null", O_RDONLY);
	take(text, "shut");
	say(text);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		kc_unref(taken[i]);
	return 0;
}

static void on_signal(int signal)
{
	(void)signal;
}

/* What it was started with. */
static int surroundings(void)
{
	const char *const variable = getenv("VARIABLE");
	struct sigaction caught, ignored;
	char text[TEXT], dir[1000];
	sigset_t mask;

	sigaction(SIGUSR1, NULL, &caught);
	sigaction(SIGUSR2, NULL, &ignored);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sprintf(text, "%s %s %d %d %d %d", getcwd(dir, sizeof(dir)),
		variable ? variable : "none", caught.sa_handler == SIG_DFL,
		ignored.sa_handler == SIG_IGN, sigismember(&mask, SIGWINCH),
		sigismember(&mask, SIGTERM));
	say(text);
	return 0;
}

static int run(char **argv)
{
	if (!strcmp(argv[1], "exit"))
		return strtol(argv[2], NULL, 10);
	if (!strcmp(argv[1], "echo"))
		return echo();
	if (!strcmp(argv[1], "list"))
		return list();
	if (!strcmp(argv[1], "inherit"))
		return inherit_all();
	if (!strcmp(argv[1], "surroundings"))
		return surroundings();
	if (!strcmp(argv[1], "print"))
		return printf("%s", argv[2]) < 0;
	if (!strcmp(argv[1], "sleep"))
		for (;;)
			pause();
	return 96;
}

/* What is tested. */

static kc_process_options program(char *const *argv)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;

	options.argv = argv;
	return options;
}

static kc_process *start_program(const char *what, const char *with)
{
	char *argv[] = { (char *)SELF, (char *)what, (char *)with, NULL };
	kc_process_options options = program(argv);
	kc_process *p;

	must_int(kc_process_start(&p, &options), 0);
	return p;
}

static void expect_exit(kc_process *p, int code)
{
	int status = -1;

	must_int(kc_process_wait(p, &status), 0);
	if (!expect(WIFEXITED(status)))
		tap_note("status %#x", status);
	expect_int(WEXITSTATUS(status), code);
	kc_process_unref(p);
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

/* With one that has ended nothing is left, waited for or not. */
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

/* As a shell does: the first that can be executed. */
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

	/* An empty part of it is the current folder, here the child's. */
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
	kc_process_end ends[2] = { { "one", c }, { "two", c } };
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

/* A worker: it ends when it is sent no more, and its end closes its results. */
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
	options.ends = (kc_process_end[]){ { "in", in }, { "out", out } };
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
	options.ends = (kc_process_end[]){ { "out", out }, { "in", in } };
	options.nr_ends = 2;
	must_int(kc_process_start(&p, &options), 0);
	kc_unref(in);
	kc_unref(out);
	must_int(kc_send(jobs, &value), 0);
	must_int(kc_process_kill(p, SIGKILL), 0);
	expect_int(kc_send(jobs, &value), -EPIPE);
	/* It may have answered. */
	while (kc_recv(results, &value) == 1)
		;
	expect_int(kc_process_wait(p, NULL), 0);
	kc_process_unref(p);
	kc_unref(jobs);
	kc_unref(results);
}

/* What a program with these ends says of itself; "out" is one of them. */
static void ask(kc_process_options *options, const char *what, kc_chan *out,
		char *text)
{
	char *argv[] = { (char *)SELF, (char *)what, NULL };
	kc_process *p;
	ssize_t len;

	options->argv = argv;
	must_int(kc_process_start(&p, options), 0);
	len = kc_recv_msg_timeout(out, text, TEXT - 1, 20 * KC_SECOND);
	must(len > 0);
	text[len] = '\0';
	expect_exit(p, 0);
}

static void expect_text(const char *text, const char *want)
{
	if (!expect(!strcmp(text, want)))
		tap_note("%s", text);
}

static void test_descriptors(void)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_process_end ends[5];
	kc_chan *out = make_messages(TEXT, 1), *chans[4];
	char text[TEXT];
	size_t i;

	/* Others, which nothing would close. */
	for (i = 0; i < 10; i++)
		must(open("/dev/null", O_RDONLY) >= 0);
	/* In the order that gets in the way of each other most. */
	for (i = 0; i < 4; i++)
		chans[i] = make(8, 0);
	for (i = 0; i < 4; i++)
		ends[i] = (kc_process_end){ i == 2 ? NULL :
			(const char *[]){ "a", "b", "", "d" }[i], chans[3 - i] };
	ends[4] = (kc_process_end){ "out", out };
	options.ends = ends;
	options.nr_ends = 5;
	setenv("KCHAN_FDS", "3:of,4:ours", 1);
	ask(&options, "list", out, text);
	expect_text(text, "0 1 2 3 4 5 6 7 3:a,4:b,5,6:d,7:out");
	/* Ours are as before. */
	expect_int(kc_elem_size(chans[0]), 8);
	expect(fcntl(kc_fd(chans[0]), F_GETFD) & FD_CLOEXEC);
}

static void test_inherit(void)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_chan *out = make_messages(TEXT, 1), *c = make(8, 0);
	kc_process_end ends[] = {
		{ "ab", c }, { "a", c }, { "out", out }, { "shut", c },
	};
	char text[TEXT];

	options.ends = ends;
	options.nr_ends = 4;
	ask(&options, "inherit", out, text);
	expect_text(text, "a:cloexec ab:cloexec a:EBUSY b:ENOENT :ENOENT "
		    "shut:EBADF shut:ENOTTY ");
	expect_int(kc_inherit(&c, "a"), -ENOENT);
}

static void test_surroundings(void)
{
	struct sigaction caught = { .sa_handler = on_signal };
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_chan *out = make_messages(TEXT, 1);
	char *envp[] = { (char *)"VARIABLE=theirs", NULL };
	char text[TEXT];
	sigset_t mask;

	sigaction(SIGUSR1, &caught, NULL);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGWINCH);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	setenv("VARIABLE", "ours", 1);
	must_int(chdir("/proc"), 0);
	options.ends = &(kc_process_end){ "out", out };
	options.nr_ends = 1;
	ask(&options, "surroundings", out, text);
	expect_text(text, "/proc ours 1 1 1 0");
	options.envp = envp;
	options.dir = "/sys";
	ask(&options, "surroundings", out, text);
	expect_text(text, "/sys theirs 1 1 1 0");
	/* Of this process all is as it was. */
	sigprocmask(SIG_SETMASK, NULL, &mask);
	expect(sigismember(&mask, SIGWINCH) && !sigismember(&mask, SIGTERM));
}

static void test_stdio(void)
{
	char *argv[] = { (char *)SELF, (char *)"print", (char *)"hello", NULL };
	kc_process_options options = program(argv);
	kc_process *p;
	int ends[2], errors;
	char text[10];

	must_int(pipe2(ends, O_CLOEXEC), 0);
	options.stdio = (int[]){ -1, ends[1], STDERR_FILENO };
	must_int(kc_process_start(&p, &options), 0);
	expect_exit(p, 0);
	expect_int(read(ends[0], text, sizeof(text)), 5);
	expect(!memcmp(text, "hello", 5));

	/* What is 1 here is 2 there, and the other way around. */
	errors = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	options.stdio = (int[]){ -1, STDERR_FILENO, STDOUT_FILENO };
	must_int(kc_process_start(&p, &options), 0);
	dup2(errors, STDERR_FILENO);
	expect_exit(p, 0);
	expect_int(read(ends[0], text, sizeof(text)), 5);

	options.stdio = (int[]){ -1, -1, STDERR_FILENO };
	must_int(kc_process_start(&p, &options), 0);
	expect_exit(p, 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	expect_errno(read(ends[0], text, sizeof(text)), EAGAIN);
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
	expect_int(kc_process_kill(p, SIGTERM), -ESRCH);
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
		ends[i] = (kc_process_end){ NULL, c };
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
	{ "it has the listed ends, and no other descriptors", test_descriptors },
	{ "ends by name, each once", test_inherit },
	{ "environment, folder, signals", test_surroundings },
	{ "standard input and output", test_stdio },
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
