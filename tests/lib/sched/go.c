// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines. Needs no channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <kchan/testing.h>

#include "common.h"
#include "few.h"
#include "task.h"

struct counter {
	kc_waitgroup wg;
	atomic_uint count;
	pthread_t starter;
	atomic_bool same;
};

static void count_one(void *arg)
{
	struct counter *counter = arg;

	if (pthread_equal(pthread_self(), counter->starter))
		atomic_store(&counter->same, true);
	atomic_fetch_add(&counter->count, 1);
	kc_waitgroup_done(&counter->wg);
}

static void test_runs(void)
{
	struct counter counter = { .starter = pthread_self() };
	unsigned int i;

	for (i = 0; i < 50; i++) {
		kc_waitgroup_add(&counter.wg, 1);
		must_int(kc_go(count_one, &counter), 0);
	}
	kc_waitgroup_wait(&counter.wg);
	expect_int(atomic_load(&counter.count), 50);
	expect(!atomic_load(&counter.same));
}

struct tree {
	struct counter *counter;
	unsigned int depth;
};

static void grow(void *arg)
{
	struct tree *tree = arg;
	struct tree more = { tree->counter, tree->depth - 1 };
	int i;

	atomic_fetch_add(&tree->counter->count, 1);
	for (i = 0; tree->depth && i < 2; i++) {
		kc_waitgroup_add(&tree->counter->wg, 1);
		must_int(kc_go_copy(grow, &more, sizeof(more)), 0);
	}
	kc_waitgroup_done(&tree->counter->wg);
}

/* Goroutines start goroutines. */
static void test_tree(void)
{
	struct counter counter = { .count = 0 };
	struct tree tree = { &counter, 8 };

	kc_waitgroup_add(&counter.wg, 1);
	must_int(kc_go_copy(grow, &tree, sizeof(tree)), 0);
	kc_waitgroup_wait(&counter.wg);
	expect_int(atomic_load(&counter.count), 511);
}

static struct {
	kc_waitgroup wg;
	atomic_uint sum;
	atomic_bool wrong;
	size_t size;
} copies;

static void add_copy(void *arg)
{
	atomic_fetch_add(&copies.sum, *(int *)arg);
	kc_waitgroup_done(&copies.wg);
}

static void check_copy(void *arg)
{
	const unsigned char *bytes = arg;
	size_t i;

	if ((uintptr_t)arg % _Alignof(max_align_t))
		atomic_store(&copies.wrong, true);
	/* The starter may have changed the original by then. */
	kc_sleep(KC_MILLISECOND);
	for (i = 0; i < copies.size; i++)
		if (bytes[i] != (unsigned char)(i * 7))
			atomic_store(&copies.wrong, true);
	kc_waitgroup_done(&copies.wg);
}

static void test_copy(void)
{
	const size_t sizes[] = { 1, 8, 63, 64, 65, 4096, 1 << 20 };
	unsigned char *bytes = malloc(1 << 20);
	size_t i, j;
	int n;

	/* The loop's variable changes before the goroutines run. */
	kc_waitgroup_add(&copies.wg, 10);
	for (n = 1; n <= 10; n++)
		must_int(kc_go_copy(add_copy, &n, sizeof(n)), 0);
	kc_waitgroup_wait(&copies.wg);
	expect_int(atomic_load(&copies.sum), 55);

	must(bytes);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		tap_about("%zu bytes", sizes[i]);
		copies.size = sizes[i];
		for (j = 0; j < sizes[i]; j++)
			bytes[j] = j * 7;
		kc_waitgroup_add(&copies.wg, 1);
		must_int(kc_go_copy(check_copy, bytes, sizes[i]), 0);
		memset(bytes, 0xff, sizes[i]);
		kc_waitgroup_wait(&copies.wg);
		expect(!atomic_load(&copies.wrong));
	}
	free(bytes);
}

static void see_no_copy(void *arg)
{
	atomic_store(&copies.wrong, !arg || arg == &copies);
	kc_waitgroup_done(&copies.wg);
}

