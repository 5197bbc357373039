// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options are structures with a size. A program that was compiled with an older header
 * has a shorter structure: the library must not read beyond it, and treats the missing
 * fields as zero. A size of 0 means the first form.
 *
 * The structures end at a page that cannot be read, so a read beyond the end is a
 * fault.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/testing.h>

#include "common.h"

/* The first @size bytes of @options, with this size in them. */
static void *older(const void *options, uint32_t size)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* The structure is aligned. The test does not check the padding at its end. */
	const size_t room = (size + 7) / 8 * 8;
	uint32_t *at = (uint32_t *)(map + page - room);

	must(map != MAP_FAILED);
	must_int(mprotect(map + page, page, PROT_NONE), 0);
	memset(at, 0xff, room);
	memcpy(at, options, size);
	at[0] = size;
	return at;
}

#define older_without(options, field)	\
	older((options), offsetof(__typeof__(*(options)), field))

/* The whole structure, with a size of 0. */
static void *first_form(const void *options, size_t size)
{
	uint32_t *at = older(options, size);

	at[0] = 0;
	return at;
}

static void test_chan(void)
{
	kc_chan_opts opts = { .elem_size = 8, .cap = 5 };
	kc_chan *c = NULL, *send = NULL;

	must_int(kc_make_opts(&c, older_without(&opts, cap)), 0);
	expect_int(kc_elem_size(c), 8);
	expect_int(kc_cap(c), 0);
	kc_unref(c);
	must_int(kc_make_opts(&c, older_without(&opts, flags)), 0);
	expect_int(kc_elem_size(c), 0);
	kc_unref(c);
	must_int(kc_make_opts(&c, first_form(&opts, sizeof(opts))), 0);
	expect_int(kc_elem_size(c), 8);
	expect_int(kc_cap(c), 5);
	kc_unref(c);
	must_int(kc_make_pair_opts(&c, &send, first_form(&opts, sizeof(opts))), 0);
	expect_int(kc_cap(send), 5);
	kc_unref(c);
	kc_unref(send);
	opts.size = 6;
	expect_int(kc_make_opts(&c, &opts), -EINVAL);
}

static struct {
	kc_waitgroup wg;
	void *arg;
	char name[32];
} seen;

static void see(void *arg)
{
	seen.arg = arg;
	snprintf(seen.name, sizeof(seen.name), "%s", kc_goname());
	kc_waitgroup_done(&seen.wg);
}

static void expect_goroutine(const kc_go_options *options, const char *name, bool copied)
{
	kc_waitgroup_add(&seen.wg, 1);
	must_int(kc_go_opts(see, &seen, options), 0);
	kc_waitgroup_wait(&seen.wg);
	expect(!strcmp(seen.name, name));
	expect((seen.arg != &seen) == copied);
}

static void test_go(void)
{
	kc_go_options options = { .name = "one", .copy_size = 4 };

	expect_goroutine(older_without(&options, copy_size), "one", false);
	expect_goroutine(older_without(&options, name), "", false);
	expect_goroutine(older_without(&options, flags), "", false);
	expect_goroutine(first_form(&options, sizeof(options)), "one", true);
	options.size = 2;
	expect_int(kc_go_opts(see, NULL, &options), -EINVAL);
}

static kc_error *work(void *arg, void *elem, size_t len, kc_sink *out)
{
	(void)arg;
	(void)len;
	return kc_yield(out, elem) ? kc_error_new(-EIO, NULL) : NULL;
}

static void drop(void *arg, void *elem)
{
	(void)elem;
	++*(int *)arg;
}

/* Submits a job, whose result nobody receives. */
static void use_pool(const kc_pool_options *options)
{
	uint64_t job = 1;
	kc_pool *pool = NULL;

	must_int(kc_pool_make(&pool, NULL, options), 0);
	must_int(kc_pool_submit(pool, &job), 0);
	until(kc_len(kc_pool_results(pool)) == 1);
	expect(!kc_pool_wait(pool));
	kc_pool_unref(pool);
}

static void test_pool(void)
{
	int dropped = 0;
	kc_pool_options options = {
		.workers = 1,
		.fn = work,
		.arg = &dropped,
		.job_size = 8,
		.result_size = 8,
		.results = 1,
		.drop_result = drop,
	};

	use_pool(older_without(&options, drop_job));
	expect_int(dropped, 0);
	use_pool(first_form(&options, sizeof(options)));
	expect_int(dropped, 1);
}

static int end_in_folder(void *arg)
{
	char *dir = getcwd(NULL, 0);

	(void)arg;
	return strcmp(dir, "/proc") ? 7 : 8;
}

static void expect_process(const kc_process_options *options, int code)
{
	kc_process *p = NULL;
	int status = 0;

	must_int(kc_process_start(&p, options), 0);
	must_int(kc_process_wait(p, &status), 0);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == code);
	kc_process_unref(p);
}

static void test_process(void)
{
	kc_process_options options = { .fn = end_in_folder, .dir = "/proc" };

	expect_process(older_without(&options, dir), 7);
	expect_process(older_without(&options, ends), 7);
	expect_process(first_form(&options, sizeof(options)), 8);
}

static void expect_restarts(const kc_supervisor_options *policy, unsigned int restarts)
{
	const kc_process_options process = { .fn = end_in_folder };
	kc_supervisor *s = NULL;

	must_int(kc_supervise(&s, NULL, &process, policy), 0);
	must_int(kc_supervisor_wait(s, NULL), 0);
	expect_int(kc_supervisor_restarts(s), restarts);
	kc_supervisor_unref(s);
}

static void test_supervisor(void)
{
	kc_supervisor_options policy = {
		.restart = KC_RESTART_ON_FAILURE,
		.limit = 2,
		.backoff = KC_MILLISECOND,
	};

	expect_restarts(older_without(&policy, stop_signal), 2);
	expect_restarts(older_without(&policy, restart), 0);
	expect_restarts(first_form(&policy, sizeof(policy)), 2);
}

static void *test_arg;

static void note_arg(kc_t *t)
{
	test_arg = kc_t_arg(t);
}

static void test_test(void)
{
	kc_test_options options = { .arg = &seen };

	expect_int(kc_test("x", note_arg, older_without(&options, jitter)),
		   KC_TEST_PASSED);
	expect(test_arg == &seen);
	expect_int(kc_test("x", note_arg, older_without(&options, arg)),
		   KC_TEST_PASSED);
	expect(!test_arg);
	expect_int(kc_test("x", note_arg, first_form(&options, sizeof(options))),
		   KC_TEST_PASSED);
	expect(test_arg == &seen);
}

static const struct tap_test tests[] = {
	{ "of a channel", test_chan },
	{ "of a goroutine", test_go },
	{ "of a pool of workers", test_pool },
	{ "of a process", test_process },
	{ "of a supervisor", test_supervisor },
	{ "of a test", test_test },
};

TAP_MAIN(tests)
