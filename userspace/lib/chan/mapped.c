// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping a channel, and what is seldom done with the ring.
 */
#include <sched.h>
#include <sys/mman.h>

#include "base/task.h"
#include "chan/mapped.h"
#include "chan/races.h"

/*
 * A look takes some 50 cycles. A call that parks and is woken takes some 5000. So a call
 * that spins for nothing takes at most twice as long as without, and the next one spins
 * for half as long. A select does not spin: it would look at each of its cases, and it
 * often waits for what comes seldom, such as a timeout.
 */
#define SPINS		100

/* The most calls that do not yield after one that has yielded for nothing. */
#define MAX_PAUSE	63

/* Whether this process may run on more than one CPU. */
static bool several_cpus(void)
{
	cpu_set_t cpus;

	/* It fails only if there are more CPUs than the set has room for. */
	return sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) > 1;
}

void kc_map(kc_chan *c, struct kc_mapped *mapped)
{
	struct kchan_map map = { .flags = KCHAN_MAP_CLOEXEC };
	struct kc_ring *ring = &mapped->ring;
	struct kchan_shared *mem;
	int fd;

	/* A fork() meanwhile would leave the child a descriptor. */
	kc_lock_making();
	fd = sys_ioctl(c->fd, KCHAN_IOC_MAP, &map);
	mem = MAP_FAILED;
	if (fd >= 0) {
		/* The detector would compare what others did with that descriptor. */
		kc_race_hide();
		mem = mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		kc_race_show();
		sys_close(fd);
	}
	kc_unlock_making();
	if (mem == MAP_FAILED)
		return;

	ring->last = mem->capacity - 1;
	ring->stride = mem->stride;
	mapped->size = map.size;
	mapped->spins = several_cpus() ? SPINS : 0;
	atomic_store_explicit(&mapped->budget, mapped->spins, memory_order_relaxed);
	/* Pair with the load-acquires in kc_mapped_mem() and kc_mapped_call(). */
	__atomic_store_n(&ring->mem, mem, __ATOMIC_RELEASE);
	if (ring->elem_size <= KC_RING_SMALL && !kc_race_on())
		__atomic_store_n(&mapped->small, mem, __ATOMIC_RELEASE);
}

static void kick(kc_chan *c)
{
	sys_ioctl(c->fd, KCHAN_IOC_KICK, NULL);
}

void kc_mapped_kick(struct kc_call call)
{
	kick(call.chan);
	kc_call_end(&call);
}

/*
 * A transfer of which the race detector is told. It is told of it as of a call that does
 * not wait: chan/races.c holds a lock meanwhile, and reports what has moved. The element is
 * touched before that: a fault may become a panic, which would leave the lock. A transfer
 * that would find nothing is not begun, so spinning reports nothing.
 *
 * The copy, which may be libc's, is hidden: the detector does not see the stamps that order
 * it. It is reported as an access in the line @at.
 */
static enum kc_moved move_told(kc_chan *c, bool send, void *elem, void *at)
{
	const struct kc_limit now = { KCHAN_SELECT_NONBLOCK, 0, 0, at };
	const struct kc_ring *ring = &kc_mapped_of(c, send)->ring;
	const size_t len = ring->elem_size;
	enum kc_moved moved;

	if (kc_ring_look(ring, send) != KC_RING_READY)
		return KC_MOVED_NOT;
	kc_ring_touch(elem, len, send);
	if (send) {
		kc_race_send(c, elem, len, 1, now);
		kc_race_hide();
		moved = kc_mapped_do(ring, true, elem, len, false);
		kc_race_show();
		kc_race_sent(c, 1, moved != KC_MOVED_NOT, now,
			     moved == KC_MOVED_NOT ? -EAGAIN : 0);
	} else {
		kc_race_recv(c, now);
		kc_race_hide();
		moved = kc_mapped_do(ring, false, elem, len, false);
		kc_race_show();
		kc_race_received(c, elem, len, now, moved == KC_MOVED_NOT ? -EAGAIN : 1);
	}
	return moved;
}

