// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Goroutines as other code sees them: numbers, names, and the list of all goroutines.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/fork.h"
#include "base/kchandebug.h"
#include "base/task.h"
#include "race/race.h"
#include "sched/gdb.h"
#include "sched/park.h"

#define MAIN_ID	1

struct kc_sched kc_sched = {
	.last_id = MAIN_ID,
	.all = KC_LIST_INIT(kc_sched.all),
};

_Thread_local struct kc_g *kc_g_current
	__attribute__((tls_model("initial-exec")));

/* The goroutine of a thread that is not the library's. */
static _Thread_local struct kc_g adopted;

/* Its destructor runs when such a thread ends. */
static pthread_key_t thread_end;

void (*kc_main_hook)(void);

void kc_g_main_ends(void)
{
	void (*hook)(void) = __atomic_load_n(&kc_main_hook, __ATOMIC_ACQUIRE);

	if (hook)
		hook();
}

void kc_g_set_deferred(struct kc_g *g, struct kc_deferred *deferred, size_t max)
{
	struct kc_deferred *before = g->deferred;

	kc_lock(&kc_sched.lock);
	g->deferred = deferred;
	g->max_deferred = max;
	kc_unlock(&kc_sched.lock);
	if (before != g->few)
		free(before);
}

void kc_g_free_deferred(struct kc_g *g)
{
	if (g->deferred != g->few)
		kc_g_set_deferred(g, g->few, KC_DEFERS);
	g->nr_deferred = 0;
}

static void forget(void *data)
{
	struct kc_g *g = data;

	kc_lock(&kc_sched.lock);
	kc_list_del(&g->all);
	kc_unlock(&kc_sched.lock);
	kc_g_free_deferred(g);
	kc_g_current = NULL;
	if (g->tid == sys_getpid())
		kc_g_main_ends();
}

/*
 * Reads the process's name. A new thread inherits the name of the thread that created
 * it, which may differ.
 */
static void read_comm(void)
{
	const long len = sys_read_text("/proc/self/comm", kc_sched.comm,
				       KC_COMM_SIZE);

	if (len > 0 && kc_sched.comm[len - 1] == '\n')
		kc_sched.comm[len - 1] = '\0';
	if (len <= 0)
		strncpy(kc_sched.comm, program_invocation_short_name,
			KC_COMM_SIZE - 1);
}

static void setup(void)
{
	int error;

	error = -pthread_key_create(&thread_end, forget);
	if (!error)
		error = kc_fork_setup();
	kc_sched.error = error;
	read_comm();
}

int kc_g_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static bool done;

	/*
	 * pthread_once() alone would order every caller after the first one in the race
	 * detector's view.
	 */
	if (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		pthread_once(&once, setup);
		__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	}
	return kc_sched.error;
}

/*
 * Starts what KCHANDEBUG asks for, once. The setup must be complete: this may call the
 * program's logger, which may use the library, and panic.
 */
static void heed_environment(void)
{
	static bool begun;

	if (!__atomic_exchange_n(&begun, true, __ATOMIC_RELAXED))
		kc_debug_setup();
}

struct kc_g *kc_g_adopt(void)
{
	struct kc_g *g = &adopted;
	const pid_t tid = sys_gettid();
	int error = kc_g_setup();

	/*
	 * Without the key, nothing would remove it from the list when the thread ends.
	 */
	if (!error)
		error = pthread_setspecific(thread_end, g);
	memset(g, 0, sizeof(*g));
	g->deferred = g->few;
	g->max_deferred = KC_DEFERS;
	g->tid = tid;
	g->live = true;
	kc_list_init(&g->all);

	kc_lock(&kc_sched.lock);
	g->id = tid == sys_getpid() ? MAIN_ID : kc_g_next_id();
	if (!error)
		kc_list_add(&kc_sched.all, &g->all);
	kc_unlock(&kc_sched.lock);
	kc_g_current = g;
	heed_environment();
	return g;
}

unsigned int kc_g_count(void)
{
	struct kc_list *link;
	unsigned int nr = 0;

	kc_lock(&kc_sched.lock);
	for (link = kc_sched.all.next; link != &kc_sched.all; link = link->next)
		nr++;
	kc_unlock(&kc_sched.lock);
	return nr;
}

uint64_t kc_g_newest(void)
{
	uint64_t newest;

	kc_lock(&kc_sched.lock);
	newest = kc_sched.last_id;
	kc_unlock(&kc_sched.lock);
	return newest;
}

/* In the child, the goroutine that called fork() is the only one left. */
static void forked(void)
{
	struct kc_g *g = kc_g_current;

	kc_list_init(&kc_sched.all);
	if (!g)
		return;
	g->tid = sys_gettid();
	kc_park_forked(&g->parked);
	kc_list_add(&kc_sched.all, &g->all);
}

static void lock_all(void)
{
	kc_lock(&kc_sched.lock);
}

static void unlock_all(void)
{
	kc_unlock(&kc_sched.lock);
}

KC_AT_FORK(.order = KC_FORK_G, .lock = lock_all, .unlock = unlock_all, .forked = forked)

int kc_num_goroutine(void)
{
	struct kc_list *link;
	int nr = 0;

	/* The caller counts, too. */
	kc_g_self();
	kc_lock(&kc_sched.lock);
	for (link = kc_sched.all.next; link != &kc_sched.all; link = link->next)
		if (kc_container(link, struct kc_g, all)->live)
			nr++;
	kc_unlock(&kc_sched.lock);
	return nr;
}

uint64_t kc_goid(void)
{
	return kc_g_self()->id;
}

const char *kc_goname(void)
{
	return kc_g_self()->name;
}

/* Called with kc_sched.lock held. */
void kc_g_set_name(struct kc_g *g, const char *name)
{
	strncpy(g->name, name ? name : "", KC_NAME_SIZE - 1);
}

void kc_set_goname(const char *name)
{
	struct kc_g *g = kc_g_self();

	kc_lock(&kc_sched.lock);
	kc_g_set_name(g, name);
	kc_unlock(&kc_sched.lock);
	if (g->tid != sys_getpid())
		sys_set_comm(g->name[0] ? g->name : kc_sched.comm);
	kc_race_name(g->id, g->name);
}
