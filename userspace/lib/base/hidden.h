/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists that leak detectors do not follow.
 *
 * The library has lists of all objects of a kind, for the child of a fork(). The program
 * owns the objects. LeakSanitizer and Valgrind report an object as leaked if no pointer
 * leads to it. With pointers as links, an object that the program has forgotten would
 * still be reached by way of the list, and so would never be reported. So a link is the
 * negated address, which is no pointer. 0 is its own negation, and so marks the end.
 */
#ifndef LIBKCHAN_BASE_HIDDEN_H
#define LIBKCHAN_BASE_HIDDEN_H

#include <stdint.h>

#include "base/list.h"	/* kc_container() */

/* Empty when it is zero. */
struct kc_hidden_list {
	uintptr_t first;
};

struct kc_hidden {
	uintptr_t next;
	uintptr_t at;		/* the word that refers to this link */
};

static inline uintptr_t kc_hide(const void *ptr)
{
	return -(uintptr_t)ptr;
}

static inline void *kc_unhide(uintptr_t word)
{
	return (void *)-word;
}

/* The first link, and the link after @link. NULL: there is none. */
static inline struct kc_hidden *kc_hidden_first(const struct kc_hidden_list *list)
{
	return kc_unhide(list->first);
}

static inline struct kc_hidden *kc_hidden_next(const struct kc_hidden *link)
{
	return kc_unhide(link->next);
}

/* Adds @link as the first one. */
static inline void kc_hidden_add(struct kc_hidden_list *list, struct kc_hidden *link)
{
	struct kc_hidden *next = kc_hidden_first(list);

	link->next = list->first;
	link->at = kc_hide(&list->first);
	if (next)
		next->at = kc_hide(&link->next);
	list->first = kc_hide(link);
}

static inline void kc_hidden_del(struct kc_hidden *link)
{
	struct kc_hidden *next = kc_hidden_next(link);
	uintptr_t *at = kc_unhide(link->at);

	*at = link->next;
	if (next)
		next->at = link->at;
}

#endif /* LIBKCHAN_BASE_HIDDEN_H */
