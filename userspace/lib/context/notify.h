/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receivers of signals.
 */
#ifndef LIBKCHAN_CONTEXT_NOTIFY_H
#define LIBKCHAN_CONTEXT_NOTIFY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/catch.h"
#include "base/list.h"

/*
 * A receiver. @tell is called with the lock held, by the keeper, or by a thread that
 * removes a receiver. It must not call the functions below.
 */
struct kc_notified {
	struct kc_list link;
	bool linked;
	bool wanted[KC_NR_SIGNALS + 1];
	void (*tell)(struct kc_notified *to, int signum);
	/*
	 * Called in the child of a fork(), where it does not receive signals any more.
	 */
	void (*forked)(struct kc_notified *to);
};

/* Returns 0, or -EINVAL if one of the signals cannot be received. */
int kc_notify_check(const int *signums, size_t n);

/*
 * Adds these signals, which have been checked, to those that @to receives. The keeper
 * must run.
 */
void kc_notify_add(struct kc_notified *to, const int *signums, size_t n);

/* Removes @to. When it returns, @tell is not called any more, and does not run. */
void kc_notify_del(struct kc_notified *to);

/* True if there is a receiver. */
bool kc_notify_is_wanted(void);


#endif /* LIBKCHAN_CONTEXT_NOTIFY_H */
