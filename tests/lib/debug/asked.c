// SPDX-License-Identifier: GPL-2.0-only
/*
 * Goroutines that run, and are asked by a signal where they are.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "seen.h"

static atomic_bool stop;

static void spin(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		;
}

/* A running goroutine shows where it is. The caller is shown, too. */
static void test_running(void)
{
	struct wanted w;

	kc_set_goname("asks");
	go_named("runs", spin);
	until(goes_through((w = look_for("runs"), &w), spin));
	expect_int(w.g.state, KC_STATE_RUNNING);
	expect_int(w.g.flags, 0);
	expect_int(w.g.since, 0);
	w = look_for("asks");
	expect_int(w.seen, 1);
	expect_int(w.g.flags, KC_GOROUTINE_SELF | KC_GOROUTINE_THREAD);
	expect_int(w.g.id, 1);
	expect_int(w.g.parent, 0);
	expect(w.g.nr_pcs > 2);
	atomic_store(&stop, true);
}

/*
 * A goroutine that does not answer does not block the call, alone or with many others.
 */
#define DEAF	30

static atomic_uint deaf;

static void hear_nothing(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	atomic_fetch_add(&deaf, 1);
	while (!atomic_load(&stop))
		sleep_ms(1);
	(void)arg;
}

static void test_deaf(void)
{
	struct wanted w;
	long long begin;

	go_named("deaf", hear_nothing);
	until(atomic_load(&deaf) == 1);
	begin = tap_now_ns();
	expect_int(look_for("deaf").g.nr_pcs, 0);
	expect(tap_now_ns() - begin < 900 * KC_MILLISECOND);

	for (unsigned int i = 1; i < DEAF; i++)
		go_named("deaf", hear_nothing);
	until(atomic_load(&deaf) == DEAF);
	begin = tap_now_ns();
	w = look_for("deaf");
	expect_int(w.seen, DEAF);
	expect_int(w.g.nr_pcs, 0);
	/* Each has a tenth of a second, and all together have one second. */
	expect(tap_now_ns() - begin < 2500 * KC_MILLISECOND);
	expect(tap_now_ns() - begin > 900 * KC_MILLISECOND);
	/* The signals come in the end, and do no harm. */
	atomic_store(&stop, true);
	expect_int(kc_shutdown(), 0);
}

static atomic_uint handled;

static void handle(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

/* The program's handler for SIGURG stays, and is not called for questions. */
static void test_handler_stays(void)
{
	const struct sigaction action = { .sa_handler = handle };
	struct wanted w;

	must_int(sigaction(SIGURG, &action, NULL), 0);
	go_named("runs", spin);
	until(goes_through((w = look_for("runs"), &w), spin));
	expect_int(atomic_load(&handled), 0);
	raise(SIGURG);
	expect_int(atomic_load(&handled), 1);
	atomic_store(&stop, true);
}

static int ask_once_more(void *arg)
{
	struct wanted w;

	(void)arg;
	go_named("runs there", spin);
	for (int i = 0; i < 50; i++) {
		if (goes_through((w = look_for("runs there"), &w), spin))
			return 0;
		sleep_ms(20);
	}
	return 1;
}

/* A function's process begins without handlers, also without the library's. */
static void test_process(void)
{
	kc_process_options options = KC_PROCESS_OPTIONS_INIT;
	struct wanted w;
	kc_process *p;
	int status;

	go_named("runs", spin);
	until(goes_through((w = look_for("runs"), &w), spin));
	options.fn = ask_once_more;
	must_int(kc_process_start(&p, &options), 0);
	until(!kc_process_try_wait(p, &status));
	expect_int(status, 0);
	kc_process_unref(p);
	atomic_store(&stop, true);
}

/*
 * A page that cannot be read. A thread that reads it stays in the handler, with its
 * locks, until it has been asked, or until the test lets it continue.
 */
static struct {
	char *page;
	size_t size;
	bool until_asked;
	atomic_bool faulted;
	atomic_bool go_on;
} barred;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	char *const addr = info->si_addr;
	sigset_t none;

	if (addr < barred.page || addr >= barred.page + barred.size)
		_exit(signal);
	atomic_store(&barred.faulted, true);
	sigemptyset(&none);
	if (barred.until_asked)
		ppoll(NULL, 0, NULL, &none);
	while (!barred.until_asked && !atomic_load(&barred.go_on))
		sleep_ms(1);
	mprotect(barred.page, barred.size, PROT_READ | PROT_WRITE);
	(void)context;
}

