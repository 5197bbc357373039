/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_DEBUG_H
#define _KCHAN_DEBUG_H

#include <linux/list.h>

struct kchan;

#ifdef CONFIG_DEBUG_FS

/**
 * struct kchan_entry - a place in the list of all channels
 * @node: in the list
 * @ch: the channel; NULL if the entry marks how far a reader of the list has come
 */
struct kchan_entry {
	struct list_head node;
	struct kchan *ch;
};

void kchan_debug_add(struct kchan *ch);
void kchan_debug_del(struct kchan *ch);
void kchan_debug_init(void);
void kchan_debug_exit(void);

#else

struct kchan_entry {
};

static inline void kchan_debug_add(struct kchan *ch) { }
static inline void kchan_debug_del(struct kchan *ch) { }
static inline void kchan_debug_init(void) { }
static inline void kchan_debug_exit(void) { }

#endif

#endif /* _KCHAN_DEBUG_H */
