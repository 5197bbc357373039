// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making processes, and what they do before they are what they are to be.
 *
 * A program's process shares all memory with us, and our thread stands still, until
 * it executes the program: so nothing is copied, and it does not matter which locks
 * other threads hold, as long as it takes none. An error it leaves in memory.
 *
 *	we					the child
 *	------					---------
 *	block signals
 *	clone() ............................... has no handlers any more
 *	  :					arranges its descriptors
 *	  :					unblocks signals, executes
 *	unblock signals
 *
 * A function's process is one of fork(), with all that libc and this library do
 * then. It must not end before there is a pidfd of it, lest its number be another's
 * by then (if SIGCHLD is ignored), and it has no other way to tell an error: so
 * both talk over a socket.
 *
 *	we					the child
 *	------					---------
 *	fork() ................................ has no handlers any more
 *	pidfd_open()				arranges its descriptors
 *	receive		<-- 0 or an error --	send
 *	send		------ go ahead ----->	receive
 *						calls the function
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/proc.h"
#include "chan/handle.h"
#include "panic/crash.h"
#include "panic/panicking.h"
#include "process/spawn.h"

/* Enough for a few system calls. */
#define STACK_SIZE	((size_t)64 * 1024)

#define NOT_EXECUTED	127

/* What the sanitizers would want to know at its end never comes. */
#define PLAIN	__attribute__((no_sanitize("address", "thread", "undefined")))

/*
 * libc's clone(), under a name that no sanitizer puts one of its own in the place of:
 * those take a child to have memory of its own.
 */
extern int __clone(int (*fn)(void *arg), void *stack, int flags, void *arg, ...);

static bool is_handler(void (*handler)(int signal))
{
	return handler != SIG_DFL && handler != SIG_IGN;
}

/*
 * Handlers are of the process that set them; what is ignored stays so. Before a
 * program is executed, by the kernel alone.
 */
static void reset_all_handlers(void)
{
	const struct kc_sigaction by_default = { .flags = 0 };
	struct kc_sigaction action;
	int i;

	for (i = 1; i <= KC_SIGNALS; i++)
		if (!sys_sigaction(i, NULL, &action) && is_handler(action.handler))
			sys_sigaction(i, &by_default, NULL);
}

/* For a function. Who tells of faults does so here, too. */
static void reset_handlers(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct sigaction action;
	int i;

	/* Of its own ones libc does not tell. */
	for (i = 1; i <= KC_SIGNALS; i++)
		if (!kc_is_fault(i) && !sigaction(i, NULL, &action) &&
		    is_handler(action.sa_handler))
			sigaction(i, &by_default, NULL);
}

static void block_signals(struct kc_sigmask *old)
{
	struct kc_sigmask all;

	memset(&all, 0xff, sizeof(all));
	sys_set_sigmask(&all, old);
}

/* The same descriptor, out of the way of those to be. */
static int lift(int fd, size_t end)
{
	int ret = sys_dup_above(fd, end);

	return ret == -EINVAL ? -EMFILE : ret;
}

static int lift_stdio(int fd, size_t end)
{
	if (fd < 0)
		fd = sys_open("/dev/null", O_RDWR);
	return fd < 0 ? fd : lift(fd, end);
}

static int lift_all(const struct kc_spawn *spawn, int *tmp, size_t end)
{
	size_t i;

	for (i = 0; i < spawn->nr_ends; i++) {
		tmp[KC_FIRST_END + i] = lift(spawn->ends[i]->fd, end);
		if (tmp[KC_FIRST_END + i] < 0)
			return tmp[KC_FIRST_END + i];
	}
	if (!spawn->has_stdio)
		return 0;
	for (i = 0; i < KC_FIRST_END; i++) {
		tmp[i] = lift_stdio(spawn->stdio[i], end);
		if (tmp[i] < 0)
			return tmp[i];
	}
	return 0;
}

static int close_others(size_t end, int keep)
{
	int ret;

	if (keep < 0)
		return sys_close_range(end, UINT_MAX);
	ret = keep > (int)end ? sys_close_range(end, keep - 1) : 0;
	return ret ? ret : sys_close_range(keep + 1, UINT_MAX);
}

int kc_spawn_arrange(const struct kc_spawn *spawn, int *tmp, int *keep)
{
	const size_t end = KC_FIRST_END + spawn->nr_ends;
	size_t i;
	int ret;

	if (*keep >= 0) {
		ret = lift(*keep, end);
		if (ret < 0)
			return ret;
		sys_close(*keep);
		*keep = ret;
	}
	ret = lift_all(spawn, tmp, end);
	if (ret)
		return ret;
	for (i = spawn->has_stdio ? 0 : KC_FIRST_END; i < end; i++) {
		ret = sys_dup_to(tmp[i], i);
		if (ret < 0)
			return ret;
	}
	ret = close_others(end, *keep);
	if (!ret && spawn->dir)
		ret = sys_chdir(spawn->dir);
	return ret;
}

struct program {
	const struct kc_spawn *spawn;
	int *tmp;
	struct kc_sigmask mask;
	int error;
};

