/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapped channels, for the tests of them: a process's part in the protocol as the
 * library has it, and the same in single steps.
 */
#ifndef MAPPED_H
#define MAPPED_H

#include <sys/mman.h>

#include "chan.h"
#include "../../../userspace/lib/chan/mapped_ring.h"

struct mapped {
	int fd;		/* an end of both directions */
	int map;	/* what mmap() takes, or -1 */
	size_t size;
	struct kc_ring ring;
};

/* The fd for mmap(), or -1; what is to be mapped. */
int try_map(int fd, uint32_t flags, size_t *size);
/* MAP_FAILED and errno, or the ring. */
void *try_mmap(int map, size_t size);

/* These end the test when they fail. */
void mapped_open(struct mapped *m, int fd);
void mapped_make(struct mapped *m, uint32_t elem_size, uint32_t capacity);
void mapped_unmap(struct mapped *m);
/* Unmaps the ring and closes both fds. */
void mapped_free(struct mapped *m);

/* Through the ring, and a kick if it is asked for; false: go by the kernel. */
bool shared_send(const struct mapped *m, const void *elem);
bool shared_recv(const struct mapped *m, void *elem);
/* The same for elements of 8 bytes, without the kick. */
enum kc_moved ring_put(const struct mapped *m, uint64_t value);
enum kc_moved ring_take(const struct mapped *m, uint64_t *value);

/* As the library does: by the ring or else by the kernel. 8 bytes; a failure fails the test. */
void mapped_send_u64(const struct mapped *m, uint64_t value);
uint64_t mapped_recv_u64(const struct mapped *m);
#define expect_mapped_recv(m, value)	expect_int(mapped_recv_u64(m), value)

/* Claims that stay open: false when the kernel has to be asked. */
bool claim_send(const struct mapped *m, unsigned long long *pos);
bool claim_recv(const struct mapped *m, unsigned long long *pos, uint64_t *value);
/* And their ends: what follows is a kick, or nothing. */
enum kc_moved claim_publish(const struct mapped *m, unsigned long long pos, uint64_t value);
enum kc_moved claim_release(const struct mapped *m, unsigned long long pos);

int kick(int fd);

static inline bool head_frozen(const struct mapped *m)
{
	return __atomic_load_n(&m->ring.mem->head, __ATOMIC_SEQ_CST) & KCHAN_SHARED_FROZEN;
}

static inline bool tail_frozen(const struct mapped *m)
{
	return __atomic_load_n(&m->ring.mem->tail, __ATOMIC_SEQ_CST) & KCHAN_SHARED_FROZEN;
}

/* An fd for another process. */
void pass_fd(int sock, int fd);
int take_fd(int sock);

#endif /* MAPPED_H */
