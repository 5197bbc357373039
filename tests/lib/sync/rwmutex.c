// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks for one writer or many readers. Needs no channel.
 */
#include <unistd.h>

#include "seen.h"
#include "task.h"

static void test_size(void)
{
	kc_rwmutex rw, init = KC_RWMUTEX_INIT;

	/* Part of the ABI. */
	expect_int(sizeof(kc_rwmutex), 64);
	memset(&rw, 0, sizeof(rw));
	expect(!memcmp(&rw, &init, sizeof(rw)));
}

static void test_alone(void)
{
	kc_rwmutex rw = KC_RWMUTEX_INIT, init = KC_RWMUTEX_INIT;

	kc_rwmutex_rlock(&rw);
	kc_rwmutex_rlock(&rw);
	expect_int(kc_rwmutex_try_rlock(&rw), 0);
	expect_int(kc_rwmutex_try_lock(&rw), -EAGAIN);
	kc_rwmutex_runlock(&rw);
	kc_rwmutex_runlock(&rw);
	kc_rwmutex_runlock(&rw);
	expect_int(kc_rwmutex_try_lock(&rw), 0);
	expect_int(kc_rwmutex_try_lock(&rw), -EAGAIN);
	expect_int(kc_rwmutex_try_rlock(&rw), -EAGAIN);
	kc_rwmutex_unlock(&rw);
	kc_rwmutex_lock(&rw);
	kc_rwmutex_unlock(&rw);
	/* As if it had not been used. */
	expect(!memcmp(&rw, &init, sizeof(rw)));
}

/* A goroutine that locks it, reports this, and unlocks it when told to. */
struct user {
	kc_rwmutex *rw;
	kc_waitgroup *wg;
	bool writes;
	atomic_int tid;
	atomic_bool has, leave;
};

static void use(void *arg)
{
	struct user *user = arg;

	atomic_store(&user->tid, gettid());
	if (user->writes)
		kc_rwmutex_lock(user->rw);
	else
		kc_rwmutex_rlock(user->rw);
	atomic_store(&user->has, true);
	until(atomic_load(&user->leave));
	if (user->writes)
		kc_rwmutex_unlock(user->rw);
	else
		kc_rwmutex_runlock(user->rw);
}

static void begin(struct user *user, kc_rwmutex *rw, kc_waitgroup *wg, bool writes)
{
	*user = (struct user){ .rw = rw, .wg = wg, .writes = writes };
	must_int(kc_waitgroup_go(wg, use, user), 0);
}

static void begin_waiting(struct user *user, kc_rwmutex *rw, kc_waitgroup *wg,
			  bool writes)
{
	begin(user, rw, wg, writes);
	until(atomic_load(&user->tid) && is_asleep(atomic_load(&user->tid)));
	must(!atomic_load(&user->has));
}

static void leave(struct user *user)
{
	atomic_store(&user->leave, true);
}

static void test_readers_together(void)
{
	kc_rwmutex rw = KC_RWMUTEX_INIT;
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct user readers[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(readers); i++)
		begin(&readers[i], &rw, &wg, false);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		until(atomic_load(&readers[i].has));
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		leave(&readers[i]);
	kc_waitgroup_wait(&wg);
}

/* A waiting writer comes before readers that arrive after it. */
static void test_writer_first(void)
{
	kc_rwmutex rw = KC_RWMUTEX_INIT;
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct user first, writer, second;

	begin(&first, &rw, &wg, false);
	until(atomic_load(&first.has));
	begin_waiting(&writer, &rw, &wg, true);
	expect_int(kc_rwmutex_try_rlock(&rw), -EAGAIN);
	begin_waiting(&second, &rw, &wg, false);

	leave(&first);
	until(atomic_load(&writer.has));
	sleep_ms(20);
	expect(!atomic_load(&second.has));
	leave(&writer);
	until(atomic_load(&second.has));
	leave(&second);
	kc_waitgroup_wait(&wg);
}

/* Readers that arrived while a writer had the lock come before the next writer. */
static void test_then_readers(void)
{
	kc_rwmutex rw = KC_RWMUTEX_INIT;
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	struct user first, second, readers[3];
	size_t i;

	begin(&first, &rw, &wg, true);
	until(atomic_load(&first.has));
	begin_waiting(&second, &rw, &wg, true);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		begin_waiting(&readers[i], &rw, &wg, false);

	leave(&first);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		until(atomic_load(&readers[i].has));
	sleep_ms(20);
	expect(!atomic_load(&second.has));
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		leave(&readers[i]);
	until(atomic_load(&second.has));
	leave(&second);
	kc_waitgroup_wait(&wg);
}

