// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped channels, see mapped.h.
 */
#include <sys/socket.h>

#include "mapped.h"

int try_map(int fd, uint32_t flags, size_t *size)
{
	struct kchan_map map = { .flags = flags };
	int ret = ioctl(fd, KCHAN_IOC_MAP, &map);

	if (size)
		*size = map.size;
	return ret;
}

void *try_mmap(int map, size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
}

void mapped_open(struct mapped *m, int fd)
{
	struct kchan_shared *mem;

	m->fd = fd;
	m->map = try_map(fd, KCHAN_MAP_CLOEXEC, &m->size);
	must(m->map >= 0);
	mem = try_mmap(m->map, m->size);
	must(mem != MAP_FAILED);
	m->ring = (struct kc_ring){
		.mem = mem,
		.elem_size = mem->elem_size,
		.last = mem->capacity - 1,
		.stride = mem->stride,
	};
	must(mem->capacity > 0);
	must(KCHAN_SHARED_SLOTS + (size_t)mem->capacity * m->ring.stride <= m->size);
}

void mapped_make(struct mapped *m, uint32_t elem_size, uint32_t capacity)
{
	mapped_open(m, chan_make(0, elem_size, capacity));
	must_int(m->ring.elem_size, elem_size);
	must_int(m->ring.last, capacity - 1);
}

void mapped_unmap(struct mapped *m)
{
	if (m->ring.mem)
		must_int(munmap(m->ring.mem, m->size), 0);
	m->ring.mem = NULL;
}

void mapped_free(struct mapped *m)
{
	mapped_unmap(m);
	if (m->map >= 0)
		close(m->map);
	close(m->fd);
}

int kick(int fd)
{
	return ioctl(fd, KCHAN_IOC_KICK);
}

static bool kicked(const struct mapped *m, enum kc_moved how)
{
	if (how == KC_MOVED_KICK)
		expect_int(kick(m->fd), 0);
	return how != KC_MOVED_NOT;
}

bool shared_send(const struct mapped *m, const void *elem)
{
	return kicked(m, kc_ring_send(&m->ring, elem));
}

bool shared_recv(const struct mapped *m, void *elem)
{
	return kicked(m, kc_ring_recv(&m->ring, elem));
}

enum kc_moved ring_put(const struct mapped *m, uint64_t value)
{
	return kc_ring_send(&m->ring, &value);
}

enum kc_moved ring_take(const struct mapped *m, uint64_t *value)
{
	memset(value, POISON, sizeof(*value));
	return kc_ring_recv(&m->ring, value);
}

void mapped_send_u64(const struct mapped *m, uint64_t value)
{
	if (!shared_send(m, &value))
		send_u64(m->fd, value);
}

uint64_t mapped_recv_u64(const struct mapped *m)
{
	uint64_t value;

	memset(&value, POISON, sizeof(value));
	return shared_recv(m, &value) ? value : recv_u64(m->fd);
}

bool claim_send(const struct mapped *m, unsigned long long *pos)
{
	return kc_ring_claim(&m->ring, &m->ring.mem->tail, 0, NULL, pos);
}

bool claim_recv(const struct mapped *m, unsigned long long *pos, uint64_t *value)
{
	return kc_ring_claim(&m->ring, &m->ring.mem->head, 1, value, pos);
}

enum kc_moved claim_publish(const struct mapped *m, unsigned long long pos, uint64_t value)
{
	struct kchan_shared_slot *slot = kc_ring_slot(&m->ring, pos);

	memcpy(slot + 1, &value, sizeof(value));
	return kc_ring_stamp(slot, pos + 1, &m->ring.mem->told_of_send);
}

enum kc_moved claim_release(const struct mapped *m, unsigned long long pos)
{
	return kc_ring_stamp(kc_ring_slot(&m->ring, pos), kc_ring_lap(pos),
			     &m->ring.mem->told_of_recv);
}

void pass_fd(int sock, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	must_int(sendmsg(sock, &msg, 0), 1);
}

int take_fd(int sock)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int fd;

	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	must_int(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
	cmsg = CMSG_FIRSTHDR(&msg);
	must(cmsg && cmsg->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}
