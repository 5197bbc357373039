/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pairing heap of structures that contain their links. It finds the node with the
 * smallest key. Adding a node takes one comparison and no memory. Removing a node takes
 * O(log n) on average.
 */
#ifndef LIBKCHAN_BASE_HEAP_H
#define LIBKCHAN_BASE_HEAP_H

#include <stdint.h>

struct kc_heap_node {
	int64_t key;
	struct kc_heap_node *child;	/* the first child */
	struct kc_heap_node *next;	/* the next sibling */
	struct kc_heap_node *prev;	/* the previous sibling; the parent, for a first child */
};

/* @first has the smallest key. It is NULL if the heap is empty. */
struct kc_heap {
	struct kc_heap_node *first;
};

/* The caller sets the key before. It must not change while the node is in the heap. */
void kc_heap_add(struct kc_heap *heap, struct kc_heap_node *node);
void kc_heap_del(struct kc_heap *heap, struct kc_heap_node *node);

#endif /* LIBKCHAN_BASE_HEAP_H */
