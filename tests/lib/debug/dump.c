// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kc_dump() writes about all goroutines, also on a signal.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "output.h"

#define SIZE	((size_t)4 << 20)

/* The text that was written, to be freed with free(). */
static char *text_of(int fd)
{
	char *text = malloc(SIZE);
	ssize_t len;

	must(text);
	len = pread(fd, text, SIZE - 1, 0);
	must(len >= 0);
	text[len] = '\0';
	return text;
}

static char *dump(void)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	char *text;

	must(fd >= 0);
	must_int(kc_dump(fd), 0);
	text = text_of(fd);
	close(fd);
	return text;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int nr = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		nr++;
	return nr;
}

static void __attribute__((noinline)) receiver(void *arg)
{
	uint64_t v;

	expect(kc_recv(arg, &v) >= 0);
}

static void __attribute__((noinline)) sleeper(void *arg)
{
	(void)arg;
	kc_sleep(100 * KC_SECOND);
	tap_fail(__FILE__, __LINE__, "woken");
}

static void __attribute__((noinline)) selecter(void *arg)
{
	kc_chan **c = arg;
	uint64_t v;
	kc_case cases[] = { kc_case_recv(c[0], &v), kc_case_send(c[1], &v) };

	expect_int(kc_select(cases, 2), 0);
}

/* It has the names of the program's functions, from the caller of the library on. */
static void test_text(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	kc_chan *c[] = { make(8, 0), make(8, 0), make(8, 0) };
	const long long begin = tap_now_ns();
	char head[64], select[96];
	const char *since;
	double seconds;
	char *text;

	options.name = "takes";
	must_int(kc_go_opts(receiver, c[0], &options), 0);
	must_int(kc_go(selecter, &c[1]), 0);
	must_int(kc_go(sleeper, NULL), 0);
	wait_receivers(c[0], 1);
	wait_receivers(c[1], 1);
	sleep_ms(200);
	text = dump();
	snprintf(head, sizeof(head), "(fd %d), ", kc_fd(c[0]));
	snprintf(select, sizeof(select), "(fd %d), ", kc_fd(c[1]));
	expect_said(text, (const char *[]){
		"goroutine 1 [running]:\n", "dump\n\t", "test_text\n\t", NULL });
	expect_said(text, (const char *[]){
		"\n\ngoroutine ", "\"takes\" [chan receive on channel ", head,
		" s]:\nkc_recv\n\t", "transfer.c:", "\nreceiver\n\t", "dump.c:",
		"\ncreated by test_text in goroutine 1\n\t", "dump.c:", NULL });
	since = strstr(text, head);
	must(since);
	seconds = strtod(since + strlen(head), NULL);
	/* In tenths of a second, from a coarse clock. */
	expect(seconds >= 0.1);
	expect(seconds <= (tap_now_ns() - begin) / 1e9 + 0.1);
	expect_said(text, (const char *[]){
		"[select on channels ", select, " s]:\nkc_select\n\t",
		"\nselecter\n\t", NULL });
	expect_said(text, (const char *[]){
		"[sleep, ", " s]:\nkc_sleep\n\t", "\nsleeper\n\t", NULL });
	/*
	 * It has neither the caller of the goroutine nor the library's inner functions.
	 */
	expect_int(count(text, "kc_g_run"), 0);
	expect_int(count(text, "kc_wait_for_nothing"), 0);
	expect_int(count(text, "kc_select_cases"), 0);
	expect_int(count(text, "goroutine 1 ["), 1);
	free(text);
}

static void test_errors(void)
{
	int fd = open("/dev/null", O_RDONLY);

	expect_int(kc_dump(-1), -EBADF);
	expect_int(kc_dump(1000), -EBADF);
	expect_int(kc_dump(fd), -EBADF);
	expect_int(kc_dump_on_signal(0, 0), -EINVAL);
	expect_int(kc_dump_on_signal(65, 0), -EINVAL);
	expect_int(kc_dump_on_signal(SIGKILL, 0), -EINVAL);
	expect_int(kc_dump_on_signal(SIGQUIT, 2), -EINVAL);
}

