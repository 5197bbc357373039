/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the handles of a channel share to move elements without the kernel: mapped.h does
 * that.
 */
#ifndef LIBKCHAN_CHAN_MAPPING_H
#define LIBKCHAN_CHAN_MAPPING_H

#include <string.h>	/* for mapped_ring.h, which the kernel's tests share */

#include "base/base.h"
#include "chan/mapped_ring.h"

struct kc_mapped {
	_Atomic uint32_t references;	/* one for each handle */
	_Atomic uint32_t cold;		/* transfers until the channel is mapped */
	uint32_t spins;			/* the most looks before a call sleeps; 0: one CPU */
	/* The looks that the next call may take; on one CPU: calls that do not yield. */
	_Atomic uint32_t budget;
	_Atomic uint32_t pause;		/* on one CPU: what budget was set to last */
	struct kc_ring ring;		/* ring.mem is NULL until the ring can be used */
	/* Then this too is ring.mem, if elements are small, and there is no race detector. */
	struct kchan_shared *small;
	size_t size;
};

/* Of a handle that has no ring of its own, in this direction: it never becomes ready. */
extern struct kc_mapped kc_never_mapped;

/*
 * For a new channel, of elements of fixed size of at most KCHAN_INLINE_ELEM_SIZE. If there
 * is no memory the channel is never mapped.
 */
struct kc_mapped *kc_mapped_new(uint32_t elem_size);
struct kc_mapped *kc_mapped_ref(struct kc_mapped *mapped);
void kc_mapped_unref(struct kc_mapped *mapped);

#endif /* LIBKCHAN_CHAN_MAPPING_H */
