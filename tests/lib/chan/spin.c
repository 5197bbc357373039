// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call that finds nothing in a mapped ring looks again before it sleeps. How often is
 * counted, and no time is measured: the test goes with the call as a debugger does, and
 * counts the instructions that tell the processor that this is such a loop.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "common.h"

/* The most looks of one call, as in the library. */
#define SPINS	100
/* So many transfers of one direction are enough for a channel to be mapped. */
#define HOT	200

enum how {
	RECV,		/* from a channel that is empty */
	SEND,		/* to one that is full */
	RECV_N,
	SELECT,
};

struct round {
	enum how how;
	unsigned int arrives;	/* the look before which an element is sent; 0: none is */
	unsigned int looks;	/* that the call takes */
};

/* Who has looked for nothing looks half as often. Who was right, twice as often. */
static const struct round rounds[] = {
	{ RECV, 0, SPINS },
	{ RECV, 0, SPINS / 2 },
	{ RECV, 3, 3 },
	{ RECV, 0, SPINS / 2 },
	{ RECV, 0, SPINS / 4 },
	{ RECV, 0, SPINS / 8 },
	{ RECV, 0, SPINS / 16 },
	{ RECV, 0, SPINS / 32 },
	/* The last one stays, and can grow again. */
	{ RECV, 0, 1 },
	{ RECV, 1, 1 },
	{ RECV_N, 0, 2 },
	/* Another channel has a count of its own. */
	{ SEND, 0, SPINS },
	{ SEND, 0, SPINS / 2 },
	/* A select does not spin. */
	{ SELECT, 0, 0 },
	{ RECV, 0, 1 },
};

/* With one processor, nobody sends while we look. */
static const struct round alone[] = {
	{ RECV, 0, 0 },
	{ SEND, 0, 0 },
};

/* What the traced child tells: the descriptor that it receives from. */
static int *shared_fd;

static kc_chan *make_hot(void)
{
	kc_chan *c = make(8, 4);
	uint64_t i, got;

	for (i = 0; i < HOT; i++) {
		must_int(kc_send(c, &i), 0);
		must_int(kc_recv(c, &got), 1);
	}
	return c;
}

static void call_once(const struct round *round, kc_chan *empty, kc_chan *full)
{
	kc_case cases[2];
	uint64_t value = 7;
	long ret = 0;

	cases[0] = kc_case_recv(empty, &value);
	cases[1] = kc_case_send(full, &value);
	/* The parent goes with the child from here to the next one. */
	raise(SIGSTOP);
	switch (round->how) {
	case RECV:
		ret = kc_recv_timeout(empty, &value, 1);
		break;
	case SEND:
		ret = kc_send_timeout(full, &value, 1);
		break;
	case RECV_N:
		ret = kc_recv_n_timeout(empty, &value, 1, 1);
		break;
	case SELECT:
		ret = kc_select_timeout(cases, 2, 1);
		break;
	}
	raise(SIGSTOP);
	must_int(ret, round->arrives ? 1 : -ETIMEDOUT);
}

static void stay_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	must_int(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
}

