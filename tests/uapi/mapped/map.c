// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped channels: who may map which, and how; what the mapping is; and that it keeps
 * nothing open.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "listed.h"
#include "mapped.h"

struct big_map {
	struct kchan_map m;
	uint32_t more[6];
};

static void geometry(void)
{
	static const uint32_t sizes[] = { 1, 3, 7, 8, 9, 64, 100, 4095, 4096 };
	static const uint32_t capacities[] = { 1, 2, 3, 16, 100 };
	static char in[4096], out[4096];
	struct mapped m;
	uint32_t i, j, k;

	_Static_assert(sizeof(struct kchan_shared) == KCHAN_SHARED_SLOTS, "the slots follow");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(capacities); j++) {
			const struct kchan_shared *mem;
			const uint32_t size = sizes[i], capacity = capacities[j];

			tap_about("%u elements of %u bytes", capacity, size);
			mapped_make(&m, size, capacity);
			mem = m.ring.mem;
			expect_int(m.size % page_size(), 0);
			expect_int(m.ring.stride % 8, 0);
			expect(m.ring.stride >= sizeof(struct kchan_shared_slot) + size);
			expect(!(mem->head & KCHAN_SHARED_FROZEN));
			expect_int(mem->tail, mem->head);
			for (k = 0; k < capacity; k++)
				expect_int((uint32_t)kc_ring_slot(&m.ring, k)->stamp, k);
			/* All of it is there to be used, and again. */
			for (int lap = 0; lap < 3; lap++) {
				for (k = 0; k < capacity; k++) {
					fill(in, size, k + lap);
					expect(shared_send(&m, in));
				}
				expect(!shared_send(&m, in));
				expect_int(chan_len(m.fd), capacity);
				for (k = 0; k < capacity; k++) {
					memset(out, POISON, size);
					expect(shared_recv(&m, out));
					expect(filled(out, size, k + lap));
				}
				expect(!shared_recv(&m, out));
				expect_int(chan_len(m.fd), 0);
			}
			mapped_free(&m);
		}
	}
}

static void refused_geometry(void)
{
	size_t size;
	int fd;

	tap_about("rendezvous");
	expect_errno(try_map(chan_make(0, 8, 0), 0, &size), EINVAL);
	tap_about("message mode");
	expect_errno(try_map(chan_make(KCHAN_SETUP_MESSAGE, 8, 2), 0, NULL), EINVAL);
	tap_about("size 0");
	expect_errno(try_map(chan_make(0, 0, 2), 0, NULL), EINVAL);
	tap_about("too large");
	expect_errno(try_map(chan_make(0, KCHAN_INLINE_ELEM_SIZE + 1, 2), 0, NULL), EINVAL);
	tap_about("as it is opened");
	expect_errno(try_map(chan_open(), 0, NULL), EINVAL);
	tap_about("goes on");
	fd = chan_make(0, KCHAN_INLINE_ELEM_SIZE, 2);
	expect(try_map(fd, 0, &size) >= 0);
	expect(size > 0);
}

static void refused_flags(void)
{
	struct kchan_map map;
	int fd = chan_make(0, 8, 2), bit;

	for (bit = 1; bit < 32; bit++)
		expect_errno(try_map(fd, 1U << bit, NULL), EINVAL);
	map = (struct kchan_map){ .reserved = 1 };
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EINVAL);
	map = (struct kchan_map){ .reserved = 0x80000000 };
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EINVAL);
	map = (struct kchan_map){ .size = 4096 };
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EINVAL);
	map = (struct kchan_map){ .size = 1ULL << 63 };
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EINVAL);
	expect(!(chan_info(fd).flags & KCHAN_INFO_MAPPED));
	expect(try_map(fd, 0, NULL) >= 0);
}

