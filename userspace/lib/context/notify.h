/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is told of signals.
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
 * One who is told. @tell is called by the keeper, or by a thread that stops another
 * one being told, with the lock held: it must not call any of these.
 */
struct kc_notified {
	struct kc_list link;
	bool linked;
	bool wanted[KC_NR_SIGNALS + 1];
	void (*tell)(struct kc_notified *to, int signum);
	/* In the child of a fork(), where it is not told any more. */
	void (*forked)(struct kc_notified *to);
};

/* 0, or -EINVAL for signals that nobody can be told of. */
int kc_notify_check(const int *signums, size_t n);

/*
 * Tell of these, which have been checked, as well, from now on. The keeper runs.
 */
void kc_notify_add(struct kc_notified *to, const int *signums, size_t n);

/* When this returns it is not told any more, nor being told. */
void kc_notify_del(struct kc_notified *to);

/* True if somebody is told of some. */
bool kc_notify_is_wanted(void);


#endif /* LIBKCHAN_CONTEXT_NOTIFY_H */