/* In a goroutine, which has a small stack and comes first. */
static void dump_in_goroutine(void *arg)
{
	char **text = arg;

	*text = dump();
}

static void test_small_stack(void)
{
	char *text = NULL;
	kc_waitgroup wg = KC_WAITGROUP_INIT;

	/* The wait group's own function calls it, and is in the backtrace. */
	must_int(kc_waitgroup_go(&wg, dump_in_goroutine, &text), 0);
	kc_waitgroup_wait(&wg);
	expect_said(text, (const char *[]){
		" [running]:\n", "\ndump_in_goroutine\n\t",
		"\ncreated by test_small_stack in goroutine 1\n\t",
		"\n\ngoroutine 1 [waitgroup wait, ", "\ntest_small_stack\n\t",
		NULL });
	free(text);
}

/* Many waiting goroutines: it takes less than a second, and stops none of them. */
#define MANY	1000

static atomic_uint gone;

static void one_of_many(void *arg)
{
	uint64_t v;

	expect_int(kc_recv(arg, &v), 1);
	atomic_fetch_add(&gone, 1);
}

static void test_many(void)
{
	kc_chan *c = make(8, 0);
	const unsigned int many = SANITIZED ? MANY / 10 : MANY;
	long long begin, took;
	char *text;
	unsigned int i;

	for (i = 0; i < many; i++)
		must_int(kc_go(one_of_many, c), 0);
	wait_receivers(c, many);
	begin = tap_now_ns();
	text = dump();
	took = tap_now_ns() - begin;
	tap_note("%u goroutines: %lld ms", many, took / 1000000);
	expect_int(count(text, "[chan receive on channel "), many);
	expect_int(count(text, "\none_of_many\n\t"), many);
	expect_int(count(text, "created by test_many in goroutine 1\n"), many);
	/* All are still waiting. */
	wait_receivers(c, many);
	for (uint64_t v = 0; v < many; v++)
		must_int(kc_send(c, &v), 0);
	until(atomic_load(&gone) == many);
	free(text);
}

/* The reader is a goroutine of this process, and is not held meanwhile. */
static void read_slowly(void *arg)
{
	const int *fd = arg;
	char buf[512];

	/* It is in a call of the library when the pipe is full. */
	do {
		kc_sleep(KC_MILLISECOND);
	} while (read(*fd, buf, sizeof(buf)) > 0);
}

static void test_reader(void)
{
	kc_chan *c = make(8, 0);
	int ends[2];

	must_int(pipe2(ends, O_CLOEXEC), 0);
	must(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
	must_int(kc_go(read_slowly, &ends[0]), 0);
	for (int i = 0; i < 100; i++)
		must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 100);
	expect_int(kc_dump(ends[1]), 0);
	close(ends[1]);
	expect_int(kc_close(c), 0);
	expect_int(kc_shutdown(), 0);
}

static int is_main_blocked(void *arg, const kc_goroutine *g)
{
	(void)arg;
	return g->id == 1 && g->state == KC_STATE_SELECT_NIL;
}

static void quit_when_blocked(void *arg)
{
	until(kc_goroutines(is_main_blocked, arg));
	kill(getpid(), SIGQUIT);
}

static int is_asleep_here(void *arg, const kc_goroutine *g)
{
	(void)arg;
	return g->state == KC_STATE_SLEEP;
}

/* Copies from @from to @to until @what was read. */
static void pass_on(int from, int to, const char *what)
{
	static char said[16384];
	size_t len = 0;
	ssize_t more;

	do {
		more = read(from, said + len, sizeof(said) - 1 - len);
		must(more > 0);
		must_int(write(to, said + len, more), more);
		len += more;
		said[len] = '\0';
	} while (!strstr(said, what));
}

