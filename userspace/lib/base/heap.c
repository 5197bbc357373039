// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pairing heap: a tree in which no child has a smaller key than its parent. Melding
 * two trees makes the root with the larger key the first child of the other root. When
 * a node is removed, its children are melded in pairs, and the pairs are then melded
 * one after another. This keeps the tree flat. Nothing here is recursive, since a tree
 * may be deep.
 */
#include <stddef.h>

#include "base/heap.h"

/* Melds two trees. Neither root has siblings. Either may be NULL. */
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

/* Removes the first node of a list of siblings, and returns it. */
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
