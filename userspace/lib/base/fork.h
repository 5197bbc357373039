/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is to be done around a fork(): a registry.
 *
 * Each file with a lock, or with memory that is of no use in a child, joins with
 * KC_AT_FORK(). It does so in a constructor, so that whoever is linked has joined
 * before main() is called.
 */
#ifndef LIBKCHAN_BASE_FORK_H
#define LIBKCHAN_BASE_FORK_H

#include <stdint.h>

#include "base/hook.h"
#include "base/shared.h"

/*
 * The order. Before a fork() the locks are taken from the last of these to the first:
 * a thread that holds one of them takes only those above it in this list. In the child
 * the parts are put right from the first to the last.
 */
enum kc_fork_order {
	KC_FORK_RACE,
	KC_FORK_THREAD,
	KC_FORK_MAIN_END,
	KC_FORK_POOL,		/* it still finds the list of all goroutines */
	KC_FORK_G,
	KC_FORK_REPORT,
	KC_FORK_LOOK,
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

/* Each of the functions may be NULL. */
struct kc_fork {
	enum kc_fork_order order;
	void (*lock)(void);		/* before the fork() */
	void (*unlock)(void);		/* after it, in both processes */
	void (*forked)(void);		/* in the child, with all locks held */
	/* In the child, without any lock: what may call the program's functions. */
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
 * See that the library is told of each fork(): 0 or a negative errno. To be called
 * before there is anything that a child must not have as it is.
 */
int kc_fork_setup(void);

/* How many forks lie between the first process and this one. */
extern uint32_t kc_generation;

#endif /* LIBKCHAN_BASE_FORK_H */