/* With a size of 0, @fn does not get the address of the original. */
static void test_copy_of_nothing(void)
{
	kc_waitgroup_add(&copies.wg, 1);
	must_int(kc_go_copy(see_no_copy, &copies, 0), 0);
	kc_waitgroup_wait(&copies.wg);
	expect(!atomic_load(&copies.wrong));
	kc_waitgroup_add(&copies.wg, 1);
	must_int(kc_go_copy(see_no_copy, NULL, 0), 0);
	kc_waitgroup_wait(&copies.wg);
	expect(!atomic_load(&copies.wrong));
}

struct stack {
	kc_waitgroup wg;
	size_t size, guard;
	size_t use;
	char last;
};

static __attribute__((noinline)) char touch(size_t left)
{
	volatile char room[1024];

	room[0] = left / sizeof(room);
	if (left > 2 * sizeof(room))
		room[0] += touch(left - sizeof(room) - 64);
	return room[0];
}

static void use_stack(void *arg)
{
	struct stack *stack = arg;
	pthread_attr_t attr;

	stack->last = touch(stack->use);
	if (!pthread_getattr_np(pthread_self(), &attr)) {
		pthread_attr_getstacksize(&attr, &stack->size);
		pthread_attr_getguardsize(&attr, &stack->guard);
		pthread_attr_destroy(&attr);
	}
	kc_waitgroup_done(&stack->wg);
}

static void test_stack(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct stack stack = { .use = 62 * 1024 };

	kc_waitgroup_add(&stack.wg, 1);
	must_int(kc_go(use_stack, &stack), 0);
	kc_waitgroup_wait(&stack.wg);
	expect(stack.size >= 64 * 1024);
	/* The stack is small, whatever the default for threads is. */
	if (!SANITIZED)
		expect(stack.size <= 512 * 1024);
	expect(stack.guard > 0);

	options.stack_size = 3000 * 1000;
	stack.use = 2990 * 1000;
	kc_waitgroup_add(&stack.wg, 1);
	must_int(kc_go_opts(use_stack, &stack, &options), 0);
	kc_waitgroup_wait(&stack.wg);
	expect(stack.size >= 3000 * 1000);

	options.stack_size = 32 << 20;
	stack.use = (32 << 20) - 1024;
	kc_waitgroup_add(&stack.wg, 1);
	must_int(kc_go_opts(use_stack, &stack, &options), 0);
	kc_waitgroup_wait(&stack.wg);
	expect(stack.size >= 32 << 20);

	/* The error comes at once, not when the goroutine starts. */
	options.stack_size = SIZE_MAX;
	expect_int(kc_go_opts(use_stack, &stack, &options), -EINVAL);
	options.stack_size = SIZE_MAX / 16;
	expect_int(kc_go_opts(use_stack, &stack, &options), -EAGAIN);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void test_options(void)
{
	struct {
		kc_go_options options;
		char more[8];
	} later = { .options = KC_GO_OPTIONS_INIT };
	kc_go_options options = KC_GO_OPTIONS_INIT;

	expect_int(kc_go_opts(do_nothing, NULL, &options), 0);
	options.flags = 1u << 31;
	expect_int(kc_go_opts(do_nothing, NULL, &options), -EINVAL);
	options.flags = 0;
	options.size--;
	expect_int(kc_go_opts(do_nothing, NULL, &options), -EINVAL);
	options.size = UINT32_MAX;
	expect_int(kc_go_opts(do_nothing, NULL, &options), -E2BIG);
	later.options.size = sizeof(later);
	expect_int(kc_go_opts(do_nothing, NULL, &later.options), 0);
	later.more[7] = 1;
	expect_int(kc_go_opts(do_nothing, NULL, &later.options), -E2BIG);
	must_int(kc_shutdown(), 0);
}

struct who {
	uint64_t id;
	char name[40];
	char comm[16];
	char later[16];
};

static void tell(void *arg)
{
	struct who *who = arg;

	who->id = kc_goid();
	strcpy(who->name, kc_goname());
	thread_name(gettid(), who->comm);
	kc_set_goname("another");
	expect(!strcmp(kc_goname(), "another"));
	thread_name(gettid(), who->later);
}

static void *tell_thread(void *arg)
{
	tell(arg);
	return NULL;
}

static void test_names(void)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;
	struct who one = { .id = 0 }, two = { .id = 0 }, three = { .id = 0 };
	char mine[16], later[16];

	thread_name(gettid(), mine);
	expect_int(kc_goid(), 1);
	expect(!strcmp(kc_goname(), ""));
	options.name = "a name of more than 15 bytes, and than 31";
	must_int(kc_go_opts(tell, &one, &options), 0);
	must_int(kc_shutdown(), 0);
	must_int(kc_go(tell, &two), 0);
	must_int(kc_shutdown(), 0);
	join(start(tell_thread, &three));

	expect(one.id > 1 && two.id > one.id && three.id > two.id);
	expect(!strcmp(one.name, "a name of more than 15 bytes, a"));
	expect(!strcmp(one.comm, "a name of more "));
	expect(!strcmp(one.later, "another"));
	expect(!strcmp(two.name, ""));
	expect(!strcmp(two.comm, mine));
	expect(!strcmp(three.name, ""));

	/* The name of the process does not change. */
	kc_set_goname("main");
	expect(!strcmp(kc_goname(), "main"));
	thread_name(gettid(), later);
	expect(!strcmp(later, mine));
	kc_set_goname(NULL);
	expect(!strcmp(kc_goname(), ""));
	expect_int(kc_goid(), 1);
}

