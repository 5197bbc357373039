// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The threads that goroutines run in: how they are made, and how one is put right
 * for the next goroutine.
 */
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "fork.h"
#include "pool.h"
#include "race.h"
#include "thread.h"

/* Of address space, below the stack: frames up to this large cannot jump it. */
#define GUARD_SIZE	((size_t)64 * 1024)

/* Bits of the CPUs that a thread may run on: 8192 is what the kernel knows. */
#define CPUS_SIZE	1024

/*
 * Present in programs that a sanitizer is built into: their frames are larger.
 */
extern void __asan_init(void) __attribute__((weak));

#define SANITIZER_FACTOR	4

/*
 * What a goroutine may use, and libc's own things that are on its stack besides,
 * thread-local data among them. 0 if that is too much.
 */
static size_t whole_stack(size_t room)
{
	const long libc = sysconf(_SC_THREAD_STACK_MIN);
	size_t whole;

	if ((__asan_init || kc_race_on()) &&
	    __builtin_mul_overflow(room, SANITIZER_FACTOR, &room))
		return 0;
	if (__builtin_add_overflow(room, libc > PTHREAD_STACK_MIN ? libc :
				   PTHREAD_STACK_MIN, &whole) ||
	    whole > SSIZE_MAX)
		return 0;
	return whole;
}

static void block_signals(struct kc_sigmask *old)
{
	struct kc_sigmask all;

	memset(&all, 0xff, sizeof(all));
	for (int i = KC_LIBC_SIGNAL; i < KC_LIBC_SIGNAL + KC_LIBC_SIGNALS; i++)
		kc_sigmask_del(&all, i);
	sys_set_sigmask(&all, old);
}

/* FNV-1a. */
static uint64_t hash_cpus(const unsigned char *mask, long size)
{
	uint64_t hash = 0xcbf29ce484222325;

	while (size-- > 0)
		hash = (hash ^ *mask++) * 0x100000001b3;
	return hash;
}

/* False if the kernel does not tell. */
static bool get_scheduling(pid_t tid, struct kc_sched_attr *attr, uint64_t *cpus)
{
	unsigned char mask[CPUS_SIZE];
	long size = sys_get_cpus(tid, mask, sizeof(mask));

	*cpus = hash_cpus(mask, size);
	return size > 0 && !sys_get_sched(tid, attr);
}

/*
 * A thread of the pool is scheduled as the first one of the process: not as who
 * happened to need a new one first, for whoever is next has nothing to do with
 * that. False if it cannot be.
 */
static bool schedule_as_first(struct kc_sched_attr *own, uint64_t *own_cpus)
{
	const pid_t first = sys_getpid();
	unsigned char mask[CPUS_SIZE];
	struct kc_sched_attr attr;
	uint64_t cpus;
	long size;

	if (!get_scheduling(0, own, own_cpus) ||
	    !get_scheduling(first, &attr, &cpus))
		return false;
	/* Children of such a thread are not to be scheduled as it is. */
	if (attr.flags & SCHED_RESET_ON_FORK)
		return true;
	if (memcmp(&attr, own, sizeof(attr)) && sys_set_sched(0, &attr))
		return false;
	if (cpus != *own_cpus) {
		size = sys_get_cpus(first, mask, sizeof(mask));
		if (size <= 0 || sys_set_cpus(0, mask, size))
			return false;
	}
	return get_scheduling(0, own, own_cpus);
}

static bool scheduled_as_before(const struct kc_worker *w)
{
	struct kc_sched_attr attr;
	uint64_t cpus;

	return get_scheduling(0, &attr, &cpus) && cpus == w->cpus &&
	       !memcmp(&attr, &w->sched, sizeof(attr));
}

static void set_altstack(struct kc_worker *w)
{
	const stack_t stack = {
		.ss_sp = w->altstack,
		.ss_size = KC_ALTSTACK_SIZE,
	};

	sys_set_altstack(&stack);
}

static void begin(struct kc_worker *w)
{
	struct kc_g *g = &w->g;
	char comm[KC_COMM_SIZE];

	g->tid = sys_gettid();
	g->stack_high = (uintptr_t)__builtin_frame_address(0);
	g->stack_low = g->stack_high - w->stack_size - GUARD_SIZE;
	set_altstack(w);
	sys_get_comm(comm);
	if (strcmp(comm, kc_sched.comm))
		sys_set_comm(kc_sched.comm);
	kc_race_name(g->id, g->name);
	if (!(g->flags & KC_GO_FRESH) && !schedule_as_first(&w->sched, &w->cpus))
		w->keep = false;
}

