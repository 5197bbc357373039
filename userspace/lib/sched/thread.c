// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Threads: how they are made, how they are scheduled, and how many there are.
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

/* Bits of the CPUs that a thread may run on: 8192 is what the kernel knows. */
#define CPUS_SIZE	1024

/*
 * Present in programs that a sanitizer is built into: their frames are larger.
 */
extern void __asan_init(void) __attribute__((weak));

#define SANITIZER_FACTOR	4

/* A module has its part at an address as it wants it. */
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
 * What libc puts on a stack besides what the program does: its own things, among them
 * room for thread-local data of modules that are loaded later, and the thread-local
 * data of the modules that are there when the program begins. sysconf() does not count
 * the latter. Those of a module that is loaded later are on no stack: if it is measured
 * late, it is too much, and no harm.
 */
static size_t libc_stack(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const long least = sysconf(_SC_THREAD_STACK_MIN);

	pthread_once(&once, measure_tls);
	return tls + (least > PTHREAD_STACK_MIN ? least : PTHREAD_STACK_MIN);
}

/* What a goroutine may use, and what libc needs besides. 0 if that is too much. */
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

bool kc_thread_is_scheduled(const struct kc_sched_attr *as, uint64_t as_cpus)
{
	struct kc_sched_attr attr;
	uint64_t cpus;

	return get_scheduling(0, &attr, &cpus) && cpus == as_cpus &&
	       !memcmp(&attr, as, sizeof(attr));
}

/*
 * The thread blocks signals until it says otherwise: no handler is to run in one
 * that is not known yet.
 */
int kc_thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg,
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
		error = pthread_attr_setguardsize(&attr, KC_GUARD_SIZE);
	if (!error) {
		sys_block_signals(&old);
		error = pthread_create(thread, &attr, fn, arg);
		sys_set_sigmask(&old, NULL);
	}
	pthread_attr_destroy(&attr);
	return -error;
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

/* A thread more, made by this one. */
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

/* Each is a folder in that one. */
long kc_thread_count(void)
{
	struct stat tasks;

	if (stat("/proc/self/task", &tasks))
		return -1;
	return (long)tasks.st_nlink - 2 -
		__atomic_load_n(&first_ended, __ATOMIC_RELAXED);
}

/* That of the detector is there or not. */
bool kc_thread_are_all(long threads, long known)
{
	return threads == known || (kc_race_on() && threads == known + 1);
}
