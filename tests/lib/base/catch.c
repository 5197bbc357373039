// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that several parts of the library catch. When no part catches a signal any
 * more, its previous action is restored, and no signal is lost. Needs no channel.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

static const int usr1 = SIGUSR1;

static kc_ctx *notified(void)
{
	kc_ctx *ctx;

	must_int(kc_notify_context(&ctx, NULL, &usr1, 1), 0);
	return ctx;
}

static void dump(void)
{
	must_int(kc_dump_on_signal(SIGUSR1, 0), 0);
}

/* Dumps must not go to the test's output. */
static void say_nothing(void)
{
	const int null = open("/dev/null", O_WRONLY);

	must(null >= 0);
	dup2(null, STDERR_FILENO);
	close(null);
}

static void expect_killed(pid_t pid)
{
	int status;

	must_int(waitpid(pid, &status, 0), pid);
	if (!expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1))
		tap_note("status %#x", status);
}

/* The child has the action from before all kc_catch(). */
static void expect_child_dies(void)
{
	const pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		raise(SIGUSR1);
		sleep_ms(1000);
		_exit(0);
	}
	expect_killed(pid);
}

/* The signal comes before the child has run: both share one processor. */
static void test_early(void)
{
	kc_ctx *ctx = notified();
	cpu_set_t one;
	pid_t pid;
	int i;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	must_int(sched_setaffinity(0, sizeof(one), &one), 0);
	for (i = 0; i < 50; i++) {
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			sleep_ms(1000);
			_exit(0);
		}
		must_int(kill(pid, SIGUSR1), 0);
		expect_killed(pid);
	}
	expect_int(kc_ctx_err(ctx), 0);
	kc_cancel_unref(ctx);
}

static void test_fork(void)
{
	kc_ctx *ctx = notified();

	say_nothing();
	dump();
	expect_child_dies();
	kc_cancel_unref(ctx);
	expect_child_dies();
}

static void test_fork_other_way(void)
{
	kc_ctx *ctx;

	say_nothing();
	dump();
	ctx = notified();
	expect_child_dies();
	kc_cancel_unref(ctx);
	expect_child_dies();
}

/* Redirects stderr to a file, from now on. */
static int keep_stderr(void)
{
	const int fd = memfd_create("dumps", MFD_CLOEXEC);

	must(fd >= 0);
	must(dup2(fd, STDERR_FILENO) >= 0);
	return fd;
}

/* Each dump has the first goroutine once. */
static int nr_dumps(int fd)
{
	static char text[65536];
	const char *at = text;
	ssize_t len;
	int nr;

	len = pread(fd, text, sizeof(text) - 1, 0);
	must(len >= 0);
	text[len] = '\0';
	for (nr = 0; (at = strstr(at, "goroutine 1 [")); nr++)
		at++;
	return nr;
}

