// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapped channel and fork(), exec and exit: the children go by the kernel, and the
 * channel goes on when the process that mapped it does not.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "mapped.h"

/* As the library would go on in a child. */
static void goes_by_the_kernel(struct mapped *m)
{
	uint64_t value = 0;

	expect(head_frozen(m));
	expect(tail_frozen(m));
	expect_int(ring_put(m, 99), KC_MOVED_NOT);
	expect_int(ring_take(m, &value), KC_MOVED_NOT);
	expect_recv(m->fd, 1);
	mapped_send_u64(m, 3);
	expect_int(kick(m->fd), 0);
}

static void child(void *arg)
{
	struct mapped *m = arg;

	goes_by_the_kernel(m);
	/* Its memory is its own: what it does there hurts nobody. */
	memset((char *)m->ring.mem, POISON, m->size);
	expect_int(kick(m->fd), 0);
	expect_int(chan_len(m->fd), 2);
	madvise(m->ring.mem, m->size, MADV_DONTNEED);
	expect_int(ring_put(m, 99), KC_MOVED_NOT);
}

static void check_and_go_on(struct mapped *m)
{
	expect(!head_frozen(m));
	expect(!tail_frozen(m));
	expect_mapped_recv(m, 2);
	expect_mapped_recv(m, 3);
	expect_int(ring_put(m, 5), KC_MOVED);
	expect_mapped_recv(m, 5);
}

static void in_a_child(void)
{
	struct mapped m;

	mapped_make(&m, 8, 1000);
	for (int round = 0; round < 3; round++) {
		tap_about("round %d", round);
		expect(shared_send(&m, &(uint64_t){ 1 }));
		expect(shared_send(&m, &(uint64_t){ 2 }));
		expect_exit(spawn(child, &m));
		check_and_go_on(&m);
	}
	mapped_free(&m);
}

/* None of its pages has been used before. */
static void untouched(void)
{
	struct mapped m = { .fd = chan_make(0, 8, 1000) };

	m.map = try_map(m.fd, 0, &m.size);
	must(m.map >= 0);
	m.ring.mem = try_mmap(m.map, m.size);
	must(m.ring.mem != MAP_FAILED);
	m.ring.elem_size = 8;
	m.ring.last = 999;
	m.ring.stride = 16;
	send_u64(m.fd, 1);
	send_u64(m.fd, 2);
	expect_exit(spawn(child, &m));
	check_and_go_on(&m);
	mapped_free(&m);
}

static void forks_again(void *arg)
{
	struct mapped *m = arg;

	/* With its first page in use, and without. */
	expect(tail_frozen(m));
	expect_exit(spawn(child, m));
	expect_int(ring_put(m, 99), KC_MOVED_NOT);
}

static void in_a_grandchild(void)
{
	struct mapped m;

	mapped_make(&m, 8, 1000);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	expect_exit(spawn(forks_again, &m));
	check_and_go_on(&m);
	mapped_free(&m);
}

static void unmaps(void *arg)
{
	struct mapped *m = arg;

	mapped_unmap(m);
	close(m->map);
	expect_recv(m->fd, 1);
	send_u64(m->fd, 3);
}

static void unmaps_elsewhere(void)
{
	struct mapped m;

	mapped_make(&m, 8, 1000);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	expect_exit(spawn(unmaps, &m));
	expect(chan_info(m.fd).flags & KCHAN_INFO_MAPPED);
	check_and_go_on(&m);
	mapped_free(&m);
}

/* A child comes in the midst of a send, which is the parent's to end. */
static void waits_for_it(void *arg)
{
	struct mapped *m = arg;

	expect_recv(m->fd, 8);
}

static void during_a_send(void)
{
	unsigned long long pos;
	struct mapped m;
	pid_t pid;

	mapped_make(&m, 8, 4);
	must(claim_send(&m, &pos));
	pid = spawn(waits_for_it, &m);
	wait_receivers(m.fd, 1);
	expect_int(claim_publish(&m, pos, 8), KC_MOVED_KICK);
	expect_int(kick(m.fd), 0);
	expect_exit(pid);
	expect_int(chan_len(m.fd), 0);
	mapped_free(&m);
}

