// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping processes running.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

/* Memory that all processes of a test share. */
struct board {
	atomic_int starts;
	atomic_int code;	/* the exit status; negative: do not exit */
	atomic_llong times[16];	/* when they were started */
};

static struct board *new_board(int code)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(board != MAP_FAILED);
	atomic_store(&board->code, code);
	return board;
}

static int work(void *arg)
{
	struct board *board = arg;
	int start = atomic_fetch_add(&board->starts, 1);

	if (start < (int)ARRAY_SIZE(board->times))
		atomic_store(&board->times[start], tap_now_ns());
	while (atomic_load(&board->code) < 0)
		sleep_ms(1);
	return atomic_load(&board->code);
}

static kc_process_options worker(struct board *board)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;

	options.fn = work;
	options.arg = board;
	return options;
}

static kc_supervisor_options policy(uint32_t restart, uint32_t limit)
{
	kc_supervisor_options options = KC_SUPERVISOR_OPTIONS_INIT;

	options.restart = restart;
	options.limit = limit;
	options.backoff = KC_MILLISECOND;
	options.max_backoff = 5 * KC_MILLISECOND;
	return options;
}

static kc_supervisor *supervise(kc_ctx *ctx, struct board *board,
				const kc_supervisor_options *options)
{
	const kc_process_options process = worker(board);
	kc_supervisor *s = NULL;

	must_int(kc_supervise(&s, ctx, &process, options), 0);
	return s;
}

static void expect_over(kc_supervisor *s, int code, unsigned int restarts)
{
	kc_case over = kc_case_supervisor(s);
	int status = -1;

	must_int(kc_select(&over, 1), 0);
	expect_int(over.status, 0);
	expect(!over.ok);
	expect_int(kc_supervisor_wait(s, &status), 0);
	if (!expect(WIFEXITED(status) && WEXITSTATUS(status) == code))
		tap_note("status %#x", status);
	expect_int(kc_supervisor_restarts(s), restarts);
	expect(!kc_supervisor_process(s));
	kc_supervisor_unref(s);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void test_policies(void)
{
	static const struct {
		uint32_t restart, limit;
		int code;
		unsigned int restarts;
	} cases[] = {
		{ KC_RESTART_NEVER, 0, 0, 0 },
		{ KC_RESTART_NEVER, 3, 4, 0 },
		{ KC_RESTART_ON_FAILURE, 0, 0, 0 },
		{ KC_RESTART_ON_FAILURE, 3, 4, 3 },
		{ KC_RESTART_ALWAYS, 2, 0, 2 },
		{ KC_RESTART_ALWAYS, 2, 4, 2 },
	};
	kc_supervisor_options options;
	struct board *board;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		tap_about("policy %u, status %d", cases[i].restart, cases[i].code);
		options = policy(cases[i].restart, cases[i].limit);
		board = new_board(cases[i].code);
		expect_over(supervise(NULL, board, &options), cases[i].code,
			    cases[i].restarts);
		expect_int(atomic_load(&board->starts), cases[i].restarts + 1);
	}
}

static void test_until_it_works(void)
{
	const kc_supervisor_options options = policy(KC_RESTART_ON_FAILURE, 0);
	struct board *board = new_board(1);
	kc_supervisor *s = supervise(NULL, board, &options);

	until(atomic_load(&board->starts) > 5);
	atomic_store(&board->code, 0);
	expect_int(kc_supervisor_wait(s, NULL), 0);
	expect_int(kc_supervisor_restarts(s), atomic_load(&board->starts) - 1);
	kc_supervisor_unref(s);
}

static long long pause_before(const struct board *board, int start)
{
	return atomic_load(&board->times[start]) -
	       atomic_load(&board->times[start - 1]);
}

static void test_backoff(void)
{
	kc_supervisor_options options = policy(KC_RESTART_ALWAYS, 5);
	struct board *board = new_board(0);

	options.backoff = 20 * KC_MILLISECOND;
	options.max_backoff = 100 * KC_MILLISECOND;
	expect_over(supervise(NULL, board, &options), 0, 5);
	expect(pause_before(board, 1) >= options.backoff);
	expect(pause_before(board, 2) >= 2 * options.backoff);
	expect(pause_before(board, 3) >= 4 * options.backoff);
	expect(pause_before(board, 4) >= options.max_backoff);
	expect(pause_before(board, 5) >= options.max_backoff);
	/* More would be the next power of two. */
	tap_note("last pause: %lld ms", pause_before(board, 5) / 1000000);
}

/* The process that runs now, if it is not @before. Takes over the reference. */
static kc_process *next_process(kc_supervisor *s, kc_process *before)
{
	struct tap_wait w = { 0 };
	kc_process *p;

	while (!(p = kc_supervisor_process(s)) || p == before) {
		kc_process_unref(p);
		must(tap_wait_more(&w));
	}
	kc_process_unref(before);
	return p;
}

