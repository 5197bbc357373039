// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that several parts of the library catch, and what is done when they do not any
 * more: what was there before, and nothing is lost. Needs no channel.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
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

/* Dumps are none of the test's output. */
static void say_nothing(void)
{
	const int null = open("/dev/null", O_WRONLY);

	must(null >= 0);
	dup2(null, STDERR_FILENO);
	close(null);
}

static void expect_default(void)
{
	struct sigaction now;

	must_int(sigaction(SIGUSR1, NULL, &now), 0);
	expect(now.sa_handler == SIG_DFL);
}

/* It does what was done before any of it. */
static void expect_child_dies(void)
{
	const pid_t pid = fork();
	int status;

	must(pid >= 0);
	if (!pid) {
		expect_default();
		raise(SIGUSR1);
		sleep_ms(1000);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	if (!expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1))
		tap_note("status %#x", status);
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

/* Both are told; and the one that stays goes on when the other one stops. */
static void test_both(void)
{
	kc_ctx *ctx = notified();
	long long before;

	say_nothing();
	dump();
	raise(SIGUSR1);
	until(kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	/* It would be the end. */
	before = cpu_ns();
	raise(SIGUSR1);
	until(cpu_ns() - before > 10 * KC_MICROSECOND);
	ctx = notified();
	raise(SIGUSR1);
	until(kc_ctx_err(ctx));
	kc_cancel_unref(ctx);
	raise(SIGUSR1);
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

	/* What the program installs meanwhile stays. */
	ctx = notified();
	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	kc_cancel_unref(ctx);
	must_int(sigaction(SIGUSR1, NULL, &now), 0);
	expect(now.sa_handler == handle);
	/* And is what was there before, for who asks later. */
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

/*
 * A stack for signals that the kernel cannot write to before it is told: so a signal has
 * been taken, and the handler has not begun.
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

/* It comes while it is caught, and the handler begins when it is not any more. */
static void test_late(void)
{
	const struct sigaction action = { .sa_handler = handle };
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
	must_int(tgkill(getpid(), atomic_load(&s.tid), SIGUSR1), 0);
	until(is_held_up(&s, 0));
	kc_ctx_unref(ctx);
	expect_int(atomic_load(&handled), 0);
	let_go_on(&s);
	until(atomic_load(&handled));
	atomic_store(&s.over, true);
	join(thread);
	expect_int(atomic_load(&handled), 1);
}

static const struct tap_test tests[] = {
	{ "a child does what was done before", test_fork },
	{ "in whatever order they came", test_fork_other_way },
	{ "one of two that stops leaves the other", test_both },
	{ "handlers of the program's own", test_program },
	{ "a signal that comes when the last one stops", test_late },
};

TAP_MAIN(tests)