static int goes_on_in_a_sharer(void *arg)
{
	struct mapped *m = arg;
	uint64_t value = 0;

	if (head_frozen(m) || tail_frozen(m))
		return 1;
	if (ring_take(m, &value) != KC_MOVED || value != 1)
		return 2;
	return ring_put(m, 3) != KC_MOVED;
}

static void in_a_sharer(void)
{
	char *stack = map_pages(65536);
	struct mapped m;
	pid_t pid;

	mapped_make(&m, 8, 4);
	expect(shared_send(&m, &(uint64_t){ 1 }));
	expect(shared_send(&m, &(uint64_t){ 2 }));
	pid = clone(goes_on_in_a_sharer, stack + 65536, CLONE_VM | SIGCHLD, &m);
	must(pid > 0);
	expect_exit(pid);
	check_and_go_on(&m);
	mapped_free(&m);
}

/*
 * The process that maps is a child here, and this one looks on. Each scene is what it
 * does with its ring before it goes.
 */
static int sock[2];

enum scene {
	LEAVES_ELEMENTS,
	SEND_CLAIMED,
	SEND_NOT_KICKED,
	RECEIVE_CLAIMED,
	NR_SCENES
};

static const char * const scene_names[] = {
	"elements are there", "in the midst of a send", "between a send and its kick",
	"in the midst of a receive",
};

enum leaving { BY_EXIT, BY_KILL, BY_EXEC, NR_LEAVINGS };
static const char * const leaving_names[] = { "exit", "kill", "exec" };

/* Who else has the memory or its fd, in processes that stay. */
enum others { NO_OTHERS, A_CHILD, A_CHILD_ALONE, THE_FD, NR_OTHERS };
static const char * const others_names[] = {
	"nobody else", "a child", "a child without the fd", "the fd is passed",
};

struct plan {
	enum scene scene;
	enum leaving leaving;
	enum others others;
	atomic_int stayer;
};

static void stays(void *arg)
{
	struct mapped *m = arg;

	(void)m;
	for (;;)
		pause();
}

static void stays_alone(void *arg)
{
	struct mapped *m = arg;

	close(m->map);
	close(m->fd);
	expect(tail_frozen(m));
	for (;;)
		pause();
}

static void leave(struct plan *p, struct mapped *m)
{
	char text[20];

	switch (p->leaving) {
	case BY_EXIT:
		_exit(0);
	case BY_KILL:
		raise(SIGKILL);
		break;
	case BY_EXEC:
		/* With the channel and not with its ring. */
		must_int(fcntl(m->fd, F_SETFD, 0), 0);
		snprintf(text, sizeof(text), "%d", m->fd);
		execl("/proc/self/exe", "children", text, NULL);
		break;
	default:
		break;
	}
	must(!"gone");
}

static void maps_and_leaves(void *arg)
{
	struct plan *p = arg;
	unsigned long long pos;
	struct mapped m;
	uint64_t value;
	char byte;

	mapped_make(&m, 8, 4);
	pass_fd(sock[1], m.fd);
	switch (p->others) {
	case A_CHILD:
		p->stayer = spawn(stays, &m);
		break;
	case A_CHILD_ALONE:
		p->stayer = spawn(stays_alone, &m);
		break;
	case THE_FD:
		pass_fd(sock[1], m.map);
		break;
	default:
		break;
	}
	must_int(read(sock[1], &byte, 1), 1);
	switch (p->scene) {
	case LEAVES_ELEMENTS:
		for (int i = 1; i < 4; i++)
			expect_int(ring_put(&m, i), KC_MOVED);
		break;
	case SEND_CLAIMED:
		expect_int(ring_put(&m, 1), KC_MOVED);
		must(claim_send(&m, &pos));
		expect_int(ring_put(&m, 2), KC_MOVED);
		expect_int(ring_put(&m, 3), KC_MOVED);
		break;
	case SEND_NOT_KICKED:
		must(claim_send(&m, &pos));
		/* Somebody comes to wait. */
		pass_fd(sock[1], m.fd);
		must_int(read(sock[1], &byte, 1), 1);
		expect_int(claim_publish(&m, pos, 1), KC_MOVED_KICK);
		break;
	case RECEIVE_CLAIMED:
		expect_int(ring_put(&m, 0), KC_MOVED);
		for (int i = 1; i < 4; i++)
			expect_int(ring_put(&m, i), KC_MOVED);
		must(claim_recv(&m, &pos, &value));
		break;
	default:
		break;
	}
	leave(p, &m);
}

