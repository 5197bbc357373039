// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kchanctl shows of a process from outside: which threads wait on which channels,
 * and who could wake them.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "child.h"
#include "common.h"

#define MOST_LINES	16

/* A line of a thread. Its columns have fixed places. */
struct line {
	unsigned long long channel;
	int tid;
	char waits[12];
	char time[10];
	char waker[8];
	char name[20];
};

struct view {
	char text[4096];		/* the output without the lines of threads */
	struct line lines[MOST_LINES];
	unsigned int nr;
};

/* A column without the spaces around it. */
static void column(char *to, const char *line, size_t at, size_t len)
{
	const char *from = line + at;

	for (; len && *from == ' '; len--)
		from++;
	while (len && strchr(" \n", from[len - 1]))
		len--;
	memcpy(to, from, len);
	to[len] = '\0';
}

static void parse(struct view *view, const char *text, unsigned long long channel)
{
	struct line *line = &view->lines[view->nr];

	must(view->nr++ < MOST_LINES && strlen(text) > 44 &&
	     strlen(text) < 44 + sizeof(line->name));
	line->channel = channel;
	line->tid = atoi(text);
	column(line->waits, text, 11, 11);
	column(line->time, text, 24, 9);
	column(line->waker, text, 35, 7);
	column(line->name, text, 44, strlen(text) - 44);
}

static void look(struct view *view, pid_t pid)
{
	unsigned long long channel = 0;
	char line[512];
	FILE *pipe;
	int status, tid;

	memset(view, 0, sizeof(*view));
	snprintf(line, sizeof(line), "exec kchanctl goroutines %d", pid);
	pipe = popen(line, "re");
	must(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "%d", &tid) == 1) {
			parse(view, line, channel);
			continue;
		}
		sscanf(line, "channel %llu:", &channel);
		strncat(view->text, line,
			sizeof(view->text) - strlen(view->text) - 1);
	}
	status = pclose(pipe);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		tap_skip("there is no kchanctl");
	must_int(status, 0);
}

static unsigned long long id_of(kc_chan *c)
{
	struct kchan_info info;

	must(!ioctl(kc_fd(c), KCHAN_IOC_INFO, &info));
	return info.id;
}

static const struct line *find(const struct view *view, unsigned long long channel,
			       const char *name)
{
	unsigned int i;

	for (i = 0; i < view->nr; i++)
		if (view->lines[i].channel == channel &&
		    !strcmp(view->lines[i].name, name))
			return &view->lines[i];
	return NULL;
}

/*
 * Expects that a thread of this process with this name waits like this, with this
 * waker.
 */
static void expect_wait(kc_chan *c, const char *name, const char *waits,
			const char *waker)
{
	const struct line *line;
	struct view view;

	look(&view, getpid());
	line = find(&view, id_of(c), name);
	tap_about("%s", view.text);
	if (!expect(line))
		return;
	tap_about("%s: %s, by %s", line->name, line->waits, line->waker);
	expect(!strcmp(line->waits, waits));
	expect(!strcmp(line->waker, waker));
}

static void receiver(void *arg)
{
	uint64_t value;

	kc_set_goname("receiver");
	(void)!kc_recv(arg, &value);
}

static void sender(void *arg)
{
	uint64_t value = 1;

	kc_set_goname("sender");
	(void)!kc_send(arg, &value);
}