static void on_signal(int signal)
{
	(void)signal;
}

struct sleeper {
	kc_waitgroup wg;
	atomic_int tid;
	atomic_bool over;
};

static void sleep_some(void *arg)
{
	struct sleeper *s = arg;

	atomic_store(&s->tid, gettid());
	kc_sleep(200 * KC_MILLISECOND);
	atomic_store(&s->over, true);
}

static void test_sleep(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct sleeper s = { .tid = 0 };
	long long from = tap_now_ns();

	kc_sleep(0);
	kc_sleep(-KC_SECOND);
	kc_sleep(INT64_MIN);
	kc_gosched();
	expect(tap_now_ns() - from < KC_SECOND);

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	from = tap_now_ns();
	must_int(kc_waitgroup_go(&s.wg, sleep_some, &s), 0);
	until(atomic_load(&s.tid));
	while (!atomic_load(&s.over)) {
		tgkill(getpid(), atomic_load(&s.tid), SIGUSR1);
		sleep_ms(10);
		must(tap_now_ns() - from < tap_patience() * KC_SECOND);
	}
	expect(tap_now_ns() - from >= 200 * KC_MILLISECOND);
	kc_waitgroup_wait(&s.wg);
}

static void block(void *arg)
{
	kc_waitgroup_wait(arg);
}

/* Starts goroutines until the system allows no more. */
static void test_limit(void)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;

	have_few_threads(20);
	kc_waitgroup_add(&never, 1);
	expect(take_all_threads(&never) > 0);
	expect_int(kc_waitgroup_go(&never, block, &never), -EAGAIN);
	/* The failed start had no effect. */
	kc_waitgroup_done(&never);
	kc_waitgroup_wait(&never);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
	expect_int(kc_go(do_nothing, NULL), 0);
}