/* As a shell looks for a program: what cannot be executed is not what is meant. */
static bool look_further(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES ||
	       error == -ESTALE || error == -ENODEV || error == -ETIMEDOUT;
}

/* On a stack of its own, with memory that is its parent's. */
PLAIN static int run_program(void *data)
{
	struct program *program = data;
	const struct kc_spawn *spawn = program->spawn;
	int keep = -1;
	size_t i;
	int ret;

	reset_all_handlers();
	program->error = kc_spawn_arrange(spawn, program->tmp, &keep);
	if (program->error)
		return NOT_EXECUTED;
	sys_set_sigmask(&program->mask, NULL);
	program->error = -ENOENT;
	for (i = 0; spawn->paths[i]; i++) {
		/* If it does not return then there was no error. */
		ret = program->error;
		program->error = 0;
		syscall(SYS_execve, spawn->paths[i], spawn->argv, spawn->envp);
		program->error = -errno;
		if (!look_further(program->error))
			break;
		/* That there is one says more than that there is none. */
		if (ret == -EACCES)
			program->error = ret;
	}
	return NOT_EXECUTED;
}

int kc_spawn_program(const struct kc_spawn *spawn, int *tmp, struct kc_child *child)
{
	struct program program = { .spawn = spawn, .tmp = tmp };
	int status, ret;
	char *stack;

	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	block_signals(&program.mask);
	child->pid = __clone(run_program, stack + STACK_SIZE,
			     CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
			     &program, &child->fd);
	ret = child->pid < 0 ? -errno : program.error;
	sys_set_sigmask(&program.mask, NULL);
	munmap(stack, STACK_SIZE);
	if (child->pid >= 0 && ret) {
		kc_spawn_reap(child->fd, 0, &status);
		sys_close(child->fd);
	}
	return ret;
}

struct function {
	const struct kc_spawn *spawn;
	int status;
};

static void call_function(void *data)
{
	struct function *function = data;

	function->status = function->spawn->fn(function->spawn->arg);
}

/* 0 when the parent says so, or a negative errno. */
static int await_parent(int socket, int ret)
{
	char go;

	if (sys_send(socket, &ret, sizeof(ret)) < 0)
		return -EPIPE;
	if (!ret && sys_recv(socket, &go, sizeof(go)) != sizeof(go))
		ret = -EPIPE;
	sys_close(socket);
	return ret;
}

/*
 * On the stack of who forked, of which nothing counts any more: what is deferred
 * there, or protected, is the parent's.
 */
KC_NORETURN static void run_function(const struct kc_spawn *spawn, int *tmp,
				     int socket, const struct kc_sigmask *mask)
{
	struct function function = { .spawn = spawn };
	struct kc_g *g = kc_g_self();
	int ret;

	reset_handlers();
	sys_set_sigmask(mask, NULL);
	ret = kc_spawn_arrange(spawn, tmp, &socket);
	if (await_parent(socket, ret))
		_exit(NOT_EXECUTED);

	environ = spawn->envp;
	__fpurge(stdout);
	g->nr_deferred = 0;
	g->protect = NULL;
	g->panic = NULL;
	g->running = NULL;
	g->crashing = false;
	g->flags &= ~KC_GO_SAFE;
	g->run = kc_g_run;
	g->fn = call_function;
	g->arg = &function;
	kc_g_run(g);
	kc_crash_await();
	fflush(stdout);
	fflush(stderr);
	_exit(function.status);
}

/* With the child running: it goes ahead if this is 0. */
static int let_go(int socket, struct kc_child *child)
{
	const char go = 1;
	int ret = 0;
	long len;

	child->fd = sys_pidfd_open(child->pid);
	if (child->fd < 0)
		return child->fd;
	len = sys_recv(socket, &ret, sizeof(ret));
	if (len > 0 && !ret)
		len = sys_send(socket, &go, sizeof(go));
	/* One that dies before is one that has died: a wait will tell. */
	if (len < 0 && len != -EPIPE && len != -ECONNRESET)
		return len;
	return ret;
}

int kc_spawn_function(const struct kc_spawn *spawn, int *tmp, struct kc_child *child)
{
	struct kc_sigmask mask;
	int sockets[2], ret;

	/* Which makes it known to the handlers of fork(). */
	kc_g_self();
	/*
	 * Not of packets: there a message that comes while one looks for it can be
	 * taken for the end, if who sent it closes at once.
	 */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	block_signals(&mask);
	child->pid = fork();
	if (!child->pid) {
		sys_close(sockets[0]);
		run_function(spawn, tmp, sockets[1], &mask);
	}
	ret = child->pid < 0 ? -errno : 0;
	sys_set_sigmask(&mask, NULL);
	sys_close(sockets[1]);
	if (!ret)
		ret = let_go(sockets[0], child);
	sys_close(sockets[0]);
	if (!ret || child->pid < 0)
		return ret;
	/* It is about to end. */
	while (sys_waitid(P_PID, child->pid, NULL, WEXITED) == -EINTR)
		;
	if (child->fd >= 0)
		sys_close(child->fd);
	return ret;
}