bool kc_mapped_move(kc_chan *c, bool send, void *elem, void *at)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);
	enum kc_moved moved;

	if (!kc_mapped_mem(mapped))
		return false;
	if (kc_race_on())
		moved = move_told(c, send, elem, at);
	else
		moved = kc_mapped_do(&mapped->ring, send, elem, mapped->ring.elem_size,
				     false);
	if (moved == KC_MOVED_KICK)
		kick(c);
	return moved != KC_MOVED_NOT;
}

/* Tells the CPU that this is a loop that waits. */
static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* Looks again for a moment. Other CPUs may have done something meanwhile. */
static bool move_after_spin(kc_chan *c, struct kc_mapped *mapped, bool send, void *elem,
			    void *at)
{
	uint32_t budget, i;

	budget = atomic_load_explicit(&mapped->budget, memory_order_relaxed);
	for (i = 0; i < budget && kc_ring_look(&mapped->ring, send) != KC_RING_SHUT; i++) {
		relax();
		if (!kc_mapped_move(c, send, elem, at))
			continue;
		if (budget < mapped->spins)
			atomic_store_explicit(&mapped->budget, budget * 2,
					      memory_order_relaxed);
		return true;
	}
	if (i && budget > 1)
		atomic_store_explicit(&mapped->budget, budget / 2, memory_order_relaxed);
	return false;
}

/*
 * On one CPU nothing changes while this thread looks. So it lets the others run, of which one
 * may fill or empty the ring. That is one system call, where parking and being woken are two,
 * and two of the other side, which is told. It is for two threads that take turns. Among
 * many, most who get a turn would only yield too.
 *
 * It yields once. If that was for nothing it parks, and the next calls do not yield: one,
 * then three, and at most MAX_PAUSE. So a call whose peer is slow takes some 10 % longer, and
 * soon some 0.2 %. It comes back when each other thread that can run has had its turn, which
 * is when it would come back too if it was woken by one of them. It does no harm if the
 * counts are changed by several threads at once.
 */
static bool move_after_yield(kc_chan *c, struct kc_mapped *mapped, bool send, void *elem,
			     void *at)
{
	const uint64_t uses = atomic_load_explicit(&c->uses, memory_order_relaxed);
	uint32_t pause, left;

	if (kc_nr_calls(uses) > 2 || kc_ring_look(&mapped->ring, send) == KC_RING_SHUT)
		return false;
	left = atomic_load_explicit(&mapped->budget, memory_order_relaxed);
	if (left) {
		atomic_store_explicit(&mapped->budget, left - 1, memory_order_relaxed);
		return false;
	}
	sys_yield();
	pause = atomic_load_explicit(&mapped->pause, memory_order_relaxed);
	if (kc_mapped_move(c, send, elem, at)) {
		if (pause)
			atomic_store_explicit(&mapped->pause, 0, memory_order_relaxed);
		return true;
	}
	if (pause < MAX_PAUSE)
		pause = 2 * pause + 1;
	atomic_store_explicit(&mapped->pause, pause, memory_order_relaxed);
	atomic_store_explicit(&mapped->budget, pause, memory_order_relaxed);
	return false;
}

/*
 * A call that may wait has found nothing to do. Who has to go by the kernel does not get
 * further by looking.
 */
static bool move_soon(kc_chan *c, bool send, void *elem, void *at)
{
	struct kc_mapped *mapped = kc_mapped_of(c, send);

	return mapped->spins ? move_after_spin(c, mapped, send, elem, at) :
			       move_after_yield(c, mapped, send, elem, at);
}

size_t kc_mapped_move_n(kc_chan *c, bool send, char *elems, size_t nr, bool may_wait,
			void *at)
{
	size_t moved = 0;
	char *elem;

	for (elem = elems; moved < nr; elem += c->elem_size, moved++)
		if (!kc_mapped_move(c, send, elem, at) &&
		    !(may_wait && (send || !moved) && move_soon(c, send, elem, at)))
			break;
	return moved;
}