static void test_receiver(void)
{
	kc_chan *c = make(8, 3);
	const struct line *line;
	struct view view;
	char wanted[256];

	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	sleep_ms(300);
	look(&view, getpid());
	snprintf(wanted, sizeof(wanted),
		 "channel %llu: fixed, 8 bytes, 0 of 3 queued\n"
		 "  ends: 1 send, 1 recv; waiting: 0 send, 1 recv; fds: %d (send,recv)\n"
		 "      TID  WAITS              FOR  WAKER    NAME\n",
		 id_of(c), kc_fd(c));
	tap_about("%s", view.text);
	expect(!strcmp(view.text, wanted));
	expect_int(view.nr, 1);
	line = find(&view, id_of(c), "receiver");
	must(line);
	expect(line->tid != getpid());
	expect(!strcmp(line->waits, "recv"));
	expect(!strcmp(line->waker, "process"));
	tap_about("%s", line->time);
	if (!geteuid() && !access("/sys/kernel/debug/kchan", F_OK))
		expect(atof(line->time) > 0.2 && strchr(line->time, 's'));
	else
		expect(!strcmp(line->time, "-"));
}

static void test_sender(void)
{
	kc_chan *c = make(8, 1);

	send_now(c, 1);
	must_int(kc_go(sender, c), 0);
	wait_senders(c, 1);
	expect_wait(c, "sender", "send", "process");
}

/* Another process also has the only end. */
static void test_shared(void)
{
	kc_chan *c = make(8, 0);
	pid_t child;

	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	child = fork();
	must(child >= 0);
	if (!child)
		for (;;)
			pause();
	expect_wait(c, "receiver", "recv", "others");
	kill(child, SIGKILL);
	must_int(waitpid(child, NULL, 0), child);
	expect_wait(c, "receiver", "recv", "process");
}

/* Another process has an end of its own, and none of this process. */
static void test_other_end(void)
{
	kc_chan *c = make(8, 0), *other;
	char byte = 0;
	int fds[2];
	pid_t child;

	must(!pipe(fds));
	must_int(kc_send_only(&other, c), 0);
	child = fork();
	must(child >= 0);
	if (!child) {
		close(kc_fd(c));
		if (write(fds[1], &byte, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	kc_unref(other);
	must_int(read(fds[0], &byte, 1), 1);
	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "receiver", "recv", "others");
	kill(child, SIGKILL);
	must_int(waitpid(child, NULL, 0), child);
	expect_wait(c, "receiver", "recv", "process");
}

/* Another process can send without an end, and then it cannot any more. */
static void test_mapped_by_other(void)
{
	struct view view;
	char wanted[64];
	pid_t child;
	kc_chan *c = mapped_by_child(&child);

	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "receiver", "recv", "others");
	look(&view, getpid());
	tap_about("%s", view.text);
	snprintf(wanted, sizeof(wanted), ": fixed, 8 bytes, 0 of 4 queued, mapped by %d\n",
		 child);
	expect(strstr(view.text, wanted));
	kill(child, SIGKILL);
	must_int(waitpid(child, NULL, 0), child);
	expect_wait(c, "receiver", "recv", "process");
	look(&view, getpid());
	expect(!strstr(view.text, "mapped"));
}

static void test_mapped(void)
{
	kc_chan *c = make(8, 3);
	struct view view;
	uint64_t i, got;

	if (THREAD_SANITIZED)
		tap_skip("under the race detector no channel is mapped");
	for (i = 0; i < 200; i++) {
		send_now(c, i);
		must_int(kc_recv(c, &got), 1);
	}
	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "receiver", "recv", "process");
	look(&view, getpid());
	tap_about("%s", view.text);
	expect(strstr(view.text, ": fixed, 8 bytes, 0 of 3 queued, mapped\n"));
}

