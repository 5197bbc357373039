// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making processes, and what a child does before it runs the program or the function.
 *
 * A program's process shares all memory with the parent until it executes the program, and
 * the parent's thread waits for that. So nothing is copied. Locks that other threads hold
 * do not matter, since the child takes none. The child returns an error in memory.
 *
 *	parent					child
 *	------					---------
 *	block signals
 *	clone() ............................... removes all handlers
 *	  :					arranges its descriptors
 *	  :					unblocks signals, executes
 *	unblock signals
 *
 * A function's process is made by fork(), with all fork handlers. It must not end before
 * the parent has its pidfd: if SIGCHLD is ignored, its number could belong to another
 * process by then. And it needs a way to return an error. So both use a socket.
 *
 *	parent					child
 *	------					---------
 *	fork() ................................ removes all handlers
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

/* It is enough for a few system calls. */
#define STACK_SIZE	((size_t)64 * 1024)

#define NOT_EXECUTED	127

/* A sanitizer expects the function to return normally, which it does not. */
#define PLAIN	__attribute__((no_sanitize("address", "thread", "undefined")))

/*
 * libc's clone(), by the name that sanitizers do not intercept. Their replacement
 * assumes that the child has memory of its own.
 */
extern int __clone(int (*fn)(void *arg), void *stack, int flags, void *arg, ...);

static bool is_handler(void (*handler)(int signal))
{
	return handler != SIG_DFL && handler != SIG_IGN;
}

/*
 * Resets handlers to the default, since a handler belongs to the process that set it.
 * Ignored signals stay ignored. This is done before a program is executed. It uses only
 * system calls, because the memory is the parent's.
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

/*
 * The same for a function's process. Handlers of faults stay, so that they are
 * reported.
 */
static void reset_handlers(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct sigaction action;
	int i;

	/* libc does not report its own signals. */
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

/* Duplicates a descriptor to a number that is not below @end. */
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

/* True for errors after which the next directory of PATH is tried, as a shell does. */
static bool look_further(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES ||
	       error == -ESTALE || error == -ENODEV || error == -ETIMEDOUT;
}

/* Runs on a stack of its own, in the parent's memory. */
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
		/* If execve() does not return, there is no error. */
		ret = program->error;
		program->error = 0;
		syscall(SYS_execve, spawn->paths[i], spawn->argv, spawn->envp);
		program->error = -errno;
		if (!look_further(program->error))
			break;
		/*
		 * A file that cannot be executed is a better error than a file that
		 * does not exist.
		 */
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

/* Waits for the parent. Returns 0 if the child may go ahead, or a negative errno. */
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
 * Runs on the stack of the goroutine that forked. The frames above, with their deferred
 * calls and kc_protect()s, belong to the parent and are ignored.
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

/* Lets the child go ahead, if this returns 0. */
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
	/*
	 * If the child was killed before, this is not an error: kc_process_wait() tells
	 * it.
	 */
	if (len < 0 && len != -EPIPE && len != -ECONNRESET)
		return len;
	return ret;
}

int kc_spawn_function(const struct kc_spawn *spawn, int *tmp, struct kc_child *child)
{
	struct kc_sigmask mask;
	int sockets[2], ret;

	/* This makes the goroutine known to the fork handlers. */
	kc_g_self();
	/*
	 * A stream socket. With SOCK_SEQPACKET, if the sender closes at once, a message
	 * that arrives during a receive can be taken for the end of the stream.
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
	/* The child is about to end. */
	while (sys_waitid(P_PID, child->pid, NULL, WEXITED) == -EINTR)
		;
	if (child->fd >= 0)
		sys_close(child->fd);
	return ret;
}
