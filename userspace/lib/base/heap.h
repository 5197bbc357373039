/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes first, of things that hold their own links: a pairing heap. To add one
 * takes one comparison and no memory; to take one out, O(log n) on average.
 */
#ifndef LIBKCHAN_BASE_HEAP_H
#define LIBKCHAN_BASE_HEAP_H

#include <stdint.h>

struct kc_heap_node {
	int64_t key;
	struct kc_heap_node *child;	/* the first */
	struct kc_heap_node *next;	/* the next child of the same one */
	struct kc_heap_node *prev;	/* the one before, or whose first child it is */
};

/* The one with the smallest key; NULL: it is empty. */
struct kc_heap {
	struct kc_heap_node *first;
};

/* The key is set, and stays while it is in. */
void kc_heap_add(struct kc_heap *heap, struct kc_heap_node *node);
void kc_heap_del(struct kc_heap *heap, struct kc_heap_node *node);

#endif /* LIBKCHAN_BASE_HEAP_H */
