/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses channels: blocked calls that are known of, and whoever else may.
 */
#ifndef LIBKCHAN_DEBUG_HOLDERS_H
#define LIBKCHAN_DEBUG_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

/* Zero to begin with. */
struct kc_holders {
	struct kc_holder *uses;
	size_t nr;
	size_t max;
};

/* The file behind @fd is held by @calls more. False if there is no memory. */
bool kc_holders_add(struct kc_holders *uses, int fd, unsigned int calls);

/*
 * True if these are all the calls that there are on the channels of those
 * descriptors, of all processes, and if no other process can make any.
 */
bool kc_holders_are_all(struct kc_holders *uses);

void kc_holders_free(struct kc_holders *uses);

#endif /* LIBKCHAN_DEBUG_HOLDERS_H */