static void structure_sizes(void)
{
	struct big_map big = { 0 };
	struct kchan_map *at;
	int fd = chan_make(0, 8, 2);
	char *page;
	uint32_t size;
	size_t i;

	for (size = 0; size < sizeof(big.m); size++) {
		tap_about("%u bytes", size);
		expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_MAP, size), &big), EINVAL);
	}
	tap_about("larger");
	big.more[5] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_MAP, sizeof(big)), &big), E2BIG);
	big.more[5] = 0;
	((char *)big.more)[0] = 1;
	expect_errno(ioctl(fd, IOC_SIZED(KCHAN_IOC_MAP, sizeof(big.m) + 1), &big), E2BIG);
	((char *)big.more)[0] = 0;

	tap_about("a bad address");
	page = map_before_hole(sizeof(big.m) - 1);
	memset(page, 0, sizeof(big.m) - 1);
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, page), EFAULT);
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, NULL), EFAULT);
	/* That can be read and not written. */
	at = map_pages(sizeof(*at));
	must_int(mprotect(at, page_size(), PROT_READ), 0);
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, at), EFAULT);
	expect(!(chan_info(fd).flags & KCHAN_INFO_MAPPED));

	tap_about("larger and zero");
	expect(ioctl(fd, IOC_SIZED(KCHAN_IOC_MAP, sizeof(big)), &big) >= 0);
	expect(big.m.size > 0);
	for (i = 0; i < ARRAY_SIZE(big.more); i++)
		expect_int(big.more[i], 0);
}

static void only_once(void)
{
	struct mapped m;
	int fd;

	mapped_make(&m, 8, 2);
	tap_about("mapped");
	expect_errno(try_map(m.fd, 0, NULL), EBUSY);
	expect(try_mmap(m.map, m.size) == MAP_FAILED);
	expect_int(errno, EBUSY);
	expect_errno(try_map(end_make(m.fd, KCHAN_END_SEND), 0, NULL), EBUSY);
	tap_about("fd closed");
	close(m.map);
	expect_errno(try_map(m.fd, 0, NULL), EBUSY);
	tap_about("unmapped");
	mapped_unmap(&m);
	expect_errno(try_map(m.fd, 0, NULL), EBUSY);
	tap_about("unmapped, and the fd for mmap() open");
	mapped_make(&m, 8, 2);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	mapped_unmap(&m);
	expect(try_mmap(m.map, m.size) == MAP_FAILED);
	expect_int(errno, EBUSY);
	expect(!(chan_info(m.fd).flags & KCHAN_INFO_MAPPED));
	expect_recv(m.fd, 1);
	tap_about("never used");
	fd = chan_make(0, 8, 2);
	close(try_map(fd, 0, NULL));
	expect_errno(try_map(fd, 0, NULL), EBUSY);
	send_u64(fd, 1);
	expect_recv(fd, 1);
	tap_about("resized");
	mapped_make(&m, 8, 2);
	chan_resize(m.fd, 4);
	expect_errno(try_map(m.fd, 0, NULL), EBUSY);
}

/* As many older buffers as a channel may have, each with an element. */
static void after_many_resizes(void)
{
	struct kchan_map map = { 0 };
	int fd = chan_make(0, 8, 100);
	uint32_t nr = 0;

	do {
		send_u64(fd, nr++);
	} while (nr < 99 && try_resize(fd, 100 + nr) == 0);
	must(nr < 99);
	expect_errno(ioctl(fd, KCHAN_IOC_MAP, &map), EBUSY);
	expect_recv(fd, 0);
	expect_recv(fd, 1);
	/* The same structure serves for another try. */
	expect(ioctl(fd, KCHAN_IOC_MAP, &map) >= 0);
	expect(map.size > 0);
	for (uint32_t i = 2; i < nr; i++)
		expect_recv(fd, i);
	send_u64(fd, nr);
	expect_recv(fd, nr);
}

static void close_on_exec(void)
{
	int map = try_map(chan_make(0, 8, 2), 0, NULL);

	must(map >= 0);
	expect_int(fcntl(map, F_GETFD), 0);
	map = try_map(chan_make(0, 8, 2), KCHAN_MAP_CLOEXEC, NULL);
	must(map >= 0);
	expect_int(fcntl(map, F_GETFD), FD_CLOEXEC);
}

/* In a process that is not the channel's. */
static void cannot(void *arg)
{
	const struct mapped *m = arg;

	expect_errno(try_map(m->fd, 0, NULL), EPERM);
	if (m->map >= 0) {
		expect(try_mmap(m->map, m->size) == MAP_FAILED);
		expect_int(errno, EPERM);
	}
}

static void not_in_a_child(void)
{
	struct mapped m = { .fd = chan_make(0, 8, 2), .map = -1 };

	tap_about("not mapped");
	expect_exit(spawn(cannot, &m));
	m.map = try_map(m.fd, 0, &m.size);
	must(m.map >= 0);
	tap_about("the fd passed");
	expect_exit(spawn(cannot, &m));
	expect(try_mmap(m.map, m.size) != MAP_FAILED);
}

