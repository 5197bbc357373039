/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who can use channels: known blocked calls, and perhaps others.
 */
#ifndef LIBKCHAN_DEBUG_HOLDERS_H
#define LIBKCHAN_DEBUG_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

/* Begins as all zero. */
struct kc_holders {
	struct kc_holder *uses;
	size_t nr;
	size_t max;
};

/* Notes that @calls calls hold the file of @fd. Returns false if there is no memory. */
bool kc_holders_add(struct kc_holders *uses, int fd, unsigned int calls);

/*
 * True if these are all calls on the channels of these descriptors, in all processes,
 * and if no other process can make one.
 */
bool kc_holders_are_all(struct kc_holders *uses);

void kc_holders_free(struct kc_holders *uses);

#endif /* LIBKCHAN_DEBUG_HOLDERS_H */
