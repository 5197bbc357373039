/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses channels: blocked calls that are known of, and whoever else may.
 */
#ifndef LIBKCHAN_USES_H
#define LIBKCHAN_USES_H

#include <stdbool.h>
#include <stddef.h>

/* Zero to begin with. */
struct kc_uses {
	struct kc_use *uses;
	size_t nr;
	size_t max;
};

/* The file behind @fd is held by @calls more. False if there is no memory. */
bool kc_uses_add(struct kc_uses *uses, int fd, unsigned int calls);

/*
 * True if these are all the calls that there are on the channels of those
 * descriptors, of all processes, and if no other process can make any.
 */
bool kc_uses_are_all(struct kc_uses *uses);

void kc_uses_free(struct kc_uses *uses);

#endif /* LIBKCHAN_USES_H */