static int sock[2];

static void opens_and_passes(void *arg)
{
	struct mapped *m = arg;
	char byte;

	m->fd = chan_make(0, 8, 2);
	pass_fd(sock[1], m->fd);
	m->map = try_map(m->fd, 0, &m->size);
	must(m->map >= 0);
	pass_fd(sock[1], m->map);
	/* It can, while others hold the fds. */
	must_int(read(sock[1], &byte, 1), 1);
	expect(try_mmap(m->map, m->size) != MAP_FAILED);
}

static void not_in_another_process(void)
{
	struct mapped *m = shared_pages(sizeof(*m)), own;
	pid_t pid;

	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	pid = spawn(opens_and_passes, m);
	own.fd = take_fd(sock[0]);
	own.map = take_fd(sock[0]);
	own.size = m->size;
	cannot(&own);
	must_int(write(sock[0], "", 1), 1);
	expect_exit(pid);
	/* Its address space is gone, and does not come back. */
	cannot(&own);
	expect_exit(spawn(cannot, &own));
	send_u64(own.fd, 1);
	expect_recv(own.fd, 1);
}

static void after_exec(char **args)
{
	struct mapped m = { .fd = atoi(args[0]), .map = atoi(args[1]) };

	m.size = atoi(args[2]);
	cannot(&m);
	expect_recv(m.fd, 7);
}

static void execs(void *arg)
{
	struct mapped m = { .fd = chan_make(0, 8, 2) };
	char args[3][20];

	(void)arg;
	m.map = try_map(m.fd, 0, &m.size);
	must(m.map >= 0);
	send_u64(m.fd, 7);
	must_int(fcntl(m.fd, F_SETFD, 0), 0);
	snprintf(args[0], sizeof(args[0]), "%d", m.fd);
	snprintf(args[1], sizeof(args[1]), "%d", m.map);
	snprintf(args[2], sizeof(args[2]), "%zu", m.size);
	execl("/proc/self/exe", "map", args[0], args[1], args[2], NULL);
	must(!"exec");
}

static void not_after_exec(void)
{
	expect_exit(spawn(execs, NULL));
}

static int maps(void *arg)
{
	struct mapped *m = arg;

	mapped_open(m, m->fd);
	return !shared_send(m, &(uint64_t){ 5 });
}

/* A process that shares the memory. */
static void in_a_sharer(void)
{
	struct mapped m = { .fd = chan_make(0, 8, 2) };
	char *stack = map_pages(65536);
	pid_t pid;

	pid = clone(maps, stack + 65536, CLONE_VM | CLONE_FILES | SIGCHLD, &m);
	must(pid > 0);
	expect_exit(pid);
	expect_int(ring_take(&m, &(uint64_t){ 0 }), KC_MOVED);
	expect(shared_send(&m, &(uint64_t){ 6 }));
	expect_recv(m.fd, 6);
}

/* The rings of these two tests take some pages, of 16 KiB too. */
static void refused_mmap(void)
{
	const size_t page = page_size();
	int fd = chan_make(0, 100, 500), map;
	struct mapped m;
	size_t size;

	map = try_map(fd, 0, &size);
	must(map >= 0 && size > 2 * page);
	tap_about("private");
	expect(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, map, 0) == MAP_FAILED);
	expect_int(errno, EINVAL);
	expect(mmap(NULL, size, PROT_READ, MAP_PRIVATE, map, 0) == MAP_FAILED);
	expect_int(errno, EINVAL);
	tap_about("size");
	expect(try_mmap(map, size - page) == MAP_FAILED);
	expect_int(errno, EINVAL);
	expect(try_mmap(map, size + page) == MAP_FAILED);
	expect_int(errno, EINVAL);
	expect(try_mmap(map, page) == MAP_FAILED);
	expect_int(errno, EINVAL);
	tap_about("offset");
	expect(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, page) == MAP_FAILED);
	expect_int(errno, EINVAL);
	expect(mmap(NULL, size - page, PROT_READ | PROT_WRITE, MAP_SHARED, map, page) ==
	       MAP_FAILED);
	expect_int(errno, EINVAL);
	tap_about("an end");
	expect(try_mmap(fd, size) == MAP_FAILED);
	expect_int(errno, ENODEV);
	tap_about("goes on");
	m.ring.mem = try_mmap(map, size);
	must(m.ring.mem != MAP_FAILED);
	expect_int(m.ring.mem->capacity, 500);
}

