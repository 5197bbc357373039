/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library does around a fork(): a registry.
 *
 * Each file joins with KC_AT_FORK() if it has a lock, or memory that a child cannot
 * use. It joins in a constructor. So every linked file has joined before main() is
 * called.
 */
#ifndef LIBKCHAN_BASE_FORK_H
#define LIBKCHAN_BASE_FORK_H

#include <stdint.h>

#include "base/hook.h"
#include "base/shared.h"

/*
 * The order of the parts. Before a fork() the locks are taken from the last part to the
 * first: a thread that holds the lock of one part takes only locks of parts above it in
 * this list. In the child, the parts are repaired from the first to the last.
 */
enum kc_fork_order {
	KC_FORK_RACE,
	KC_FORK_THREAD,
	KC_FORK_MAIN_END,
	KC_FORK_POOL,		/* its repair still uses the list of all goroutines */
	KC_FORK_G,
	KC_FORK_REPORT,
	KC_FORK_WALK,
	KC_FORK_CATCH,
	KC_FORK_DUMP,
	KC_FORK_FAULT,
	KC_FORK_LOG,
	KC_FORK_DEADLOCK,
	KC_FORK_CLOCK,
	KC_FORK_KEEPER,
	KC_FORK_CHAN,
	KC_FORK_CTX,
	KC_FORK_DONE,
	KC_FORK_NOTIFY,
};

/* Each function may be NULL. */
struct kc_fork {
	enum kc_fork_order order;
	void (*lock)(void);		/* called before the fork() */
	void (*unlock)(void);		/* called after it, in both processes */
	void (*forked)(void);		/* called in the child, with all locks held */
	/*
	 * Called in the child without any lock. It may call functions of the program.
	 */
	void (*drop)(void);
	struct kc_fork *next;
};

KC_SHARED KC_REGISTRY void kc_fork_join(struct kc_fork *f);

#define KC_AT_FORK(...)							\
	static struct kc_fork kc_at_fork = { __VA_ARGS__ };		\
	KC_EARLY static void kc_join_at_fork(void)			\
	{								\
		kc_fork_join(&kc_at_fork);				\
	}

/*
 * Registers the fork handlers, if they are not registered yet. Returns 0 or a negative
 * errno. Call it before you make anything that a child must not keep.
 */
int kc_fork_setup(void);

/* The number of forks between the first process and this one. */
extern uint32_t kc_generation;

#endif /* LIBKCHAN_BASE_FORK_H */