/* After exec it has the channel still, and no more of the ring. */
static void after_exec(const char *text)
{
	int fd = atoi(text);

	expect_errno(try_map(fd, 0, NULL), EPERM);
	expect_int(kick(fd), 0);
}

static void scene(struct plan *p)
{
	uint64_t value = 0;
	int fd, other = -1, status;
	struct call c;
	pid_t pid;

	must_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	p->stayer = 0;
	pid = spawn(maps_and_leaves, p);
	fd = take_fd(sock[0]);
	if (p->others == THE_FD)
		other = take_fd(sock[0]);
	must_int(write(sock[0], "", 1), 1);
	if (p->scene == SEND_NOT_KICKED) {
		close(take_fd(sock[0]));
		call_read(&c, fd, &value, 8);
		wait_receivers(fd, 1);
		must_int(write(sock[0], "", 1), 1);
	}
	status = reap(pid);
	expect_int(status, p->leaving == BY_KILL ? SIGKILL : 0);
	if (p->scene == SEND_NOT_KICKED) {
		expect_done(&c, 8);
		expect_int(value, 1);
	} else {
		/* A slot that will never be published may count until it is skipped. */
		expect_int(chan_len(fd) - (p->scene == SEND_CLAIMED && chan_len(fd) == 4), 3);
		for (int i = 1; i < 4; i++) {
			call_read(&c, fd, &value, 8);
			expect_done(&c, 8);
			expect_int(value, i);
		}
	}
	/* The channel goes on, through all of its slots. */
	chan_nonblock(fd, true);
	for (int lap = 0; lap < 3; lap++) {
		for (int i = 0; i < 4; i++)
			send_u64(fd, i);
		expect_errno(write(fd, &value, 8), EAGAIN);
		for (int i = 0; i < 4; i++)
			expect_recv(fd, i);
		expect_errno(read(fd, &value, 8), EAGAIN);
	}
	chan_close(fd);
	expect_end(fd);
	if (p->stayer)
		must_int(kill(p->stayer, SIGKILL), 0);
	if (other >= 0)
		close(other);
	close(fd);
	close(sock[0]);
	close(sock[1]);
}

static void leaves(enum others others)
{
	struct plan *p = shared_pages(sizeof(*p));

	p->others = others;
	for (p->leaving = 0; p->leaving < NR_LEAVINGS; p->leaving++) {
		for (p->scene = 0; p->scene < NR_SCENES; p->scene++) {
			tap_about("%s, %s, %s", leaving_names[p->leaving], scene_names[p->scene],
				  others_names[others]);
			scene(p);
		}
	}
}

static void leaves_alone(void)
{
	leaves(NO_OTHERS);
}

static void leaves_a_child(void)
{
	leaves(A_CHILD);
}

static void leaves_a_child_alone(void)
{
	leaves(A_CHILD_ALONE);
}

static void leaves_the_fd(void)
{
	leaves(THE_FD);
}

static const struct tap_test tests[] = {
	{ "in a child", in_a_child },
	{ "in a child, pages not used yet", untouched },
	{ "in a grandchild", in_a_grandchild },
	{ "a child unmaps", unmaps_elsewhere },
	{ "fork during a send", during_a_send },
	{ "a process that shares the memory", in_a_sharer },
	{ "the process leaves", leaves_alone },
	{ "the process leaves a child", leaves_a_child },
	{ "the process leaves a child with the mapping alone", leaves_a_child_alone },
	{ "the process leaves, and the fd was passed", leaves_the_fd },
};

int main(int argc, char **argv)
{
	if (argc == 2) {
		after_exec(argv[1]);
		return 0;
	}
	return tap_run(tests, ARRAY_SIZE(tests));
}
