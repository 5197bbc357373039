// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults that become panics, and faults that do not; stack overflows. Needs no channel.
 * It is linked with the shared library, because the object in which a fault happens
 * matters.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "death.h"
#include "task.h"

#define noinline __attribute__((noinline))

#define SAID(...)	((const char *const []){ __VA_ARGS__, NULL })

static void here(void)
{
}

static void want_panics(void)
{
	int ret = kc_panic_on_fault(here);

#if !defined(__x86_64__) && !defined(__aarch64__)
	expect_int(ret, -EOPNOTSUPP);
	tap_skip("not on this architecture");
#endif
	must_int(ret, 0);
}

/* So that the compiler does not remove or inline calls. */
static volatile int sink;

static noinline int load(volatile int *at)
{
	return *at;
}

static noinline void loads(void *arg)
{
	sink = load(arg);
}

/* A sanitizer must not catch this. */
static noinline __attribute__((no_sanitize("undefined")))
int divide(volatile int *by)
{
	return 100 / *by;
}

static noinline void divides(void *arg)
{
	sink = divide(arg);
}

static bool mentions(kc_panic_info *info, const char *text)
{
	char *report = kc_panic_report(info);
	bool found = report && strstr(report, text);

	if (!found)
		tap_note("%s", report ? report : "no report");
	free(report);
	return found;
}

static void test_segv(void)
{
	kc_panic_info info;
	int i;

	want_panics();
	/* It works again: the signal is not left blocked. */
	for (i = 0; i < 3; i++) {
		must_int(kc_protect(loads, (void *)16, &info), 1);
		expect(mentions(&info, "panic: runtime error: invalid memory "
				"address or nil pointer dereference\n[signal "
				"SIGSEGV code=0x1 addr=0x10 pc=0x"));
		/* The report has the function with the fault, and its callers. */
		expect(mentions(&info, "[running]:\nload\n\t"));
		expect(mentions(&info, "\nloads\n\t"));
		expect(mentions(&info, "\ntest_segv\n\t"));
		kc_panic_info_clear(&info);
	}
}

static void test_bus(void)
{
	char name[] = "/tmp/kchan-test-XXXXXX";
	int fd = mkstemp(name);
	kc_panic_info info;
	void *map;

	want_panics();
	must(fd >= 0);
	unlink(name);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	must(map != MAP_FAILED);
	must_int(kc_protect(loads, map, &info), 1);
	expect(mentions(&info, "[signal SIGBUS"));
	kc_panic_info_clear(&info);
}

static void test_fpe(void)
{
	kc_panic_info info;
	int zero = 0, one = 1;

	want_panics();
#ifdef __aarch64__
	/* The result is 0. */
	expect_int(kc_protect(divides, &zero, NULL), 0);
	tap_skip("no fault on this architecture");
#endif
	must_int(kc_protect(divides, &zero, &info), 1);
	expect(mentions(&info, "runtime error: integer divide by zero\n"));
	expect(mentions(&info, "[running]:\ndivide\n\t"));
	kc_panic_info_clear(&info);
	expect_int(kc_protect(divides, &one, NULL), 0);
}

static int deferred;

static void recovers(void *arg)
{
	deferred += kc_recover(arg);
}

static void recovers_load(void *arg)
{
	KC_DEFER_SCOPE;

	kc_defer(recovers, NULL);
	sink = load(arg);
}

static void *thread(void *arg)
{
	expect_int(kc_protect(recovers_load, arg, NULL), 0);
	return NULL;
}

/* In goroutines, and in other threads, whose stacks are not the library's. */
static void test_threads(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	int i;

	want_panics();
	for (i = 1; i <= 5; i++) {
		must_int(kc_waitgroup_go(&wg, recovers_load, (void *)8), 0);
		kc_waitgroup_wait(&wg);
		expect_int(deferred, i);
	}
	join(start(thread, (void *)8));
	expect_int(deferred, i);
}

static void start_load(void *arg)
{
	want_panics();
	must_int(kc_go(loads, arg), 0);
	for (;;)
		pause();
}

static void test_fatal(void)
{
	want_panics();
	expect_abort(start_load, (void *)24,
		     SAID("panic: runtime error: invalid memory address or nil "
			  "pointer dereference\n[signal SIGSEGV code=0x1 "
			  "addr=0x18 pc=0x", "\n\ngoroutine ",
			  " [running]:\nload\n\t", "fault.c:", "\nloads\n\t",
			  "\ncreated by start_load in goroutine 1\n"));
}

static void dies_of_load(void *arg)
{
	if (kc_protect(loads, arg, NULL))
		_exit(1);
}

static void measures(void *arg)
{
	sink = strlen(arg);
}

static void in_libc(void *arg)
{
	want_panics();
	if (kc_protect(measures, arg, NULL))
		_exit(1);
}

static void lets_lock(void *arg)
{
	kc_mutex_lock(arg);
}

static void in_libkchan(void *arg)
{
	want_panics();
	if (kc_protect(lets_lock, arg, NULL))
		_exit(1);
}

static void sent(void *arg)
{
	(void)arg;
	want_panics();
	raise(SIGSEGV);
}

static void expect_segv(void (*fn)(void *arg), void *arg)
{
	struct death *death = malloc(sizeof(*death));

	must(death);
	die_in(death, fn, arg);
	expect(WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGSEGV);
	expect(!strcmp(death->said, ""));
	free(death);
}

/* Other faults end the program as always. */
static void test_not_ours(void)
{
	if (SANITIZED)
		tap_skip("the sanitizer handles them");
	tap_about("not asked for");
	expect_segv(dies_of_load, (void *)8);
	want_panics();
	tap_about("in libc");
	expect_segv(in_libc, (void *)8);
	tap_about("in libkchan");
	expect_segv(in_libkchan, (void *)8);
	tap_about("sent by somebody");
	expect_segv(sent, NULL);
}