/* What would take a part of it away, or make it larger. */
static void stays_whole(void)
{
	const size_t page = page_size();
	static char elem[100];
	struct mapped m;
	char *at;

	mapped_make(&m, sizeof(elem), 500);
	at = (char *)m.ring.mem;
	must(m.size > 2 * page);
	for (int i = 0; i < 450; i++) {
		fill(elem, sizeof(elem), i);
		expect(shared_send(&m, elem));
	}
	tap_about("munmap");
	expect_int(munmap(at, page), -1);
	expect_int(munmap(at + page, page), -1);
	expect_int(munmap(at + m.size - page, page), -1);
	tap_about("mremap");
	expect(mremap(at, m.size, m.size + page, MREMAP_MAYMOVE) == MAP_FAILED);
	expect(mremap(at, m.size, m.size + page, 0) == MAP_FAILED);
	expect(mremap(at, m.size, m.size - page, 0) == MAP_FAILED);
	expect(mremap(at, 0, m.size, MREMAP_MAYMOVE) == MAP_FAILED);
	tap_about("a hole");
	expect(mmap(at + page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       MAP_FAILED);
	tap_about("its pages come back");
	madvise(at, m.size, MADV_DONTNEED);
	for (int i = 0; i < 450; i++) {
		memset(elem, POISON, sizeof(elem));
		expect(shared_recv(&m, elem));
		expect(filled(elem, sizeof(elem), i));
	}
	mapped_free(&m);
}

/* The fd for mmap() is nothing else. */
static void map_fd_is_no_end(void)
{
	struct kchan_info info;
	struct mapped m;
	uint64_t value = 1;

	mapped_make(&m, 8, 2);
	send_u64(m.fd, 1);
	expect_int(read(m.map, &value, 8), -1);
	expect_int(write(m.map, &value, 8), -1);
	expect_errno(ioctl(m.map, KCHAN_IOC_INFO, &info), ENOTTY);
	expect_errno(ioctl(m.map, KCHAN_IOC_KICK), ENOTTY);
	expect_errno(try_map(m.map, 0, NULL), ENOTTY);
	expect(try_recv(m.map, &value, 8) == -1);
	expect_int(chan_info(m.fd).send_ends, 1);
	expect_int(chan_info(m.fd).recv_ends, 1);
	expect_recv(m.fd, 1);
}

static void ends_of_one_direction(void)
{
	for (int send = 0; send < 2; send++) {
		int fd = chan_make(0, 8, 4), end;
		uint64_t value;
		struct mapped m;

		end = end_make(fd, send ? KCHAN_END_SEND : KCHAN_END_RECV);
		tap_about(send ? "send-only" : "receive-only");
		mapped_open(&m, end);
		/* A kick needs no direction either. */
		expect_int(kick(end), 0);
		expect(shared_send(&m, &(uint64_t){ 3 }));
		expect_int(ring_take(&m, &value), KC_MOVED);
		expect_int(value, 3);
		expect(shared_send(&m, &(uint64_t){ 4 }));
		expect_recv(fd, 4);
		send_u64(fd, 5);
		expect(shared_recv(&m, &value));
		expect_int(value, 5);
		mapped_free(&m);
		close(fd);
	}
}

/* End-of-stream comes though the ring is still mapped. */
static void keeps_no_send_end(void)
{
	for (int closed = 0; closed < 2; closed++) {
		struct mapped m;
		uint64_t value;
		int reader;

		tap_about(closed ? "the fd for mmap() closed" : "that fd open");
		mapped_make(&m, 8, 4);
		if (closed)
			close(m.map);
		reader = end_make(m.fd, KCHAN_END_RECV);
		expect(shared_send(&m, &(uint64_t){ 1 }));
		expect(shared_send(&m, &(uint64_t){ 2 }));
		close(m.fd);
		m.fd = reader;
		expect(chan_info(reader).flags & KCHAN_INFO_CLOSED);
		expect_int(ring_put(&m, 3), KC_MOVED_NOT);
		expect_recv(reader, 1);
		/* The ring may serve here, or not. */
		expect_mapped_recv(&m, 2);
		expect_end(reader);
		expect_int(ring_take(&m, &value), KC_MOVED_NOT);
		expect_int(ring_put(&m, 3), KC_MOVED_NOT);
		expect_int(kick(reader), 0);
		expect_int(poll_now(reader), POLLIN | POLLRDHUP | POLLHUP);
		mapped_unmap(&m);
		expect_end(reader);
		close(reader);
	}
}

static void keeps_no_receive_end(void)
{
	struct mapped m;
	uint64_t value = 1;
	int sender;

	mapped_make(&m, 8, 4);
	sender = end_make(m.fd, KCHAN_END_SEND);
	expect(shared_send(&m, &value));
	expect(shared_send(&m, &value));
	expect_int(chan_len(sender), 2);
	close(m.fd);
	m.fd = sender;
	expect_int(chan_len(sender), 0);
	expect_int(ring_put(&m, 3), KC_MOVED_NOT);
	expect_errno(write(sender, &value, 8), EPIPE);
	expect_int(ring_take(&m, &value), KC_MOVED_NOT);
	expect_int(poll_now(sender), POLLOUT | POLLERR);
	expect_int(kick(sender), 0);
	mapped_unmap(&m);
	expect_errno(write(sender, &value, 8), EPIPE);
}

/* The memory stays while it is mapped, whatever happens to the channel. */
static void keeps_no_end(void)
{
	uint64_t value = 1;
	struct mapped m;

	mapped_make(&m, 8, 1000);
	for (int i = 0; i < 500; i++)
		expect(shared_send(&m, &value));
	close(m.map);
	close(m.fd);
	expect_int(ring_put(&m, 3), KC_MOVED_NOT);
	/* There may be what was there, and nobody else's. */
	while (ring_take(&m, &value) != KC_MOVED_NOT)
		expect_int(value, 1);
	madvise(m.ring.mem, m.size, MADV_DONTNEED);
	expect_int(ring_put(&m, 3), KC_MOVED_NOT);
	memset((char *)m.ring.mem, POISON, m.size);
	expect_int(munmap(m.ring.mem, m.size), 0);
}

static void unmap_keeps_elements(void)
{
	for (int first = 0; first < 2; first++) {
		struct mapped m;

		tap_about(first ? "unmapped first" : "the fd closed first");
		mapped_make(&m, 8, 8);
		/* So that they are over the end of the ring. */
		for (int i = 0; i < 5; i++) {
			expect(shared_send(&m, &(uint64_t){ i }));
			expect_mapped_recv(&m, i);
		}
		for (int i = 0; i < 6; i++)
			expect(shared_send(&m, &(uint64_t){ i }));
		if (first)
			mapped_unmap(&m);
		close(m.map);
		m.map = -1;
		if (!first)
			mapped_unmap(&m);
		expect_int(chan_len(m.fd), 6);
		expect_recv(m.fd, 0);
		send_u64(m.fd, 6);
		send_u64(m.fd, 7);
		send_u64(m.fd, 8);
		chan_nonblock(m.fd, true);
		expect_int(chan_len(m.fd), 8);
		expect_errno(write(m.fd, &(uint64_t){ 9 }, 8), EAGAIN);
		for (int i = 1; i < 9; i++)
			expect_recv(m.fd, i);
		expect_errno(read(m.fd, &(uint64_t){ 9 }, 8), EAGAIN);
		/* It is an ordinary channel from then on, for many laps. */
		for (int i = 0; i < 100; i++) {
			send_u64(m.fd, i);
			expect_recv(m.fd, i);
		}
		chan_resize(m.fd, 2);
		mapped_free(&m);
	}
}

static void kick_where_nothing_is_mapped(void)
{
	int fd = chan_open(), rendezvous = chan_make(0, 8, 0);

	tap_about("fresh");
	expect_int(kick(fd), 0);
	expect_int(try_setup(fd, 0, 8, 2), 0);
	send_u64(fd, 1);
	tap_about("in use");
	expect_int(kick(fd), 0);
	expect_int(kick(end_make(fd, KCHAN_END_RECV)), 0);
	expect_int(kick(end_make(fd, KCHAN_END_SEND)), 0);
	expect_recv(fd, 1);
	tap_about("closed");
	chan_close(fd);
	expect_int(kick(fd), 0);
	tap_about("rendezvous");
	expect_int(kick(rendezvous), 0);
}

static void flags_are(int fd, const char *want)
{
	char value[64];
	struct fdinfo f;

	must(fdinfo_try(&f, getpid(), fd));
	must(fdinfo_value(&f, "flags", value, sizeof(value)));
	if (strcmp(value, want))
		tap_fail(__FILE__, __LINE__, "flags \"%s\", not \"%s\"", value, want);
}

static bool has(int fd, uint32_t flag)
{
	return chan_info(fd).flags & flag;
}

/* Who has mapped it, as the ioctl and fdinfo tell here. */
static void mapped_by(int fd, pid_t pid)
{
	expect_int(chan_info(fd).map_pid, pid);
	expect_int(fdinfo_number(fd, "map-pid"), pid);
}

static void flags_tell(void)
{
	uint64_t value = 1;
	struct mapped m;

	tap_about("plain");
	m.fd = chan_make(0, 8, 2);
	expect(!has(m.fd, KCHAN_INFO_MAPPED));
	mapped_by(m.fd, 0);
	tap_about("mapped");
	mapped_open(&m, m.fd);
	expect(has(m.fd, KCHAN_INFO_MAPPED));
	expect(!has(m.fd, KCHAN_INFO_BROKEN));
	flags_are(m.fd, "fixed mapped");
	mapped_by(m.fd, getpid());
	tap_about("unmapped");
	close(m.map);
	m.map = -1;
	expect(has(m.fd, KCHAN_INFO_MAPPED));
	mapped_unmap(&m);
	expect(!has(m.fd, KCHAN_INFO_MAPPED));
	flags_are(m.fd, "fixed");
	mapped_by(m.fd, 0);
	close(m.fd);

	tap_about("resized");
	mapped_make(&m, 8, 2);
	chan_resize(m.fd, 4);
	expect(!has(m.fd, KCHAN_INFO_MAPPED));
	mapped_by(m.fd, 0);
	mapped_free(&m);

	tap_about("broken");
	mapped_make(&m, 8, 2);
	kc_ring_slot(&m.ring, 0)->stamp = 77;
	m.ring.mem->tail = 1234567;
	expect_errno(write(m.fd, &value, 8), EIO);
	expect_errno(read(m.fd, &value, 8), EIO);
	expect(has(m.fd, KCHAN_INFO_BROKEN));
	flags_are(m.fd, "fixed mapped broken");
	/* Who has broken it. */
	mapped_by(m.fd, getpid());
	tap_about("broken and unmapped");
	mapped_unmap(&m);
	flags_are(m.fd, "fixed broken");
	mapped_by(m.fd, 0);
	mapped_free(&m);
}

static void seen_by_a_child(void *arg)
{
	const struct mapped *m = arg;

	mapped_by(m->fd, getppid());
}

struct outside {
	struct mapped m;
	int sock;
	pid_t pid;
};

static void inside(void *arg)
{
	const struct outside *outside = arg;
	struct mapped m;

	must_int(getpid(), 1);
	/* The ioctl goes by the caller, and fdinfo by the /proc that is read. */
	expect(has(outside->m.fd, KCHAN_INFO_MAPPED));
	expect_int(chan_info(outside->m.fd).map_pid, 0);
	expect_int(fdinfo_number(outside->m.fd, "map-pid"), outside->pid);

	mapped_make(&m, 8, 2);
	expect_int(chan_info(m.fd).map_pid, 1);
	pass_fd(outside->sock, m.fd);
	/* Stays until it was looked at. */
	must_int(read(outside->sock, &(char){ 0 }, 1), 1);
}

static void told_by_pid(void)
{
	struct outside o = { .pid = getpid() };
	int socks[2], fd;
	pid_t pid;

	if (geteuid())
		tap_skip("needs root");
	mapped_make(&o.m, 8, 2);
	tap_about("a child");
	expect_exit(spawn(seen_by_a_child, &o.m));

	tap_about("in another namespace");
	if (unshare(CLONE_NEWPID))
		tap_skip("no pid namespaces");
	must_int(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	o.sock = socks[1];
	pid = spawn(inside, &o);
	fd = take_fd(socks[0]);
	tap_about("of another namespace");
	mapped_by(fd, pid);
	must_int(write(socks[0], "", 1), 1);
	expect_exit(pid);
	expect(!has(fd, KCHAN_INFO_MAPPED));
	mapped_by(fd, 0);
	mapped_free(&o.m);
}

static void listing_tells(void)
{
	static struct listing l;
	struct mapped m;

	listing_or_skip();
	mapped_make(&m, 8, 2);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	listing_read(&l);
	expect(strcmp(listing_must_find(&l, m.fd)->flags, "fixed,mapped") == 0);
	expect_int(listing_must_find(&l, m.fd)->info.len, 1);
	expect_int(listing_must_find(&l, m.fd)->info.map_pid, getpid());
	listing_free(&l);
	mapped_free(&m);
}

static void no_descriptor(void)
{
	int fd = chan_make(0, 8, 2), dup_fd, last = -1;

	while ((dup_fd = dup(fd)) >= 0)
		last = dup_fd;
	must_int(errno, EMFILE);
	expect_errno(try_map(fd, 0, NULL), EMFILE);
	expect(!has(fd, KCHAN_INFO_MAPPED));
	close(last);
	expect(try_map(fd, 0, NULL) >= 0);
}

#define HELD_SLOTS	1000

/* Another user makes as many channels as find memory like that of the one that has gone. */
static void uses_other_pages(void *arg)
{
	const int *from = arg;
	static char page[4096], elem[64];
	struct mapped m[16];
	size_t at = 0, i, k;

	must_int(setresuid(65534, 65534, 65534), 0);
	for (i = 0; i < ARRAY_SIZE(m); i++) {
		mapped_make(&m[i], 64, HELD_SLOTS);
		memset(elem, POISON, sizeof(elem));
		for (k = 0; k < HELD_SLOTS; k++)
			must(shared_send(&m[i], elem));
	}
	/* What is held shows nothing of them, and so does not share a page with them. */
	while (at < m[0].size) {
		must_int(read(*from, page, sizeof(page)), sizeof(page));
		if (!at)
			must(filled(page + KCHAN_SHARED_SLOTS + 8, 64, 9));
		must(!memmem(page, sizeof(page), elem, sizeof(elem)));
		at += sizeof(page);
	}
}

/*
 * Pages that somebody else holds outlive the mapping and the channel. As long as they are
 * held, no other channel gets them.
 */
static void pages_are_held(void)
{
	struct mapped m;
	struct iovec iov;
	char elem[64];
	int pipe_fd[2];

	mapped_make(&m, sizeof(elem), HELD_SLOTS);
	fill(elem, sizeof(elem), 9);
	for (int i = 0; i < HELD_SLOTS; i++)
		expect(shared_send(&m, elem));
	iov.iov_base = (char *)m.ring.mem;
	iov.iov_len = m.size;
	must_int(pipe(pipe_fd), 0);
	must(fcntl(pipe_fd[1], F_SETPIPE_SZ, 1 << 20) > 0);
	must_int(vmsplice(pipe_fd[1], &iov, 1, 0), m.size);
	mapped_free(&m);
	expect_exit(spawn(uses_other_pages, &pipe_fd[0]));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static const struct tap_test tests[] = {
	{ "the ring of each geometry", geometry },
	{ "channels that cannot be mapped", refused_geometry },
	{ "unknown flags and reserved fields", refused_flags },
	{ "structures of other sizes, bad addresses", structure_sizes },
	{ "a channel is mapped once", only_once },
	{ "EBUSY as for a resize", after_many_resizes },
	{ "close on exec", close_on_exec },
	{ "EPERM in a child", not_in_a_child },
	{ "EPERM in another process", not_in_another_process },
	{ "EPERM after exec", not_after_exec },
	{ "a process that shares the memory may map", in_a_sharer },
	{ "what mmap() refuses", refused_mmap },
	{ "a mapping stays whole", stays_whole },
	{ "the fd for mmap() is no end", map_fd_is_no_end },
	{ "ends of one direction", ends_of_one_direction },
	{ "a mapping keeps no send end open", keeps_no_send_end },
	{ "a mapping keeps no receive end open", keeps_no_receive_end },
	{ "a mapping outlives its channel", keeps_no_end },
	{ "elements stay after unmap", unmap_keeps_elements },
	{ "a kick of a channel that is not mapped", kick_where_nothing_is_mapped },
	{ "INFO and fdinfo tell it", flags_tell },
	{ "and who has mapped it, in pid namespaces", told_by_pid },
	{ "the listing tells it", listing_tells },
	{ "no descriptor left", no_descriptor },
	{ "pages held elsewhere", pages_are_held },
};

int main(int argc, char **argv)
{
	if (argc == 4) {
		after_exec(argv + 1);
		return 0;
	}
	return tap_run(tests, ARRAY_SIZE(tests));
}