/* Both parts get the signal. When one part stops, the other part continues. */
static void test_both(void)
{
	const int fd = keep_stderr();
	kc_ctx *ctx = notified();

	/* From now on, dumps show this goroutine. */
	must_int(kc_goid(), 1);
	dump();
	raise(SIGUSR1);
	until(nr_dumps(fd) == 1 && kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	/* Without the other part, this signal would end the process. */
	raise(SIGUSR1);
	until(nr_dumps(fd) == 2);
	ctx = notified();
	raise(SIGUSR1);
	until(nr_dumps(fd) == 3 && kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	raise(SIGUSR1);
	until(nr_dumps(fd) == 4);
}

static atomic_int handled;

static void handle(int signal)
{
	(void)signal;
	atomic_fetch_add(&handled, 1);
}

static void test_program(void)
{
	const struct sigaction action = { .sa_handler = handle };
	struct sigaction now;
	kc_ctx *ctx, *other;

	/* An action that the program installs meanwhile stays. */
	ctx = notified();
	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	kc_cancel_unref(ctx);
	must_int(sigaction(SIGUSR1, NULL, &now), 0);
	expect(now.sa_handler == handle);
	/* This action is also the previous one for a later kc_catch(). */
	ctx = notified();
	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	other = notified();
	raise(SIGUSR1);
	until(kc_ctx_err(ctx) && kc_ctx_err(other));
	kc_cancel_unref(ctx);
	kc_cancel_unref(other);
	must_int(sigaction(SIGUSR1, NULL, &now), 0);
	expect(now.sa_handler == handle);
	expect_int(atomic_load(&handled), 0);
}

static struct sigaction replaced;

/* A handler that calls the one it replaced, as those of other libraries do. */
static void chain(int signal, siginfo_t *info, void *context)
{
	if (atomic_fetch_add(&handled, 1) > 100)
		_exit(1);
	if (replaced.sa_flags & SA_SIGINFO)
		replaced.sa_sigaction(signal, info, context);
	else if (replaced.sa_handler != SIG_DFL && replaced.sa_handler != SIG_IGN)
		replaced.sa_handler(signal);
}

static void install_chain(void)
{
	const struct sigaction action = {
		.sa_sigaction = chain,
		.sa_flags = SA_SIGINFO,
	};

	must_int(sigaction(SIGUSR1, &action, &replaced), 0);
}

/* True if one signal is handled this many times, and not more often. */
static bool is_handled(int times)
{
	atomic_store(&handled, 0);
	raise(SIGUSR1);
	sleep_ms(20);
	return expect_int(atomic_load(&handled), times);
}

static void expect_in_child(int times)
{
	const pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (!pid)
		_exit(!is_handled(times));
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
}

/* A handler of the program that calls the library's handler. */
static void test_chain(void)
{
	kc_ctx *ctx;
	int round;

	for (round = 0; round < 2; round++) {
		ctx = notified();
		/*
		 * In the second round it is installed already, below the library's
		 * handler.
		 */
		if (!round)
			install_chain();
		raise(SIGUSR1);
		until(kc_ctx_err(ctx));
		expect_in_child(1);
		kc_cancel_unref(ctx);
		is_handled(1);
		expect_in_child(1);
	}
	/*
	 * The part gets the signal through the program's handler. After that, only that
	 * handler does.
	 */
	ctx = notified();
	install_chain();
	raise(SIGUSR1);
	until(kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	is_handled(1);
}

/* The library's handler calls the handler that was installed before it. */
static void test_chain_through(void)
{
	const struct sigaction action = { .sa_handler = handle };
	kc_ctx *ctx;

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	ctx = notified();
	install_chain();
	expect_in_child(2);
	is_handled(1);
	until(kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	is_handled(2);
	expect_in_child(2);
}

/*
 * The program restores the library's handler when no part catches the signal any more.
 */
static void test_stale(void)
{
	kc_ctx *ctx = notified();

	install_chain();
	kc_cancel_unref(ctx);
	must_int(sigaction(SIGUSR1, &replaced, NULL), 0);
	expect_child_dies();
	must(signal(SIGUSR1, handle) != SIG_ERR);
	ctx = notified();
	install_chain();
	kc_cancel_unref(ctx);
	must_int(sigaction(SIGUSR1, &replaced, NULL), 0);
	is_handled(1);
	is_handled(1);
}

/*
 * A stack for signals, to which the kernel can write only after the test allows it. So
 * a signal is taken, and its handler has not begun.
 */
#define STACK	((size_t)256 * 1024)

struct slow_stack {
	int uffd;
	void *memory;
	atomic_int tid;
	atomic_bool over;
};

static bool make_slow(struct slow_stack *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	s->memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(s->memory != MAP_FAILED);
	range.range.start = (uintptr_t)s->memory;
	range.range.len = STACK;
	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return s->uffd >= 0 && !ioctl(s->uffd, UFFDIO_API, &api) &&
	       !ioctl(s->uffd, UFFDIO_REGISTER, &range);
}

static void *spin_on(void *arg)
{
	struct slow_stack *s = arg;
	const stack_t stack = { .ss_sp = s->memory, .ss_size = STACK };
	const stack_t none = { .ss_flags = SS_DISABLE };

	must_int(sigaltstack(&stack, NULL), 0);
	atomic_store(&s->tid, gettid());
	while (!atomic_load(&s->over))
		;
	must_int(sigaltstack(&none, NULL), 0);
	return NULL;
}

/* True if the thread waits for a page. */
static bool is_held_up(const struct slow_stack *s, int ms)
{
	struct pollfd poll_it = { .fd = s->uffd, .events = POLLIN };

	return poll(&poll_it, 1, ms) == 1;
}

static void let_go_on(const struct slow_stack *s)
{
	struct uffdio_zeropage zero = { 0 };
	struct uffd_msg msg;

	while (is_held_up(s, 100)) {
		must_int(read(s->uffd, &msg, sizeof(msg)), sizeof(msg));
		zero.range.start = msg.arg.pagefault.address & ~(__u64)4095;
		zero.range.len = 4096;
		must_int(ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero), 0);
	}
}

static siginfo_t seen;
static pid_t seen_by;

static void see(int signal, siginfo_t *info, void *context)
{
	(void)context;
	seen = *info;
	seen_by = gettid();
	handle(signal);
}

/*
 * A signal is taken while a part catches it. Its handler begins when no part catches it
 * any more. Then the signal has its previous action, in the same thread, with the same
 * value.
 */
static void test_late(void)
{
	const struct sigaction action = {
		.sa_sigaction = see,
		.sa_flags = SA_SIGINFO,
	};
	struct slow_stack s = { .uffd = -1 };
	pthread_t thread;
	kc_ctx *ctx;

	if (SANITIZED)
		tap_skip("the sanitizer has handlers of its own");
	if (!make_slow(&s))
		tap_skip("no userfaultfd");
	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	ctx = notified();
	thread = start(spin_on, &s);
	until(atomic_load(&s.tid));
	must_int(pthread_sigqueue(thread, SIGUSR1, (union sigval){ 7 }), 0);
	until(is_held_up(&s, 0));
	kc_ctx_unref(ctx);
	expect_int(atomic_load(&handled), 0);
	let_go_on(&s);
	until(atomic_load(&handled));
	atomic_store(&s.over, true);
	join(thread);
	expect_int(atomic_load(&handled), 1);
	expect_int(seen_by, atomic_load(&s.tid));
	expect_int(seen.si_code, SI_QUEUE);
	expect_int(seen.si_value.sival_int, 7);
}

static const struct tap_test tests[] = {
	{ "a child does what was done before", test_fork },
	{ "in whatever order they came", test_fork_other_way },
	{ "one of two that stops leaves the other", test_both },
	{ "a signal that comes to a child early", test_early },
	{ "handlers of the program's own", test_program },
	{ "a handler that calls the library's", test_chain },
	{ "a handler below the library's is called by way of it", test_chain_through },
	{ "the library's handler is put back when nobody is told", test_stale },
	{ "a signal that comes when the last one stops", test_late },
};

TAP_MAIN(tests)