/* Two signals, and the program continues. */
static void quit_twice(void)
{
	const int to = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	int ends[2];

	must_int(pipe2(ends, O_CLOEXEC), 0);
	must_int(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	until(kc_goroutines(is_asleep_here, NULL));
	kill(getpid(), SIGQUIT);
	pass_on(ends[0], to, "\nsleeper\n\t");
	kill(getpid(), SIGQUIT);
	pass_on(ends[0], to, "\nsleeper\n\t");
	raise(SIGKILL);
}

/* A signal, when the whole program is blocked. */
static void block(void *arg)
{
	const uint32_t *flags = arg;

	must_int(kc_dump_on_signal(SIGQUIT, *flags), 0);
	must_int(kc_go(sleeper, NULL), 0);
	if (*flags & KC_DUMP_EXIT) {
		must_int(kc_go(quit_when_blocked, NULL), 0);
		expect_int(kc_select(NULL, 0), 0);
	}
	quit_twice();
}

static void test_signal(void)
{
	static struct death death;
	uint32_t flags = KC_DUMP_EXIT;

	die_in(&death, block, &flags);
	expect(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGQUIT);
	expect_said(death.said, (const char *[]){
		"goroutine 1 [select (no cases), ", "\nkc_select\n\t",
		"\nblock\n\t", "[sleep, ", "\nsleeper\n\t", NULL });

	flags = 0;
	die_in(&death, block, &flags);
	expect(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGKILL);
	expect_said(death.said, (const char *[]){
		"goroutine 1 [running]:\n", "[sleep, ", "goroutine 1 [running]:\n",
		"[sleep, ", NULL });
}

static atomic_uint handled;

static void handle(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

/* In a child the signal has its previous action. The child may call it again. */
static void fork_and_block(void *arg)
{
	const struct sigaction action = { .sa_handler = handle };
	pid_t pid;
	int status;

	must_int(sigaction(SIGQUIT, &action, NULL), 0);
	must_int(kc_dump_on_signal(SIGQUIT, KC_DUMP_EXIT), 0);
	pid = fork();
	if (!pid) {
		raise(SIGQUIT);
		expect_int(atomic_load(&handled), 1);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	pid = fork();
	if (!pid)
		block(arg);
	must_int(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT);
	_exit(0);
}

static void test_fork(void)
{
	static struct death death;
	uint32_t flags = KC_DUMP_EXIT;

	die_in(&death, fork_and_block, &flags);
	expect_int(death.status, 0);
	expect_said(death.said, (const char *[]){
		"goroutine 1 [select (no cases), ", "\nblock\n\t", NULL });
}

static char *stack_text;

static void __attribute__((noinline)) take_stack_text(void *arg)
{
	(void)arg;
	kc_set_goname("taker");
	stack_text = kc_stack_text();
}

/* Only the caller's backtrace, from the caller on. */
static void test_stack_text(void)
{
	kc_chan *c = make(8, 0);
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct call other;
	char head[64];

	call_recv(&other, c);
	wait_receivers(c, 1);
	must_int(kc_waitgroup_go(&wg, take_stack_text, NULL), 0);
	kc_waitgroup_wait(&wg);
	must(stack_text);
	expect(!strncmp(stack_text, "goroutine ", 10));
	expect(strstr(stack_text, " \"taker\" [running]:\ntake_stack_text\n\t"));
	expect(strstr(stack_text, "created by test_stack_text in goroutine 1\n\t"));
	expect_int(count(stack_text, "goroutine "), 2);
	expect(stack_text[strlen(stack_text) - 1] != '\n');
	free(stack_text);

	/* In main. */
	stack_text = kc_stack_text();
	must(stack_text);
	snprintf(head, sizeof(head), "goroutine %u [running]:\ntest_stack_text\n\t",
		 (unsigned int)kc_goid());
	if (!expect(!strncmp(stack_text, head, strlen(head))))
		tap_note("%s", stack_text);
	expect(!strstr(stack_text, "created by"));
	free(stack_text);
	send_now(c, 1);
	expect_int(call_end(&other), 1);
	kc_unref(c);
}

static const struct tap_test tests[] = {
	{ "what it says", test_text },
	{ "errors", test_errors },
	{ "on the stack of a goroutine", test_small_stack },
	{ "a thousand that wait", test_many },
	{ "a reader that is seen itself", test_reader },
	{ "of the caller, as text", test_stack_text },
	{ "on a signal", test_signal },
	{ "on a signal, after a fork", test_fork },
};

TAP_MAIN(tests)
