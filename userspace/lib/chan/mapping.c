// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the handles of a channel share while it is, or may become, mapped.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memcheck.h"
#include "chan/mapping.h"

/*
 * To make the ring takes about as many instructions as 20 sends and receives by the
 * kernel.
 */
#define TRANSFERS	64

struct kc_mapped kc_never_mapped;

struct kc_mapped *kc_mapped_new(uint32_t elem_size)
{
	struct kc_mapped *mapped = malloc(sizeof(*mapped));

	if (!mapped)
		return &kc_never_mapped;
	atomic_init(&mapped->references, 1);
	/* memcheck does not see what the kernel writes to the ring. */
	atomic_init(&mapped->cold, kc_memcheck_is_on() ? 0 : TRANSFERS);
	atomic_init(&mapped->budget, 0);
	atomic_init(&mapped->pause, 0);
	mapped->spins = 0;
	mapped->ring.mem = NULL;
	mapped->small = NULL;
	mapped->ring.elem_size = elem_size;
	return mapped;
}

struct kc_mapped *kc_mapped_ref(struct kc_mapped *mapped)
{
	if (mapped != &kc_never_mapped)
		atomic_fetch_add_explicit(&mapped->references, 1, memory_order_relaxed);
	return mapped;
}

void kc_mapped_unref(struct kc_mapped *mapped)
{
	if (mapped == &kc_never_mapped ||
	    atomic_fetch_sub_explicit(&mapped->references, 1, memory_order_acq_rel) != 1)
		return;
	if (mapped->ring.mem)
		munmap(mapped->ring.mem, mapped->size);
	free(mapped);
}
