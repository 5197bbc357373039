// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Threads: creating, scheduling and counting them.
 */
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fork.h"
#include "race/race.h"
#include "sched/routine.h"
#include "sched/thread.h"

/* The size of a CPU mask in bytes. The kernel supports up to 8192 CPUs. */
#define CPUS_SIZE	1024

/*
 * This exists in programs that are built with AddressSanitizer, where stack frames are
 * larger.
 */
extern void __asan_init(void) __attribute__((weak));

#define SANITIZER_FACTOR	4

/* Adds the sizes of all modules' TLS, each with its alignment. */
static int add_tls(struct dl_phdr_info *info, size_t size, void *sum)
{
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum += info->dlpi_phdr[i].p_memsz +
					  info->dlpi_phdr[i].p_align;
	return 0;
}

static size_t tls;

static void measure_tls(void)
{
	dl_iterate_phdr(add_tls, &tls);
}

/*
 * What libc needs on a stack besides the program's frames. That is its own minimum,
 * which includes room for TLS of modules that are loaded later, and the TLS of the
 * modules that are present at the start, which sysconf() does not count. Modules that
 * are loaded later have no TLS on stacks. If this is measured late, it counts them too,
 * which does no harm.
 */
static size_t libc_stack(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const long least = sysconf(_SC_THREAD_STACK_MIN);

	pthread_once(&once, measure_tls);
	return tls + (least > PTHREAD_STACK_MIN ? least : PTHREAD_STACK_MIN);
}

/* The size of a stack with @room bytes and libc's part. 0 if it overflows. */
size_t kc_thread_whole_stack(size_t room)
{
	size_t whole;

	if ((__asan_init || kc_race_on()) &&
	    __builtin_mul_overflow(room, SANITIZER_FACTOR, &room))
		return 0;
	if (__builtin_add_overflow(room, libc_stack(), &whole) ||
	    whole > SSIZE_MAX)
		return 0;
	return whole;
}

/* The hash is FNV-1a. */
static uint64_t hash_cpus(const unsigned char *mask, long size)
{
	uint64_t hash = 0xcbf29ce484222325;

	while (size-- > 0)
		hash = (hash ^ *mask++) * 0x100000001b3;
	return hash;
}

/* Returns false if a system call fails. */
static bool get_scheduling(pid_t tid, struct kc_sched_attr *attr, uint64_t *cpus)
{
	unsigned char mask[CPUS_SIZE];
	long size = sys_get_cpus(tid, mask, sizeof(mask));

	*cpus = hash_cpus(mask, size);
	return size > 0 && !sys_get_sched(tid, attr);
}

/*
 * A thread of the pool is scheduled as the first thread of the process is. It must not
 * inherit the scheduling of the goroutine that happened to need a new thread, since the
 * next goroutine of the thread has nothing to do with that one. Returns false if this
 * is impossible.
 */
bool kc_thread_schedule_as_first(struct kc_sched_attr *own, uint64_t *own_cpus)
{
	const pid_t first = sys_getpid();
	unsigned char mask[CPUS_SIZE];
	struct kc_sched_attr attr;
	uint64_t cpus;
	long size;

	if (!get_scheduling(0, own, own_cpus) ||
	    !get_scheduling(first, &attr, &cpus))
		return false;
	/* The children of a thread with this flag do not inherit its scheduling. */
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

bool kc_thread_is_scheduled(const struct kc_sched_attr *as, uint64_t as_cpus)
{
	struct kc_sched_attr attr;
	uint64_t cpus;

	return get_scheduling(0, &attr, &cpus) && cpus == as_cpus &&
	       !memcmp(&attr, as, sizeof(attr));
}

/*
 * Creates a thread. It starts with all signals blocked, so that no signal handler runs
 * in it before the library knows it.
 */
static int create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
		  size_t stack_size, size_t guard_size)
{
	struct kc_sigmask old;
	pthread_attr_t attr;
	int error;

	error = pthread_attr_init(&attr);
	if (error)
		return -error;
	error = pthread_attr_setstacksize(&attr, stack_size);
	if (!error)
		error = pthread_attr_setguardsize(&attr, guard_size);
	if (!error) {
		sys_block_signals(&old);
		error = pthread_create(thread, &attr, fn, arg);
		sys_set_sigmask(&old, NULL);
	}
	pthread_attr_destroy(&attr);
	return -error;
}

/*
 * pthread_create() does not tell which limit was reached. If it was that of address
 * space, a thread with a small guard may still fit, and is better than none.
 */
int kc_thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
		     size_t stack_size, size_t *guard_size)
{
	int ret;

	*guard_size = KC_GUARD_SIZE;
	ret = create(thread, fn, arg, stack_size, *guard_size);
	if (ret != -EAGAIN || KC_GUARD_SIZE == KC_GUARD_LEAST)
		return ret;
	*guard_size = KC_GUARD_LEAST;
	return create(thread, fn, arg, stack_size, *guard_size);
}

_Thread_local bool kc_thread_is_own __attribute__((tls_model("initial-exec")));

static uint32_t nr_own;

unsigned int kc_thread_count_own(void)
{
	return __atomic_load_n(&nr_own, __ATOMIC_RELAXED);
}

/* The first thread has ended: the kernel still counts it. */
static bool first_ended;

static void forked(void)
{
	nr_own = 0;
	first_ended = false;
}

KC_AT_FORK(.order = KC_FORK_THREAD, .forked = forked)

/* Called by the thread that has created another one. */
void kc_thread_add_own(void)
{
	__atomic_fetch_add(&nr_own, 1, __ATOMIC_RELAXED);
}

void kc_thread_become_own(void)
{
	sys_block_signals(NULL);
	kc_thread_is_own = true;
	kc_thread_add_own();
}

void kc_thread_first_ends(void)
{
	__atomic_store_n(&first_ended, true, __ATOMIC_RELAXED);
}

/* Each thread is a directory in /proc/self/task. */
long kc_thread_count(void)
{
	struct stat tasks;

	if (stat("/proc/self/task", &tasks))
		return -1;
	return (long)tasks.st_nlink - 2 -
		__atomic_load_n(&first_ended, __ATOMIC_RELAXED);
}

/* The race detector has at most one thread. */
bool kc_thread_are_all(long threads, long known)
{
	return threads == known || (kc_race_on() && threads == known + 1);
}