static volatile sig_atomic_t handled;

static void on_segv(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	handled = info->si_value.sival_int;
}

/* The previous handler still gets all other faults. */
static void test_chained(void)
{
	struct sigaction action = {
		.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO,
	};
	const union sigval value = { .sival_int = 77 };

	must_int(kc_shutdown(), 0);
	must_int(sigaction(SIGSEGV, &action, NULL), 0);
	want_panics();
	must_int(sigqueue(getpid(), SIGSEGV, value), 0);
	expect_int(handled, 77);
	expect_int(kc_protect(loads, (void *)8, NULL), 1);
	expect_int(handled, 77);
}

static void test_objects(void)
{
	int data;

	want_panics();
	/* A second call has no effect. */
	want_panics();
	if (!SANITIZED)
		expect_int(kc_panic_on_fault((void (*)(void))abort),
			   -EOPNOTSUPP);
	expect_int(kc_panic_on_fault((void (*)(void))kc_gosched), -EOPNOTSUPP);
	expect_int(kc_panic_on_fault((void (*)(void))(uintptr_t)&data), -EINVAL);
	expect_int(kc_panic_on_fault(NULL), -EINVAL);
}

static noinline int descend(int depth)
{
	volatile char room[1000];

	room[0] = depth;
	if (depth == sink)
		return 0;
	return descend(depth + 1) + room[0];
}

static noinline void overflows(void *arg)
{
	(void)arg;
	sink = -1;
	sink = descend(0);
}

static void start_overflow(void *arg)
{
	kc_go_options options = KC_GO_OPTIONS_INIT;

	options.name = "deep";
	/* A stack overflow cannot be recovered. */
	options.flags = KC_GO_SAFE;
	if (arg)
		want_panics();
	must_int(kc_go_opts(overflows, NULL, &options), 0);
	for (;;)
		pause();
}

/*
 * More than a stack, for which libc wants 128 KiB on arm64 beside those of the library,
 * and less than its guard.
 */
#define LEAP	(512 * 1024)

static noinline void leaps(void *arg)
{
	volatile char room[LEAP];

	room[0] = arg != NULL;
	sink = room[0];
}

static void start_leap(void *arg)
{
	must_int(kc_go(leaps, arg), 0);
	for (;;)
		pause();
}

/* The array is larger than the stack. The function uses only its far end. */
static noinline void use_far_end(void)
{
	char array[LEAP];

	memset(array, 0, 8 * 1024);
	__asm__ volatile("" : : "r"(array) : "memory");
}

static void jumps(void *arg)
{
	(void)arg;
	use_far_end();
	for (;;)
		pause();
}

static void wait_beside(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

/* It would hit the stacks of goroutines that were started before or after. */
static void start_jump(void *arg)
{
	int i;

	for (i = 0; i < 4; i++)
		must_int(kc_go(wait_beside, arg), 0);
	must_int(kc_go(jumps, arg), 0);
	for (i = 0; i < 4; i++)
		must_int(kc_go(wait_beside, arg), 0);
	for (;;)
		pause();
}

static void test_jump(void)
{
	if (SANITIZED)
		tap_skip("the sanitizer handles overflows");
	if (sizeof(void *) == 4)
		tap_skip("the guard is small");
	expect_abort(start_jump, NULL,
		     SAID("fatal error: stack overflow\n\ngoroutine ",
			  "\njumps\n"));
}

static void test_overflow(void)
{
	const char *const *said =
		SAID("fatal error: stack overflow\n\ngoroutine ",
		     " \"deep\" [running]:\ndescend\n\t", "fault.c:",
		     "\ndescend\n\t");

	if (SANITIZED)
		tap_skip("the sanitizer handles them");
	expect_abort(start_overflow, NULL, said);
	expect_abort(start_overflow, (void *)1, said);
	/* A frame that is larger than the whole stack. */
	expect_abort(start_leap, NULL,
		     SAID("fatal error: stack overflow\n\ngoroutine ",
			  " [running]:\nleaps\n\t"));
}

static struct rlimit unlimited;

/* What is farther below the stack than its guard reaches is not of the stack. */
static noinline void load_below_guard(void *arg)
{
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0) & -4096UL;
	void *below = (void *)(here - 700 * 1024);

	must_int(setrlimit(RLIMIT_AS, &unlimited), 0);
	below = mmap(below, 4096, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	must(below != MAP_FAILED);
	expect_int(kc_protect(loads, below, NULL), 1);
	kc_waitgroup_done(arg);
}

/* Where there is no address space for the large one. */
static void test_small_guard(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct rlimit limit;

	if (SANITIZED)
		tap_skip("the sanitizer needs address space");
	want_panics();
	must_int(getrlimit(RLIMIT_AS, &unlimited), 0);
	limit = unlimited;
	limit.rlim_cur = address_space() + 768 * 1024;
	must_int(setrlimit(RLIMIT_AS, &limit), 0);
	kc_waitgroup_add(&wg, 1);
	must_int(kc_go(load_below_guard, &wg), 0);
	kc_waitgroup_wait(&wg);
}

static const struct tap_test tests[] = {
	{ "an address that is not there", test_segv },
	{ "a file that is not that long", test_bus },
	{ "a division by zero", test_fpe },
	{ "in goroutines, and in other threads", test_threads },
	{ "one that nobody recovers", test_fatal },
	{ "in libc and libkchan, or not asked for", test_not_ours },
	{ "who handled the signal before", test_chained },
	{ "which objects", test_objects },
	{ "a stack overflow", test_overflow },
	{ "a large array of a small stack", test_jump },
	{ "an address below a small guard", test_small_guard },
};

TAP_MAIN(tests)