struct crowd {
	kc_rwmutex rw;
	kc_waitgroup wg;
	unsigned long rounds;
	unsigned long a, b;	/* equal while the lock is held */
	atomic_int readers;
	atomic_bool together;
};

static void read_it(void *arg)
{
	struct crowd *crowd = arg;
	unsigned long i;

	/* All stay until two readers have held the lock together. */
	for (i = 0; i < crowd->rounds || !atomic_load(&crowd->together); i++) {
		if (i % 3 || kc_rwmutex_try_rlock(&crowd->rw))
			kc_rwmutex_rlock(&crowd->rw);
		if (atomic_fetch_add(&crowd->readers, 1))
			atomic_store(&crowd->together, true);
		expect(crowd->a == crowd->b);
		if (i % 16 == 0)
			kc_gosched();
		atomic_fetch_sub(&crowd->readers, 1);
		kc_rwmutex_runlock(&crowd->rw);
	}
}

static void write_it(void *arg)
{
	struct crowd *crowd = arg;
	unsigned long i;

	for (i = 0; i < crowd->rounds; i++) {
		if (i % 3 || kc_rwmutex_try_lock(&crowd->rw))
			kc_rwmutex_lock(&crowd->rw);
		expect_int(atomic_load(&crowd->readers), 0);
		crowd->a++;
		if (i % 16 == 0)
			kc_gosched();
		crowd->b++;
		kc_rwmutex_unlock(&crowd->rw);
	}
}

static void test_crowd(void)
{
	struct crowd crowd = { .rounds = tap_scale(10000) };
	kc_rwmutex init = KC_RWMUTEX_INIT;
	int i;

	for (i = 0; i < 6; i++)
		must_int(kc_waitgroup_go(&crowd.wg, i % 3 ? read_it : write_it,
					 &crowd), 0);
	kc_waitgroup_wait(&crowd.wg);
	expect_int(crowd.a, 2 * crowd.rounds);
	expect(atomic_load(&crowd.together));
	expect(!memcmp(&crowd.rw, &init, sizeof(init)));
}

static void unlock(void *rw)
{
	kc_rwmutex_unlock(rw);
}

static void runlock(void *rw)
{
	kc_rwmutex_runlock(rw);
}

static void expect_panic(void (*fn)(void *rw), kc_rwmutex *rw, const char *why)
{
	kc_panic_info info;

	must_int(kc_protect(fn, rw, &info), 1);
	if (!expect(!strcmp(info.text, why)))
		tap_note("text: %s", info.text);
	kc_panic_info_clear(&info);
}

static void test_misuse(void)
{
	kc_rwmutex rw = KC_RWMUTEX_INIT, init = KC_RWMUTEX_INIT;

	expect_panic(unlock, &rw, "unlock of unlocked rwmutex");
	expect_panic(runlock, &rw, "runlock of unlocked rwmutex");
	expect(!memcmp(&rw, &init, sizeof(rw)));
	kc_rwmutex_rlock(&rw);
	expect_panic(unlock, &rw, "unlock of unlocked rwmutex");
	kc_rwmutex_runlock(&rw);
	kc_rwmutex_lock(&rw);
	expect_panic(runlock, &rw, "runlock of unlocked rwmutex");
	kc_rwmutex_unlock(&rw);
	expect(!memcmp(&rw, &init, sizeof(rw)));
}

static kc_rwmutex written = KC_RWMUTEX_INIT;

static void write_too(void *arg)
{
	(void)arg;
	kc_rwmutex_lock(&written);
	kc_rwmutex_unlock(&written);
}

/* A dump shows what it waits for, also if it waits behind another writer. */
static void test_seen(void)
{
	struct wanted w;

	kc_rwmutex_lock(&written);
	go_named("second writer", write_too);
	until(is_in("second writer", KC_STATE_RWMUTEX_WRITE));
	go_named("third writer", write_too);
	until(is_in("third writer", KC_STATE_RWMUTEX_WRITE));
	w = look_for("third writer");
	expect(w.g.on == &written);
	kc_rwmutex_unlock(&written);
	must_int(kc_shutdown(), 0);
}

static const struct tap_test tests[] = {
	{ "its size is fixed, and zero is valid", test_size },
	{ "locks, unlocks and tries of one", test_alone },
	{ "readers have it together", test_readers_together },
	{ "a writer that waits goes before new readers", test_writer_first },
	{ "readers that wait go before the next writer", test_then_readers },
	{ "a writer has it alone, in a crowd", test_crowd },
	{ "writers in line are seen to wait", test_seen },
	{ "a wrong unlock is a panic", test_misuse },
};

TAP_MAIN(tests)
