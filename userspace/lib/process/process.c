// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Processes that this process has started.
 *
 * The pidfd tells everybody that the process has ended. The kernel returns its status
 * only once, so the library keeps the status. child.c makes processes.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/futex.h"
#include "base/proc.h"
#include "process/spawn.h"
#include "race/race.h"

struct kc_process {
	atomic_uint refs;
	struct kc_child child;
	uint32_t lock;
	/* Protected by the lock: */
	bool over;
	int error;		/* of getting the status; 0: @status is valid */
	int status;
};

int kc_process_start_prepared(kc_process **out, const struct kc_spawn *spawn)
{
	kc_process *p = calloc(1, sizeof(*p));
	int ret;

	/* It is allocated first, so nothing can fail after the process is started. */
	if (!p)
		return -ENOMEM;
	atomic_init(&p->refs, 1);
	ret = kc_spawn_start(spawn, &p->child);
	if (ret) {
		free(p);
		return ret;
	}
	*out = p;
	return 0;
}

int kc_process_start(kc_process **out, const kc_process_options *options)
{
	struct kc_spawn *spawn;
	int ret;

	ret = kc_spawn_prepare(&spawn, options);
	if (ret)
		return ret;
	ret = kc_process_start_prepared(out, spawn);
	kc_spawn_free(spawn);
	return ret;
}

kc_process *kc_process_ref(kc_process *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

pid_t kc_process_pid(const kc_process *p)
{
	return p->child.pid;
}

int kc_process_fd(const kc_process *p)
{
	return p->child.fd;
}

kc_case kc_case_process(const kc_process *p)
{
	return kc_case_fd(p->child.fd, EPOLLIN);
}

/* Called with the lock held, or by the only user. */
static int ask(kc_process *p)
{
	if (!p->over) {
		p->error = kc_spawn_reap(p->child.fd, WNOHANG, &p->status);
		p->over = p->error != -EAGAIN;
	}
	return p->error;
}

int kc_process_try_wait(kc_process *p, int *status)
{
	int ret;

	kc_lock(&p->lock);
	ret = ask(p);
	if (!ret && status)
		*status = p->status;
	kc_unlock(&p->lock);
	return ret;
}

void kc_process_unref(kc_process *p)
{
	if (!p || !kc_race_put(&p->refs))
		return;
	ask(p);
	sys_close(p->child.fd);
	free(p);
}

/*
 * Called after a wait for the pidfd, which returned @ret. While a debugger traces the
 * ended process, its status is not available yet.
 */
static int finish(kc_process *p, int *status, int ret)
{
	if (ret < 0)
		return ret;
	while ((ret = kc_process_try_wait(p, status)) == -EAGAIN)
		kc_sleep(KC_MILLISECOND);
	return ret;
}

int kc_process_wait(kc_process *p, int *status)
{
	kc_case ended = kc_case_process(p);

	return finish(p, status, kc_select(&ended, 1));
}

int kc_process_wait_timeout(kc_process *p, int *status, int64_t timeout)
{
	kc_case ended = kc_case_process(p);

	return finish(p, status, kc_select_timeout(&ended, 1, timeout));
}

int kc_process_wait_ctx(kc_ctx *ctx, kc_process *p, int *status)
{
	kc_case ended = kc_case_process(p);

	return finish(p, status, kc_select_ctx(ctx, &ended, 1));
}

int kc_process_kill(kc_process *p, int signal)
{
	return sys_pidfd_kill(p->child.fd, signal);
}
