// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program is given: descriptors, channels by name, environment, signals. This
 * program is also the one that is started: with arguments it reports them.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"

/* What the program does. */

static void say(const char *text)
{
	kc_chan *out = inherit("out");

	if (kc_send_msg(out, text, strlen(text)))
		exit(98);
	kc_unref(out);
}

/* Lists the open descriptors, except the one that it reads them with. */
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

/* Its environment, directory and signals. */
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
	if (!strcmp(argv[1], "list"))
		return list();
	if (!strcmp(argv[1], "inherit"))
		return inherit_all();
	if (!strcmp(argv[1], "surroundings"))
		return surroundings();
	if (!strcmp(argv[1], "print"))
		return printf("%s", argv[2]) < 0;
	return 96;
}

/* The tests. */

static void on_signal(int signal)
{
	(void)signal;
}

/* What a program with these ends reports. "out" is one of them. */
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
	static const char *const names[] = { "a", "b", NULL, "d" };
	kc_process_end ends[5];
	kc_chan *out = make_messages(TEXT, 1), *chans[4];
	char text[TEXT];
	size_t i;

	/* Other descriptors, which are not close-on-exec. */
	for (i = 0; i < 10; i++)
		must(open("/dev/null", O_RDONLY) >= 0);
	/* In the order in which the numbers overlap most. */
	for (i = 0; i < 4; i++)
		chans[i] = make(8, 0);
	for (i = 0; i < 4; i++)
		ends[i] = (kc_process_end)KC_PROCESS_END(names[i], chans[3 - i]);
	ends[4] = (kc_process_end)KC_PROCESS_END("out", out);
	options.ends = ends;
	options.nr_ends = 5;
	setenv("KCHAN_FDS", "3:of,4:ours", 1);
	ask(&options, "list", out, text);
	expect_text(text, "0 1 2 3 4 5 6 7 3:a,4:b,5,6:d,7:out");
	/* The parent's handles are as before. */
	expect_int(kc_elem_size(chans[0]), 8);
	expect(fcntl(kc_fd(chans[0]), F_GETFD) & FD_CLOEXEC);
}

static void test_inherit(void)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	kc_chan *out = make_messages(TEXT, 1), *c = make(8, 0);
	kc_process_end ends[] = {
		KC_PROCESS_END("ab", c), KC_PROCESS_END("a", c),
		KC_PROCESS_END("out", out), KC_PROCESS_END("shut", c),
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
	options.ends = &(kc_process_end)KC_PROCESS_END("out", out);
	options.nr_ends = 1;
	ask(&options, "surroundings", out, text);
	expect_text(text, "/proc ours 1 1 1 0");
	options.envp = envp;
	options.dir = "/sys";
	ask(&options, "surroundings", out, text);
	expect_text(text, "/sys theirs 1 1 1 0");
	/* Nothing has changed in this process. */
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

	/* 1 here becomes 2 there, and 2 becomes 1. */
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

static const struct tap_test tests[] = {
	{ "it has the listed ends, and no other descriptors", test_descriptors },
	{ "ends by name, each once", test_inherit },
	{ "environment, folder, signals", test_surroundings },
	{ "standard input and output", test_stdio },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		return run(argv);
	return tap_run(tests, ARRAY_SIZE(tests));
}