/* After a goroutine: as new, or false if it is not to run another one. */
static bool reset(struct kc_worker *w)
{
	char comm[KC_COMM_SIZE];

	block_signals(NULL);
	if (!w->keep || !scheduled_as_before(w))
		return false;
	set_altstack(w);
	sys_get_comm(comm);
	if (strcmp(comm, kc_sched.comm))
		sys_set_comm(kc_sched.comm);
	uselocale(LC_GLOBAL_LOCALE);
	return true;
}

/* Also when the goroutine has called pthread_exit(). */
static void end(void *data)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	block_signals(NULL);
	sys_set_altstack(&none);
	kc_g_current = NULL;
	kc_pool_leave(data);
}

static void *run(void *data)
{
	struct kc_worker *w = data;

	pthread_cleanup_push(end, w);
	kc_g_current = &w->g;
	begin(w);
	do {
		if (w->g.name[0])
			sys_set_comm(w->g.name);
		sys_set_sigmask(&w->mask, NULL);
		kc_g_run(&w->g);
	} while (reset(w) && kc_pool_park(w));
	pthread_cleanup_pop(1);
	return NULL;
}

/*
 * The thread blocks signals until it says otherwise: no handler is to run in one
 * that is not known yet.
 */
static int create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
		  size_t stack_size)
{
	struct kc_sigmask old;
	pthread_attr_t attr;
	int error;

	error = pthread_attr_init(&attr);
	if (error)
		return -error;
	error = pthread_attr_setstacksize(&attr, stack_size);
	if (!error)
		error = pthread_attr_setguardsize(&attr, GUARD_SIZE);
	if (!error) {
		block_signals(&old);
		error = pthread_create(thread, &attr, fn, arg);
		sys_set_sigmask(&old, NULL);
	}
	pthread_attr_destroy(&attr);
	return -error;
}

int kc_thread_make(struct kc_worker *w)
{
	pthread_t thread;

	w->stack_size = whole_stack(w->stack_size);
	if (!w->stack_size)
		return -EINVAL;
	return create(&thread, run, w, w->stack_size);
}

_Thread_local bool kc_thread_is_own __attribute__((tls_model("initial-exec")));

static uint32_t nr_own;

unsigned int kc_thread_count_own(void)
{
	return __atomic_load_n(&nr_own, __ATOMIC_RELAXED);
}

static void forked(void)
{
	nr_own = 0;
}

KC_AT_FORK(.order = KC_FORK_THREAD, .forked = forked)

void kc_thread_become_own(void)
{
	block_signals(NULL);
	kc_thread_is_own = true;
	__atomic_fetch_add(&nr_own, 1, __ATOMIC_RELAXED);
}

/* Each is a folder in that one. */
long kc_thread_count(void)
{
	struct stat tasks;

	return stat("/proc/self/task", &tasks) ? -1 : (long)tasks.st_nlink - 2;
}

/* That of the detector is there or not. */
bool kc_thread_are_all(long threads, long known)
{
	return threads == known || (kc_race_on() && threads == known + 1);
}

static void *run_own(void *data)
{
	struct kc_sched_attr sched;
	uint64_t cpus;

	kc_thread_is_own = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	schedule_as_first(&sched, &cpus);
	((void (*)(void))data)();
	return NULL;
}

int kc_thread_own(void (*fn)(void), size_t room)
{
	pthread_t thread;
	int ret;

	ret = create(&thread, run_own, (void *)fn, whole_stack(room));
	if (ret)
		return ret;
	pthread_detach(thread);
	__atomic_fetch_add(&nr_own, 1, __ATOMIC_RELAXED);
	return 0;
}

struct errand {
	void (*fn)(void *arg);
	void *arg;
};

static void *run_errand(void *data)
{
	const struct errand *errand = data;

	kc_thread_is_own = true;
	/* What reads debug information has locks of its own. */
	kc_race_hide();
	errand->fn(errand->arg);
	kc_race_show();
	return NULL;
}

void kc_thread_roomy(void (*fn)(void *arg), void *arg)
{
	struct errand errand = { fn, arg };
	pthread_t thread;
	int state;

	/* It must not be where the thread ends by pthread_cancel(). */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (create(&thread, run_errand, &errand, whole_stack(KC_STACK_ROOMY)))
		fn(arg);
	else
		pthread_join(thread, NULL);
	pthread_setcancelstate(state, NULL);
}