/* A process that ran well for some time begins a new count. */
static void test_steady(void)
{
	kc_supervisor_options options = policy(KC_RESTART_ON_FAILURE, 1);
	struct board *board = new_board(-1);
	kc_process *p = NULL;
	kc_supervisor *s;
	int i;

	options.steady = 20 * KC_MILLISECOND;
	s = supervise(NULL, board, &options);
	for (i = 0; i < 4; i++) {
		p = next_process(s, p);
		until(atomic_load(&board->starts) == i + 1);
		sleep_ms(25);
		kc_process_kill(p, SIGKILL);
	}
	until(atomic_load(&board->starts) == 5);
	kc_process_unref(p);
	atomic_store(&board->code, 0);
	expect_over(s, 0, 4);
}

static void expect_ended_by(kc_supervisor *s, int signal)
{
	int status = 0;

	expect_int(kc_supervisor_wait(s, &status), 0);
	if (!expect(WIFSIGNALED(status) && WTERMSIG(status) == signal))
		tap_note("status %#x", status);
	kc_supervisor_unref(s);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void test_stop(void)
{
	kc_supervisor_options options = policy(KC_RESTART_ALWAYS, 0);
	struct board *board = new_board(-1);
	kc_supervisor *s;
	kc_ctx *ctx;

	s = supervise(NULL, board, &options);
	until(atomic_load(&board->starts) == 1);
	kc_supervisor_stop(s);
	kc_supervisor_stop(s);
	expect_ended_by(s, SIGTERM);

	options.stop_signal = SIGHUP;
	must_int(kc_with_cancel(&ctx, NULL), 0);
	s = supervise(ctx, board, &options);
	kc_cancel(ctx);
	expect_ended_by(s, SIGHUP);
	expect_int(kc_supervise(&s, ctx, &(kc_process_options){ 0 }, &options),
		   -ECANCELED);
	kc_ctx_unref(ctx);
}

/* Also in the pause between two processes. */
static void test_stop_in_pause(void)
{
	kc_supervisor_options options = policy(KC_RESTART_ALWAYS, 0);
	struct board *board = new_board(6);
	kc_supervisor *s;
	kc_process *p;

	options.backoff = 3600 * KC_SECOND;
	options.max_backoff = options.backoff;
	s = supervise(NULL, board, &options);
	while ((p = kc_supervisor_process(s))) {
		kc_process_unref(p);
		sleep_ms(1);
	}
	kc_supervisor_stop(s);
	expect_over(s, 6, 0);
}

static int ignore_all(void *arg)
{
	signal(SIGTERM, SIG_IGN);
	return work(arg);
}

static void test_grace(void)
{
	kc_supervisor_options options = policy(KC_RESTART_ALWAYS, 0);
	struct board *board = new_board(-1);
	kc_process_options process = worker(board);
	long long began;
	kc_supervisor *s;

	process.fn = ignore_all;
	options.grace = 50 * KC_MILLISECOND;
	must_int(kc_supervise(&s, NULL, &process, &options), 0);
	until(atomic_load(&board->starts) == 1);
	began = tap_now_ns();
	kc_supervisor_stop(s);
	expect_ended_by(s, SIGKILL);
	expect(tap_now_ns() - began >= options.grace);
}

static int answer(void *arg)
{
	kc_chan *in, *out;
	uint64_t value;

	must_int(kc_inherit(&in, "in"), 0);
	must_int(kc_inherit(&out, "out"), 0);
	(void)arg;
	kc_for_each(in, &value) {
		if (!value)
			return 1;
		must_int(kc_send(out, &value), 0);
	}
	return 0;
}

/*
 * An element that is sent waits for the next process. The last one's end closes the
 * channels.
 */
static void test_channels(void)
{
	const kc_supervisor_options options = policy(KC_RESTART_ON_FAILURE, 0);
	kc_process_options process = KC_PROCESS_OPTIONS_INIT;
	kc_chan *jobs, *results, *in, *out;
	kc_supervisor *s;
	uint64_t i, value;

	must_int(kc_make_pair(&in, &jobs, 8, 0), 0);
	must_int(kc_make_pair(&results, &out, 8, 0), 0);
	process.fn = answer;
	process.ends = (kc_process_end[]){ KC_PROCESS_END("in", in),
				       KC_PROCESS_END("out", out) };
	process.nr_ends = 2;
	must_int(kc_supervise(&s, NULL, &process, &options), 0);
	kc_unref(in);
	kc_unref(out);
	for (i = 1; i < 10; i++) {
		must_int(kc_send(jobs, &i), 0);
		must_int(kc_recv(results, &value), 1);
		expect_int(value, i);
		value = 0;
		if (i % 3 == 0)
			must_int(kc_send(jobs, &value), 0);
	}
	kc_unref(jobs);
	expect_int(kc_recv(results, &value), 0);
	kc_unref(results);
	expect_over(s, 0, 3);
}

static void test_cannot_start(void)
{
	char program[] = "/tmp/supervisor-XXXXXX";
	char *argv[] = { program, NULL };
	kc_process_options process = KC_PROCESS_OPTIONS_INIT;
	kc_supervisor_options options = policy(KC_RESTART_ALWAYS, 3);
	static const char script[] = "#!/bin/sh\nexec rm \"$0\"\n";
	kc_supervisor *s = NULL;
	int fd, status = 123;

	process.argv = argv;
	expect_int(kc_supervise(&s, NULL, &process, &options), -ENOENT);
	expect(!s);
	fd = mkstemp(program);
	must(fd >= 0);
	must_int(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	must_int(fchmod(fd, 0755), 0);
	close(fd);
	must_int(kc_supervise(&s, NULL, &process, &options), 0);
	expect_int(kc_supervisor_wait(s, &status), -ENOENT);
	expect_int(status, 123);
	expect_int(kc_supervisor_restarts(s), 3);
	kc_supervisor_unref(s);
}

static void expect_refused(const kc_supervisor_options *options, int error)
{
	const kc_process_options process = worker(NULL);
	kc_supervisor *s = NULL;

	expect_int(kc_supervise(&s, NULL, &process, options), error);
	expect(!s);
}

static void test_options(void)
{
	struct {
		kc_supervisor_options options;
		char more[8];
	} later = { .options = policy(3, 0) };
	kc_supervisor_options *options = &later.options;

	expect_refused(options, -EINVAL);
	*options = policy(KC_RESTART_ALWAYS, 0);
	options->stop_signal = 1000;
	expect_refused(options, -EINVAL);
	options->stop_signal = 0;
	options->grace = -1;
	expect_refused(options, -EINVAL);
	options->grace = 0;
	options->size = 6;
	expect_refused(options, -EINVAL);
	options->size = sizeof(later);
	later.more[0] = 1;
	expect_refused(options, -E2BIG);
}

static void test_wait(void)
{
	kc_supervisor_options options = policy(KC_RESTART_NEVER, 0);
	struct board *board = new_board(-1);
	kc_supervisor *s = supervise(NULL, board, &options);
	kc_case cases[2] = { kc_case_supervisor(s), kc_case_after(0) };
	kc_process *p = kc_supervisor_process(s);
	kc_ctx *ctx;

	must(p);
	expect_int(kc_select(cases, 2), 1);
	must_int(kc_with_cancel(&ctx, NULL), 0);
	kc_cancel(ctx);
	expect_int(kc_supervisor_wait_ctx(ctx, s, NULL), -ECANCELED);
	expect_int(kc_process_try_wait(p, NULL), -EAGAIN);
	atomic_store(&board->code, 2);
	expect_int(kc_supervisor_wait_ctx(NULL, s, NULL), 0);
	kc_process_unref(p);
	kc_ctx_unref(ctx);
	expect_over(s, 2, 0);
}

/* Dropping the handles stops nothing, and leaks nothing. */
static void test_dropped(void)
{
	const kc_supervisor_options options = policy(KC_RESTART_ON_FAILURE, 0);
	struct board *board = new_board(1);

	kc_supervisor_unref(supervise(NULL, board, &options));
	until(atomic_load(&board->starts) > 2);
	atomic_store(&board->code, 0);
	must_int(kc_shutdown(), 0);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* Each reference alone holds the handle. */
static void test_references(void)
{
	const kc_supervisor_options options = policy(KC_RESTART_NEVER, 0);
	kc_supervisor *s = supervise(NULL, new_board(3), &options);

	int status = -1;

	expect(kc_supervisor_ref(s) == s);
	/* This drops one. */
	expect_over(s, 3, 0);
	expect_int(kc_supervisor_wait(s, &status), 0);
	expect_int(WEXITSTATUS(status), 3);
	kc_supervisor_unref(s);
	expect(!kc_supervisor_ref(NULL));
	kc_supervisor_unref(NULL);
	must_int(kc_shutdown(), 0);
	expect_errno(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static const struct tap_test tests[] = {
	{ "when it is started again", test_policies },
	{ "until it works", test_until_it_works },
	{ "pauses get longer", test_backoff },
	{ "one that was well begins a new row", test_steady },
	{ "stopped, by hand and by a context", test_stop },
	{ "stopped while there is none", test_stop_in_pause },
	{ "one that does not stop is killed", test_grace },
	{ "its channels stay open meanwhile", test_channels },
	{ "one that cannot be started", test_cannot_start },
	{ "bad options", test_options },
	{ "waiting for it", test_wait },
	{ "dropped handles", test_dropped },
	{ "references", test_references },
};

TAP_MAIN(tests)