/* Uses up the address space. */
static void test_no_room(void)
{
	const struct rlimit some = { 64 << 20, 64 << 20 };
	kc_waitgroup never = KC_WAITGROUP_INIT;
	int i, ret = 0;

	if (SANITIZED)
		tap_skip("the sanitizer needs address space");
	must_int(setrlimit(RLIMIT_AS, &some), 0);
	kc_waitgroup_add(&never, 1);
	for (i = 0; i < 10000 && !ret; i++)
		ret = kc_go(block, &never);
	expect(ret == -EAGAIN || ret == -ENOMEM);
	expect(i > 30);
	kc_waitgroup_done(&never);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

/* Of address space there is enough for a stack, but not for the guard of others too. */
static void test_little_room(void)
{
	struct stack stack = { .use = 62 * 1024 };
	struct rlimit limit;

	if (SANITIZED)
		tap_skip("the sanitizer needs address space");
	must_int(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = address_space() + 768 * 1024;
	must_int(setrlimit(RLIMIT_AS, &limit), 0);
	kc_waitgroup_add(&stack.wg, 1);
	must_int(kc_go(use_stack, &stack), 0);
	kc_waitgroup_wait(&stack.wg);
	expect(stack.size >= 64 * 1024);
	expect_int(stack.guard, 64 * 1024);
}

struct crowd {
	kc_waitgroup go_on, ended;
	atomic_uint here;
};

static void wait_in_crowd(void *arg)
{
	struct crowd *crowd = arg;

	atomic_fetch_add(&crowd->here, 1);
	kc_waitgroup_wait(&crowd->go_on);
}

/* Ten thousand goroutines are blocked at once. */
static void test_ten_thousand(void)
{
	unsigned int i, count = tap_scale(10000);
	struct crowd crowd = { .here = 0 };
	struct sysinfo system;
	int ret = 0;

	/* Each takes about 45 KiB, and with a sanitizer much more. */
	if (SANITIZED)
		count /= 20;
	else if (!sysinfo(&system) && system.totalram * system.mem_unit < 1 << 30) {
		count /= 10;
		tap_note("in little memory: %u of them", count);
	}
	kc_waitgroup_add(&crowd.go_on, 1);
	for (i = 0; i < count && !ret; i++)
		ret = kc_waitgroup_go(&crowd.ended, wait_in_crowd, &crowd);
	if (ret && getuid()) {
		tap_skip("this user may not have as many threads");
	}
	if (!expect_int(ret, 0))
		tap_note("it was number %u", i);
	else
		until(atomic_load(&crowd.here) == count);
	expect(count_threads() > count || ret);
	kc_waitgroup_done(&crowd.go_on);
	kc_waitgroup_wait(&crowd.ended);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

static void go_nil(void *arg)
{
	(void)arg;
	(void)!kc_go(NULL, NULL);
}

static void go_copy_nil(void *arg)
{
	(void)!kc_go_copy(NULL, &arg, sizeof(arg));
}

static void waitgroup_go_nil(void *arg)
{
	(void)!kc_waitgroup_go(arg, NULL, NULL);
}

static void group_go_nil(void *arg)
{
	kc_group g = KC_GROUP_INIT;

	(void)arg;
	(void)!kc_group_go(&g, NULL, NULL);
}

static void timer_nil(void *arg)
{
	(void)arg;
	(void)!kc_timer_func(NULL, 0, NULL, NULL);
}

static void after_nil(void *arg)
{
	(void)arg;
	(void)!kc_after_func(NULL, NULL, NULL, NULL);
}

static void flight_nil(void *arg)
{
	kc_flight flight = KC_FLIGHT_INIT;
	kc_chan *c;

	(void)arg;
	(void)!kc_flight_do_chan(&flight, "key", NULL, NULL, &c);
}

static void generate_nil(void *arg)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c;

	(void)arg;
	(void)!kc_generate(&c, NULL, NULL, &opts, NULL, NULL);
}

static void t_go_nil(void *arg)
{
	(void)arg;
	(void)!kc_t_go(NULL, NULL, NULL);
}

static void test_of_nil(void *arg)
{
	(void)arg;
	(void)!kc_test("nil", NULL, NULL);
}

/* The report shows the place of the mistake. */
static void test_nil(void)
{
	void (*const calls[])(void *arg) = {
		go_nil, go_copy_nil, waitgroup_go_nil, group_go_nil, timer_nil,
		after_nil, flight_nil, generate_nil, t_go_nil, test_of_nil,
	};
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_panic_info info;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		tap_about("call %zu", i);
		must_int(kc_protect(calls[i], &wg, &info), 1);
		expect(!strcmp(info.text, "go of nil func value"));
		kc_panic_info_clear(&info);
	}
	kc_waitgroup_wait(&wg);
}

static const struct tap_test tests[] = {
	{ "each runs once, in a thread of its own", test_runs },
	{ "goroutines start goroutines", test_tree },
	{ "no function is a panic", test_nil },
	{ "arguments are copied", test_copy },
	{ "a copy of nothing is not the original", test_copy_of_nothing },
	{ "stacks are small, or as large as asked for, and guarded", test_stack },
	{ "options", test_options },
	{ "numbers and names", test_names },
	{ "sleep, through signals", test_sleep },
	{ "at the system's limit: EAGAIN", test_limit },
	{ "without address space for more", test_no_room },
	{ "with little address space", test_little_room },
	{ "ten thousand blocked at once", test_ten_thousand },
};

TAP_MAIN(tests)
