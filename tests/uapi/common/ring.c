// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring, see ring.h.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "ring.h"

#define ENTRIES 64

static size_t sq_bytes(const struct ring *r)
{
	return r->p.sq_off.array + r->p.sq_entries * sizeof(uint32_t);
}

static size_t cq_bytes(const struct ring *r)
{
	return r->p.cq_off.cqes +
	       r->p.cq_entries * sizeof(struct io_uring_cqe);
}

void ring_open(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &r->p);
	if (r->fd < 0)
		tap_skip("no io_uring here");
	r->sq = mmap(NULL, sq_bytes(r), PROT_READ | PROT_WRITE, MAP_SHARED,
		     r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL, cq_bytes(r), PROT_READ | PROT_WRITE, MAP_SHARED,
		     r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * sizeof(*r->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	must(r->sq != MAP_FAILED && r->cq != MAP_FAILED);
	must((void *)r->sqes != MAP_FAILED);
}

void ring_close(struct ring *r)
{
	close(r->fd);
	munmap(r->sqes, r->p.sq_entries * sizeof(*r->sqes));
	munmap(r->sq, sq_bytes(r));
	munmap(r->cq, cq_bytes(r));
}

static int enter(struct ring *r, unsigned int submits, unsigned int waits,
		 unsigned int flags)
{
	return syscall(SYS_io_uring_enter, r->fd, submits, waits, flags, NULL,
		       0);
}

void ring_submit_with(struct ring *r, uint8_t op, int fd, void *buf,
		      uint32_t len, uint64_t data, uint8_t flags)
{
	uint32_t *tail = (void *)(r->sq + r->p.sq_off.tail);
	uint32_t mask = *(uint32_t *)(r->sq + r->p.sq_off.ring_mask);
	uint32_t *array = (void *)(r->sq + r->p.sq_off.array);
	uint32_t at = *tail & mask;
	struct io_uring_sqe *sqe = &r->sqes[at];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->flags = flags;
	sqe->fd = fd;
	sqe->user_data = data;
	if (op == IORING_OP_POLL_ADD) {
		sqe->poll32_events = len;
	} else {
		sqe->addr = (uintptr_t)buf;
		sqe->len = len;
		sqe->off = -1;
	}
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must_int(enter(r, 1, 0, 0), 1);
}

void ring_submit(struct ring *r, uint8_t op, int fd, void *buf, uint32_t len,
		 uint64_t data)
{
	ring_submit_with(r, op, fd, buf, len, data, 0);
}

bool ring_completed(struct ring *r, uint64_t *data, int *result)
{
	uint32_t *head = (void *)(r->cq + r->p.cq_off.head);
	uint32_t *tail = (void *)(r->cq + r->p.cq_off.tail);
	uint32_t mask = *(uint32_t *)(r->cq + r->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(r->cq + r->p.cq_off.cqes);

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*data = cqes[*head & mask].user_data;
	*result = cqes[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

bool ring_complete(struct ring *r, uint64_t *data, int *result)
{
	/* Completions are posted by this task, when it enters the kernel. */
	enter(r, 0, 0, IORING_ENTER_GETEVENTS);
	return ring_completed(r, data, result);
}

void ring_wait(struct ring *r)
{
	enter(r, 0, 1, IORING_ENTER_GETEVENTS);
}

void ring_expect(struct ring *r, uint64_t want, int result)
{
	uint64_t data = 0;
	int got = 0;

	until(ring_complete(r, &data, &got));
	expect_int(data, want);
	expect_int(got, result);
}

int ring_workers(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir = opendir("/proc/self/task");

	must(dir);
	while ((entry = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 entry->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f))
			count += strncmp(name, "iou-wrk", 7) == 0;
		fclose(f);
	}
	closedir(dir);
	return count;
}
