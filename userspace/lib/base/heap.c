// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pairing heap: a tree in which no child comes before its parent. Two become one
 * by making the later one the other's first child. When a node goes, its children
 * are put together two by two, and these then one after another, which is what
 * keeps the tree flat. Nothing here calls itself: trees may be deep.
 */
#include <stddef.h>

#include "base/heap.h"

/* Neither has siblings. Either may be NULL. */
static struct kc_heap_node *meld(struct kc_heap_node *a, struct kc_heap_node *b)
{
	struct kc_heap_node *later;

	if (!a || !b)
		return a ? a : b;
	if (b->key < a->key) {
		later = a;
		a = b;
		b = later;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* Takes the first of a list of siblings off it. */
static struct kc_heap_node *cut(struct kc_heap_node **list)
{
	struct kc_heap_node *node = *list;

	if (node) {
		*list = node->next;
		node->next = NULL;
		node->prev = NULL;
	}
	return node;
}

static struct kc_heap_node *meld_all(struct kc_heap_node *list)
{
	struct kc_heap_node *pairs = NULL, *all = NULL, *pair;

	while (list) {
		pair = cut(&list);
		pair = meld(pair, cut(&list));
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs)
		all = meld(all, cut(&pairs));
	return all;
}

void kc_heap_add(struct kc_heap *heap, struct kc_heap_node *node)
{
	node->child = NULL;
	node->next = NULL;
	node->prev = NULL;
	heap->first = meld(heap->first, node);
}

void kc_heap_del(struct kc_heap *heap, struct kc_heap_node *node)
{
	struct kc_heap_node *children = meld_all(node->child);

	if (node == heap->first) {
		heap->first = children;
		return;
	}
	if (node->prev->child == node)
		node->prev->child = node->next;
	else
		node->prev->next = node->next;
	if (node->next)
		node->next->prev = node->prev;
	heap->first = meld(heap->first, children);
}