static void be_traced(const struct round *round, unsigned int nr, bool one_cpu, int cpu)
{
	kc_chan *empty, *full;
	uint64_t i;

	if (one_cpu)
		stay_on(cpu);
	empty = make_hot();
	full = make_hot();
	/* A step takes far less if it wakes no other processor. */
	stay_on(cpu);
	for (i = 0; i < 4; i++)
		send_now(full, i);
	*shared_fd = kc_fd(empty);
	must_int(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
	for (; nr; nr--, round++)
		call_once(round, empty, full);
	_exit(0);
}

#ifdef __x86_64__
/* Lets the child go on, by one instruction or until it stops. False at the end of a call. */
static bool go(pid_t pid, int how)
{
	int status;

	must_int(ptrace(how, pid, NULL, NULL), 0);
	must_int(waitpid(pid, &status, 0), pid);
	must(WIFSTOPPED(status));
	if (WSTOPSIG(status) == SIGSTOP)
		return false;
	must_int(WSTOPSIG(status), SIGTRAP);
	return true;
}

static struct user_regs_struct registers(pid_t pid)
{
	struct user_regs_struct regs;

	must_int(ptrace(PTRACE_GETREGS, pid, NULL, &regs), 0);
	return regs;
}

static unsigned long code_at(pid_t pid, unsigned long at)
{
	unsigned long code;

	errno = 0;
	code = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	must_int(errno, 0);
	return code;
}

/* Puts a breakpoint at an instruction, and lets the child go to it. It is taken away then. */
static bool go_to(pid_t pid, unsigned long at)
{
	const unsigned long code = code_at(pid, at);
	struct user_regs_struct regs;
	bool there;

	must_int(ptrace(PTRACE_POKETEXT, pid, at, (code & ~0xffUL) | 0xcc), 0);
	there = go(pid, PTRACE_CONT);
	must_int(ptrace(PTRACE_POKETEXT, pid, at, code), 0);
	if (there) {
		regs = registers(pid);
		must(regs.rip == at + 1);
		regs.rip = at;
		must_int(ptrace(PTRACE_SETREGS, pid, NULL, &regs), 0);
	}
	return there;
}

/*
 * One step. What is not of this program is one step as a whole: the kernel's function that
 * reads the clock begins again if it takes too long, so it would not end step by step.
 */
static bool step(pid_t pid, unsigned long *at)
{
	extern const char __executable_start[], etext[];
	struct user_regs_struct regs;
	bool there;

	there = go(pid, PTRACE_SINGLESTEP);
	regs = registers(pid);
	*at = regs.rip;
	if (there && (regs.rip < (uintptr_t)__executable_start ||
		      regs.rip >= (uintptr_t)etext)) {
		*at = code_at(pid, regs.rsp);
		there = go_to(pid, *at);
	}
	return there;
}

/* Where the loop is, once it is known. */
static unsigned long loop;

/*
 * Goes with the child through one call, and returns how often it has looked. The first time
 * it goes step by step until the first look, which shows where the loop is.
 */
static unsigned int count_looks(pid_t pid, const struct round *round, int end)
{
	const uint64_t value = 1;
	unsigned int looks = 0;
	unsigned long at;
	bool there = true;
	int status;

	must_int(waitpid(pid, &status, 0), pid);
	must(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	if (loop)
		there = go_to(pid, loop);
	while (!loop && there) {
		there = step(pid, &at);
		if (there && (code_at(pid, at) & 0xffff) == 0x90f3)
			loop = at;
	}
	while (there) {
		if (++looks == round->arrives)
			must_int(write(end, &value, sizeof(value)), sizeof(value));
		must(go(pid, PTRACE_SINGLESTEP));
		there = go_to(pid, loop);
	}
	must_int(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	return looks;
}

static void go_with(const struct round *round, unsigned int nr, bool one_cpu)
{
	const int cpu = sched_getcpu();
	int child, end;
	pid_t pid;

	shared_fd = mmap(NULL, sizeof(*shared_fd), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared_fd != MAP_FAILED);
	*shared_fd = -1;
	if (in_child(&pid))
		be_traced(round, nr, one_cpu, cpu);
	stay_on(cpu);
	while (*(volatile int *)shared_fd < 0)
		sleep_ms(1);
	child = (int)syscall(SYS_pidfd_open, pid, 0);
	must(child >= 0);
	end = (int)syscall(SYS_pidfd_getfd, child, *shared_fd, 0);
	must(end >= 0);
	for (; nr; nr--, round++)
		expect_int(count_looks(pid, round, end), round->looks);
	expect_good(pid);
	close(end);
	close(child);
	munmap(shared_fd, sizeof(*shared_fd));
}
#else
static void go_with(const struct round *round, unsigned int nr, bool one_cpu)
{
	(void)be_traced;
	(void)round;
	(void)nr;
	(void)one_cpu;
	tap_skip("only on x86 the test knows the instruction");
}
#endif

static void test_several(void)
{
	cpu_set_t cpus;

	if (SANITIZED)
		tap_skip("a sanitizer takes too many instructions");
	must_int(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	if (CPU_COUNT(&cpus) == 1)
		tap_skip("there is one processor");
	go_with(rounds, ARRAY_SIZE(rounds), false);
}

static void test_one(void)
{
	if (SANITIZED)
		tap_skip("a sanitizer takes too many instructions");
	go_with(alone, ARRAY_SIZE(alone), true);
}

static const struct tap_test tests[] = {
	{ "a call looks so often before it sleeps", test_several },
	{ "with one processor it does not", test_one },
};

TAP_MAIN(tests)