static void put_under_way(int socket, int fd)
{
	char byte = 0;
	struct iovec data = { &byte, 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	must_int(sendmsg(socket, &message, 0), 1);
}

/* Of two ends, it matters which one another process may have. */
static void test_directions(void)
{
	kc_chan *recv_end, *send_end, *full, *more;
	int sockets[2];

	must_int(kc_make_pair(&recv_end, &send_end, 8, 0), 0);
	must_int(kc_make_pair(&more, &full, 8, 0), 0);
	must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	must_int(kc_go(receiver, recv_end), 0);
	must_int(kc_go(sender, full), 0);
	wait_receivers(recv_end, 1);
	wait_senders(full, 1);
	expect_wait(recv_end, "receiver", "recv", "process");
	expect_wait(full, "sender", "send", "process");

	put_under_way(sockets[0], kc_fd(recv_end));
	expect_wait(recv_end, "receiver", "recv", "process");
	put_under_way(sockets[0], kc_fd(more));
	expect_wait(full, "sender", "send", "others");
	put_under_way(sockets[0], kc_fd(send_end));
	expect_wait(recv_end, "receiver", "recv", "others");
	close(sockets[0]);
	close(sockets[1]);
	expect_wait(recv_end, "receiver", "recv", "process");
	expect_wait(full, "sender", "send", "process");

	/* Who can send can also close, and so wake a sender. */
	must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	put_under_way(sockets[0], kc_fd(full));
	expect_wait(full, "sender", "send", "others");
}

/* Two descriptors of one end, and another end: all belong to this process. */
static void test_copies(void)
{
	kc_chan *c = make(8, 0), *other;
	const char *fds;
	struct view view;
	int copy;

	must_int(kc_send_only(&other, c), 0);
	/* kchanctl must not inherit it. */
	copy = fcntl(kc_fd(c), F_DUPFD_CLOEXEC, 0);
	must(copy >= 0);
	must_int(kc_go(receiver, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "receiver", "recv", "process");
	look(&view, getpid());
	tap_about("%s", view.text);
	fds = strstr(view.text, "ends: 2 send, 1 recv;");
	expect(fds && strstr(fds, " (send,recv)") && strstr(fds, " (send)"));
}

static kc_chan *first, *second;

static void selector(void *arg)
{
	uint64_t value = 1, more;
	kc_case cases[] = {
		kc_case_recv(first, &more),
		kc_case_send(second, &value),
		kc_case_recv(NULL, &more),
		kc_case_fd(arg ? *(int *)arg : -1, POLLIN),
	};

	kc_set_goname("selector");
	(void)!kc_select(cases, 4);
}

static void test_select(void)
{
	first = make(8, 0);
	second = make(8, 0);
	must_int(kc_go(selector, NULL), 0);
	wait_receivers(first, 1);
	expect_wait(first, "selector", "select recv", "process");
	expect_wait(second, "selector", "select send", "process");
}

static void test_foreign(void)
{
	int fds[2];

	must(!pipe(fds));
	first = make(8, 0);
	second = make(8, 0);
	must_int(kc_go(selector, fds), 0);
	wait_receivers(first, 1);
	expect_wait(first, "selector", "select recv", "others");
}

/*
 * One of its two channels has no descriptor in this process, but is in a socket's
 * queue.
 */
static void test_armed(void)
{
	static const char armed[] = "        -  armed %s           -  -        fd %d\n";
	uint64_t value = 1;
	unsigned long long id, other;
	int fd, sockets[2];
	struct view view;
	char wanted[512];

	first = make(8, 0);
	second = make(8, 0);
	id = id_of(first);
	other = id_of(second);
	struct kchan_case cases[] = {
		{ .fd = kc_fd(first), .op = KCHAN_OP_RECV, .len = 8 },
		{ .fd = kc_fd(second), .op = KCHAN_OP_SEND, .len = 8,
		  .addr = (uintptr_t)&value },
		{ .fd = -1, .op = KCHAN_OP_RECV, .len = 8 },
	};
	fd = arm(first, cases, 3);
	look(&view, getpid());
	tap_about("%s", view.text);
	snprintf(wanted, sizeof(wanted), armed, "recv", fd);
	expect(strstr(view.text, wanted));
	snprintf(wanted, sizeof(wanted), armed, "send", fd);
	expect(strstr(view.text, wanted));

	must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	put_under_way(sockets[0], kc_fd(second));
	kc_unref(second);
	look(&view, getpid());
	tap_about("%s", view.text);
	snprintf(wanted, sizeof(wanted),
		 "channel %llu: no descriptor\n"
		 "      TID  WAITS              FOR  WAKER    NAME\n", other);
	expect(strstr(view.text, wanted));

	/*
	 * A waiter beside it is shown as before. An armed select that has committed is
	 * not shown.
	 */
	second = make(8, 0);
	must_int(kc_go(receiver, second), 0);
	wait_receivers(second, 1);
	expect_wait(second, "receiver", "recv", "process");
	send_now(first, 3);
	look(&view, getpid());
	tap_about("%s", view.text);
	expect(!strstr(view.text, "armed"));
	snprintf(wanted, sizeof(wanted), "channel %llu: fixed", id);
	expect(strstr(view.text, wanted));
}

/* The holder of an element in flight may put it back to a waiter. */
static void test_in_flight(void)
{
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	kc_chan *c = make(8, 1);
	struct view view;
	int fd;

	fd = arm_recv(c);
	send_now(c, 1);
	must_int(kc_close(c), 0);
	must_int(kc_waitgroup_go(&wg, receiver, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "receiver", "recv", "others");
	look(&view, getpid());
	tap_about("%s", view.text);
	expect(strstr(view.text, ": fixed, 8 bytes, 0 of 1 queued, 1 in flight, closed\n"));
	close(fd);
	kc_waitgroup_wait(&wg);
	look(&view, getpid());
	tap_about("%s", view.text);
	expect(strstr(view.text, ": fixed, 8 bytes, 0 of 1 queued, closed\n"));
}

static void impatient(void *arg)
{
	uint64_t value;

	kc_set_goname("impatient");
	(void)!kc_recv_timeout(arg, &value, 3600 * KC_SECOND);
}

static void test_timed(void)
{
	kc_chan *c = make(8, 0);

	must_int(kc_go(impatient, c), 0);
	wait_receivers(c, 1);
	expect_wait(c, "impatient", "recv", "timer");
}

static void dozer(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

/* A process with two goroutines that wait, and perhaps one more that does not. */
static pid_t stuck(bool but_one)
{
	pid_t child = fork();
	uint64_t value;

	must(child >= 0);
	if (child)
		return child;
	first = make(8, 0);
	second = make(8, 0);
	must_int(kc_go(receiver, first), 0);
	if (but_one)
		must_int(kc_go(dozer, NULL), 0);
	(void)!kc_recv(second, &value);
	_exit(1);
}

static bool see(struct view *view, pid_t child, const char *waker)
{
	look(view, child);
	return view->nr == 2 && !strcmp(view->lines[0].waker, waker) &&
	       !strcmp(view->lines[1].waker, waker);
}

static void test_deadlock(void)
{
	struct view view;
	pid_t child;

	if (THREAD_SANITIZED)
		tap_skip("it has a thread of its own");
	child = stuck(false);
	until(see(&view, child, "nobody"));
	kill(child, SIGKILL);
	child = stuck(true);
	until(see(&view, child, "process"));
	sleep_ms(100);
	expect(see(&view, child, "process"));
	kill(child, SIGKILL);
}

static const struct tap_test tests[] = {
	{ "who receives, with its name and for how long", test_receiver },
	{ "who sends", test_sender },
	{ "another process has the end, too", test_shared },
	{ "another process has an end of its own", test_other_end },
	{ "another process has mapped it, and has no end", test_mapped_by_other },
	{ "this process has mapped it", test_mapped },
	{ "which ends matter to whom", test_directions },
	{ "copies of descriptors, and further ends", test_copies },
	{ "a select, on each of its channels", test_select },
	{ "a select that waits for other things, too", test_foreign },
	{ "a select that is armed", test_armed },
	{ "an element in flight", test_in_flight },
	{ "a receive that waits for some time", test_timed },
	{ "a process all of which waits", test_deadlock },
};

TAP_MAIN(tests)