static void bar(void *page, bool until_asked)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	barred.page = page;
	barred.until_asked = until_asked;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGURG);
	must_int(sigaction(SIGSEGV, &action, NULL), 0);
	must_int(mprotect(barred.page, barred.size, PROT_NONE), 0);
}

/*
 * The unwinder's own functions for code that is made at run time: this registers an
 * entry without code, and the end mark. A search for an unknown address reads beyond
 * the first word, with the unwinder's lock held.
 */
void __register_frame_info(const void *begin, void *object);
void *__deregister_frame_info(const void *begin);
const void *_Unwind_Find_FDE(void *pc, void *bases);

static atomic_bool unwind;

static void find_code(void *arg)
{
	static void *object[16];
	uint32_t *begin = (uint32_t *)barred.page - 1;
	void *bases[3];

	*begin = 12;
	until(atomic_load(&unwind));
	__register_frame_info(begin, object);
	expect(!_Unwind_Find_FDE((void *)16, bases));
	__deregister_frame_info(begin);
	(void)arg;
}

/*
 * It is asked before the other one: by then the asker has its own backtrace. It does
 * not answer, since an answer needs the unwinder's lock.
 */
static atomic_bool looked;

static void let_unwind(void *arg)
{
	sigset_t urgent, pending;

	sigemptyset(&urgent);
	sigaddset(&urgent, SIGURG);
	must_int(pthread_sigmask(SIG_BLOCK, &urgent, NULL), 0);
	kc_waitgroup_done(arg);
	do {
		sigpending(&pending);
	} while (!sigismember(&pending, SIGURG));
	atomic_store(&unwind, true);
	until(atomic_load(&looked));
	pthread_sigmask(SIG_UNBLOCK, &urgent, NULL);
}

/* A thread that holds the unwinder's lock does not wait for it, and continues. */
static void test_unwinds(void)
{
	kc_waitgroup ready = KC_WAITGROUP_INIT;
	long long begin;
	char *pages;

	barred.size = sysconf(_SC_PAGESIZE);
	pages = mmap(NULL, 2 * barred.size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(pages != MAP_FAILED);
	bar(pages + barred.size, true);
	kc_waitgroup_add(&ready, 1);
	must_int(kc_go(let_unwind, &ready), 0);
	kc_waitgroup_wait(&ready);
	go_named("unwinds", find_code);
	begin = tap_now_ns();
	expect_int(look_for("unwinds").seen, 1);
	expect(atomic_load(&barred.faulted));
	atomic_store(&looked, true);
	expect(tap_now_ns() - begin < 900 * KC_MILLISECOND);
	expect_int(kc_shutdown(), 0);
}

/* Three pages each, so that the middle one has no other function. */
#define ROOM	(3 * 4096)

static void __attribute__((noinline)) spin_below(void)
{
	volatile char room[ROOM];

	room[0] = room[ROOM - 1] = 0;
	bar((void *)((uintptr_t)__builtin_frame_address(0) & -barred.size), false);
	spin(NULL);
	room[0] = 1;
}

static void spin_deep(void *arg)
{
	volatile char room[ROOM];

	room[0] = room[ROOM - 1] = 0;
	spin_below();
	room[0] = 1;
	(void)arg;
}

/*
 * A thread that begins to answer, and does not finish, does not block the asker either.
 */
static void test_stuck(void)
{
	long long begin;

	if (THREAD_SANITIZED)
		tap_skip("the race detector blocks faults in handlers");
	barred.size = sysconf(_SC_PAGESIZE);
	go_named("is stuck", spin_deep);
	begin = tap_now_ns();
	until(look_for("is stuck").g.nr_pcs == 0 && atomic_load(&barred.faulted));
	expect(tap_now_ns() - begin < 900 * KC_MILLISECOND);
	/* It does not answer any more. The next question works. */
	atomic_store(&barred.go_on, true);
	until(look_for("is stuck").g.nr_pcs > 0);
	atomic_store(&stop, true);
	expect_int(kc_shutdown(), 0);
}

static const struct tap_test tests[] = {
	{ "who runs is asked where", test_running },
	{ "who does not answer holds nobody up", test_deaf },
	{ "the program's handler of the signal stays", test_handler_stays },
	{ "in the process of a function", test_process },
	{ "who has the unwinder's lock goes on", test_unwinds },
	{ "who does not come to an end of its answer is not waited for", test_stuck },
};

TAP_MAIN(tests)
