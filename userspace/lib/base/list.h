/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Circular lists of structures that contain their links.
 */
#ifndef LIBKCHAN_BASE_LIST_H
#define LIBKCHAN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct kc_list {
	struct kc_list *next;
	struct kc_list *prev;
};

#define KC_LIST_INIT(list)	{ &(list), &(list) }

#define kc_container(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline bool kc_list_empty(const struct kc_list *list)
{
	return list->next == list;
}

static inline void kc_list_init(struct kc_list *list)
{
	list->next = list;
	list->prev = list;
}

/* Adds @link after @at, which is the list's head or a link of the list. */
static inline void kc_list_add(struct kc_list *at, struct kc_list *link)
{
	link->next = at->next;
	link->prev = at;
	at->next->prev = link;
	at->next = link;
}

static inline void kc_list_del(struct kc_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
}

#endif /* LIBKCHAN_BASE_LIST_H */
