/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_MAPPING_H
#define _KCHAN_MAPPING_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/refcount.h>

#include "kchan.h"

struct pid;

/**
 * struct kchan_mapping - a ring that a process has mapped
 * @ref: one for the ring, one for the file that the process maps
 * @mem: the memory that is shared with the process
 * @size: bytes in @mem, a whole number of pages
 * @charge: the user who is charged for @mem
 * @pid: the process that asked for the ring
 * @ch: the channel
 * @capacity: slots in the ring
 * @stride: bytes from one slot to the next
 * @nr_vmas: mappings of it in the address space of its maker: 1, or 2 while one is moved
 * @head: position of the oldest element
 * @tail: position for the next element
 * @readable: up to here the kernel has told pollers of what they can receive
 * @writable: up to here the kernel has told pollers of room
 * @head_frozen: the kernel has left the bit %KCHAN_SHARED_FROZEN in the head
 * @tail_frozen: the same for the tail
 * @dead: the process has unmapped the ring, or was killed: a claim that it has not
 *	ended will never end
 *
 * All but @ref and @nr_vmas is guarded by the channel's lock, or never changes.
 */
struct kchan_mapping {
	refcount_t ref;
	struct kchan_shared *mem;
	size_t size;
	struct kchan_charge charge;
	struct pid *pid;
	struct kchan *ch;
	u32 capacity;
	u32 stride;
	atomic_t nr_vmas;
	u64 head;
	u64 tail;
	u64 readable;
	u64 writable;
	bool head_frozen;
	bool tail_frozen;
	bool dead;
};

size_t kchan_mapping_bytes(u32 elem_size, u32 capacity);
struct kchan_ring *kchan_mapping_ring(struct kchan *ch);
void kchan_mapping_put(struct kchan_mapping *map);
void kchan_mapping_leave(struct kchan *ch);
void kchan_mapping_push(struct kchan_mapping *map);
void kchan_mapping_pop(struct kchan_mapping *map);
bool kchan_mapping_has_room(struct kchan *ch);
bool kchan_mapping_has_elem(struct kchan *ch);
bool kchan_mapping_is_published(const struct kchan_mapping *map, u32 nth);
u32 kchan_mapping_new_elems(struct kchan *ch);
u32 kchan_mapping_new_room(struct kchan *ch);

#endif /* _KCHAN_MAPPING_H */
