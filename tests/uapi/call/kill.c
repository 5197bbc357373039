// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that die: blocked in a call, in the middle of one, and as the
 * last holder of a channel.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cases.h"

struct job {
	int fd;
	uint32_t size;
	uint64_t value;
};

static void do_send(void *arg)
{
	struct job *j = arg;
	char *buf = malloc(j->size);

	fill(buf, j->size, j->value);
	expect_int(write(j->fd, buf, j->size), j->size);
}

static void do_recv(void *arg)
{
	struct job *j = arg;
	char *buf = malloc(j->size);

	expect_int(read(j->fd, buf, j->size), j->size);
	expect(filled(buf, j->size, j->value));
}

static void do_select_recv(void *arg)
{
	struct job *j = arg;
	char *buf = malloc(j->size);

	expect_int(select_one(j->fd, KCHAN_OP_RECV, buf, j->size, 0, 0, NULL),
		   0);
}

/* In the way that selects of several cases go. */
static void do_select_two(void *arg)
{
	struct job *j = arg;
	struct cases c;

	cases_init(&c, 0, 0);
	add_recv(&c, j->fd, malloc(j->size), j->size);
	add_recv(&c, -1, NULL, 0);
	expect_int(cases_run(j->fd, &c), 0);
}

static void kill_it(pid_t pid)
{
	int status;

	must_int(kill(pid, SIGKILL), 0);
	status = reap(pid);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static const uint32_t sizes[] = { 8, 128, 200, 4096, 10000 };

static void blocked_sender(void)
{
	size_t i;
	uint32_t capacity, n;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (capacity = 0; capacity < 3; capacity++) {
			struct job j = { .size = sizes[i] };
			char *buf = malloc(j.size);
			pid_t pid;

			tap_about("size %u, capacity %u", j.size, capacity);
			j.fd = chan_make(0, j.size, capacity);
			for (n = 0; n < capacity; n++) {
				fill(buf, j.size, n);
				expect_int(write(j.fd, buf, j.size), j.size);
			}
			j.value = 99;
			pid = spawn(do_send, &j);
			wait_senders(j.fd, 1);
			kill_it(pid);
			/* It waits no more, and its element is not there. */
			expect_int(chan_info(j.fd).send_waiters, 0);
			expect_int(chan_len(j.fd), capacity);
			for (n = 0; n < capacity; n++) {
				expect_int(read(j.fd, buf, j.size), j.size);
				expect(filled(buf, j.size, n));
			}
			chan_nonblock(j.fd, true);
			expect_errno(read(j.fd, buf, j.size), EAGAIN);
			close(j.fd);
			free(buf);
		}
	}
}

static void blocked_receiver(void)
{
	size_t i;
	uint32_t capacity;
	int select;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (capacity = 0; capacity < 2; capacity++) {
			for (select = 0; select < 2; select++) {
				struct job j = { .size = sizes[i], .value = 5 };
				pid_t pid, next;

				tap_about("size %u, capacity %u, %s", j.size,
					  capacity, select ? "select" : "read");
				j.fd = chan_make(0, j.size, capacity);
				pid = spawn(select ? do_select_recv : do_recv,
					    &j);
				wait_receivers(j.fd, 1);
				next = spawn(do_recv, &j);
				wait_receivers(j.fd, 2);
				kill_it(pid);
				expect_int(chan_info(j.fd).recv_waiters, 1);
				/* The next one is the first now. */
				do_send(&j);
				expect_exit(next);
				expect_int(chan_len(j.fd), 0);
				expect_int(chan_info(j.fd).recv_waiters, 0);
				close(j.fd);
			}
		}
	}
}

static void middle_of_queue(void)
{
	struct job j = { .fd = chan_make(0, 8, 0), .size = 8 };
	pid_t pid[3];
	int i;

	for (i = 0; i < 3; i++) {
		j.value = i;
		pid[i] = spawn(do_send, &j);
		wait_senders(j.fd, i + 1);
	}
	kill_it(pid[1]);
	expect_int(chan_info(j.fd).send_waiters, 2);
	j.value = 0;
	do_recv(&j);
	j.value = 2;
	do_recv(&j);
	expect_exit(pid[0]);
	expect_exit(pid[2]);
	expect_int(chan_info(j.fd).send_waiters, 0);
}

/*
 * Handed an element, and killed before it could copy it out: the element is
 * put back.
 */
static void killed_after_hand_off(void)
{
	size_t i;
	uint32_t capacity;
	int select;

	one_cpu();
	run_first(10);
	for (i = 0; i < 4 * ARRAY_SIZE(sizes); i++) {
		struct job j = { .size = sizes[i / 4], .value = 7 };
		char *buf = malloc(j.size);
		pid_t pid;

		capacity = i % 2;
		select = i / 2 % 2;
		tap_about("size %u, capacity %u, %s", j.size, capacity,
			  select ? "select" : "read");
		j.fd = chan_make(0, j.size, capacity);
		pid = spawn(select ? do_select_recv : do_recv, &j);
		wait_receivers(j.fd, 1);
		chan_nonblock(j.fd, true);
		do_send(&j);
		/* It was handed over, no more is there. */
		expect_int(chan_info(j.fd).recv_waiters, 0);
		expect_int(chan_len(j.fd), 0);
		kill_it(pid);
		expect_int(chan_len(j.fd), 1);
		memset(buf, POISON, j.size);
		expect_int(read(j.fd, buf, j.size), j.size);
		expect(filled(buf, j.size, 7));
		expect_int(chan_len(j.fd), 0);
		close(j.fd);
		free(buf);
	}
}

/* And when another receiver waits, it is that one's. */
static void killed_then_next(void)
{
	size_t i;

	one_cpu();
	run_first(10);
	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		struct job j = { .size = sizes[i / 2], .value = 9 };
		pid_t pid, next;

		tap_about("size %u, %s", j.size, i % 2 ? "select" : "read");
		j.fd = chan_make(0, j.size, 0);
		pid = spawn(i % 2 ? do_select_two : do_recv, &j);
		wait_receivers(j.fd, 1);
		next = spawn(do_recv, &j);
		wait_receivers(j.fd, 2);
		do_send(&j);
		kill_it(pid);
		expect_exit(next);
		expect_int(chan_len(j.fd), 0);
		close(j.fd);
	}
}

static void sig_ignore(int sig)
{
	(void)sig;
}

static void do_recv_signal(void *arg)
{
	struct sigaction action = { .sa_handler = sig_ignore };

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	do_recv(arg);
}

static void do_send_signal(void *arg)
{
	struct sigaction action = { .sa_handler = sig_ignore };

	must_int(sigaction(SIGUSR1, &action, NULL), 0);
	do_send(arg);
}

/*
 * "A signal arriving after the claim: the claim wins." Signalled before it
 * could run, and yet it has the element; a sender likewise has sent.
 */
static void signal_after_claim(void)
{
	size_t i;

	one_cpu();
	run_first(10);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct job j = { .size = sizes[i], .value = 9 };
		pid_t pid;

		tap_about("size %u", j.size);
		j.fd = chan_make(0, j.size, 0);
		pid = spawn(do_recv_signal, &j);
		wait_receivers(j.fd, 1);
		do_send(&j);
		must_int(kill(pid, SIGUSR1), 0);
		expect_exit(pid);

		pid = spawn(do_send_signal, &j);
		wait_senders(j.fd, 1);
		do_recv(&j);
		must_int(kill(pid, SIGUSR1), 0);
		expect_exit(pid);
		expect_int(chan_len(j.fd), 0);
		close(j.fd);
	}
}

/* A sender killed after its element was taken: it is taken. */
static void sender_killed_after_claim(void)
{
	size_t i;

	one_cpu();
	run_first(10);
	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		struct job j = { .size = sizes[i / 2], .value = 4 };
		char *buf = malloc(j.size);
		pid_t pid;

		tap_about("size %u, capacity %zu", j.size, i % 2);
		j.fd = chan_make(0, j.size, i % 2);
		if (i % 2)
			do_send(&j);
		pid = spawn(do_send, &j);
		wait_senders(j.fd, 1);
		do_recv(&j);
		expect_int(chan_info(j.fd).send_waiters, 0);
		kill_it(pid);
		/* In the buffer it lives on. */
		expect_int(chan_len(j.fd), i % 2);
		if (i % 2)
			do_recv(&j);
		chan_nonblock(j.fd, true);
		expect_errno(read(j.fd, buf, j.size), EAGAIN);
		close(j.fd);
		free(buf);
	}
}

/* A stopped and continued call is restarted, as if nothing had been. */
static void stopped_and_continued(void)
{
	struct job j = { .fd = chan_make(0, 8, 1), .size = 8, .value = 3 };
	int status;
	pid_t pid = spawn(do_recv, &j);

	wait_receivers(j.fd, 1);
	must_int(kill(pid, SIGSTOP), 0);
	must_int(waitpid(pid, &status, WUNTRACED), pid);
	must_int(kill(pid, SIGCONT), 0);
	do_send(&j);
	expect_exit(pid);
	expect_int(chan_len(j.fd), 0);
}

/*
 * A send and a SIGKILL at once: what the send tells as done is received by
 * somebody; the killed process may have copied it out, at most that one.
 */
static void send_against_kill(void)
{
	unsigned long round, rounds = tap_scale(60), lost = 0;
	atomic_ulong *told = shared_pages(4096);

	for (round = 0; round < rounds; round++) {
		struct job j = { .size = sizes[round % ARRAY_SIZE(sizes)],
			.value = 1 };
		pid_t pid;

		j.fd = chan_make(0, j.size, 1);
		pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			do_recv(&j);
			atomic_fetch_add(told, 1);
			_exit(0);
		}
		atomic_store(told, 0);
		wait_receivers(j.fd, 1);
		if (round % 2) {
			kill(pid, SIGKILL);
			do_send(&j);
		} else {
			do_send(&j);
			kill(pid, SIGKILL);
		}
		reap(pid);
		expect_int(chan_info(j.fd).recv_waiters, 0);
		if (chan_len(j.fd) == 0) {
			lost += atomic_load(told) == 0;
		} else {
			expect_int(chan_len(j.fd), 1);
			expect_int(atomic_load(told), 0);
			do_recv(&j);
		}
		close(j.fd);
	}
	tap_note("%lu of %lu copied out by one that then died", lost, rounds);
}

/*
 * The storm: senders and receivers are killed and replaced, whatever they are
 * at. What was told as sent is received once; each killed receiver may have
 * taken one element with it (copied out, not yet noted).
 */
#define WORKERS 4

struct storm {
	atomic_ulong next;		/* numbers of elements */
	atomic_ulong progress;
	atomic_bool closing;
	atomic_uchar *sent, *received;
	unsigned long room;
	int fd;
	uint32_t size;
};

static void storm_send(void *arg)
{
	struct storm *s = arg;
	uint64_t *buf = calloc(1, s->size);

	while (!atomic_load(&s->closing)) {
		uint64_t v = atomic_fetch_add(&s->next, 1);

		if (v >= s->room)
			break;
		*buf = v;
		must_int(write(s->fd, buf, s->size), s->size);
		atomic_store(&s->sent[v], 1);
		atomic_fetch_add(&s->progress, 1);
	}
}

static void storm_receive(void *arg)
{
	struct storm *s = arg;
	uint64_t *buf = calloc(1, s->size);
	ssize_t got;

	while ((got = read(s->fd, buf, s->size)) > 0) {
		must(*buf < s->room);
		/* Twice would be the fault that matters most. */
		expect_int(atomic_fetch_add(&s->received[*buf], 1), 0);
		atomic_fetch_add(&s->progress, 1);
	}
	expect_int(got, 0);
}

static void storm(uint32_t size, uint32_t capacity)
{
	unsigned long kills = tap_scale(40), k, i, receivers_killed = 0;
	unsigned long sent = 0, received = 0, lost = 0;
	pid_t senders[WORKERS], receivers[WORKERS];
	struct storm *s = shared_pages(sizeof(*s));
	uint64_t seed = size + capacity;

	tap_about("size %u, capacity %u", size, capacity);
	s->room = 1000000;
	s->size = size;
	s->sent = shared_pages(s->room);
	s->received = shared_pages(s->room);
	s->fd = chan_make(0, size, capacity);
	for (i = 0; i < WORKERS; i++) {
		senders[i] = spawn(storm_send, s);
		receivers[i] = spawn(storm_receive, s);
	}
	for (k = 0; k < kills; k++) {
		unsigned long at = atomic_load(&s->progress);
		unsigned long more = rnd(&seed) % 30;
		pid_t *victim;

		i = rnd(&seed) % WORKERS;
		until(atomic_load(&s->progress) >= at + more ||
		      atomic_load(&s->next) >= s->room);
		if (rnd(&seed) % 2) {
			victim = &senders[i];
		} else {
			victim = &receivers[i];
			receivers_killed++;
		}
		must_int(kill(*victim, SIGKILL), 0);
		reap(*victim);
		*victim = spawn(victim == &senders[i] ? storm_send :
				storm_receive, s);
	}
	atomic_store(&s->closing, true);
	for (i = 0; i < WORKERS; i++)
		expect_exit(senders[i]);
	chan_close(s->fd);
	for (i = 0; i < WORKERS; i++)
		expect_exit(receivers[i]);
	expect_int(chan_len(s->fd), 0);
	expect_int(chan_info(s->fd).send_waiters, 0);
	expect_int(chan_info(s->fd).recv_waiters, 0);

	for (i = 0; i < s->room; i++) {
		sent += atomic_load(&s->sent[i]);
		received += atomic_load(&s->received[i]);
		lost += atomic_load(&s->sent[i]) &&
			!atomic_load(&s->received[i]);
	}
	tap_note("size %u, capacity %u: %lu sent, %lu received, %lu died with %lu killed receivers",
		 size, capacity, sent, received, lost, receivers_killed);
	expect(lost <= receivers_killed);
	close(s->fd);
	munmap(s->sent, s->room);
	munmap(s->received, s->room);
}

static void storm_rendezvous(void)
{
	storm(8, 0);
	storm(200, 0);
	storm(10000, 0);
}

static void storm_buffered(void)
{
	storm(8, 1);
	storm(8, 64);
	storm(4096, 4);
	storm(10000, 4);
}

static void hold_channels(void *arg)
{
	int count = *(int *)arg, i;

	for (i = 0; i < count; i++) {
		int fd = chan_make(0, 4096, 4);
		static char buf[4096];

		if (i % 2)
			expect_int(write(fd, buf, 4096), 4096);
		poll_now(fd);
	}
	raise(SIGKILL);
}

static void exit_closes(void)
{
	const char *path = "/sys/module/kchan/refcnt";
	long long before = read_number(path);
	int count = 50;

	if (before < 0)
		tap_skip("no module reference count");
	reap(spawn(hold_channels, &count));
	expect_int(read_number(path), before);
	{
		int fd = chan_make(0, 8, 2);

		expect(read_number(path) > before);
		close(fd);
	}
	expect_int(read_number(path), before);
}

static void send_and_die(void *arg)
{
	struct job *j = arg;

	do_send(j);
	raise(SIGKILL);
}

static void outlives_its_sender(void)
{
	struct job j = { .fd = chan_make(0, 8, 2), .size = 8, .value = 3 };

	/* What a dead process has sent is there. */
	reap(spawn(send_and_die, &j));
	expect_int(chan_len(j.fd), 1);
	do_recv(&j);
	/* And the channel is open: this end sends, too. */
	expect_int(chan_info(j.fd).flags & KCHAN_INFO_CLOSED, 0);
}

static const struct tap_test tests[] = {
	{ "a blocked sender is killed: its element is gone", blocked_sender },
	{ "a blocked receiver is killed: the next is served",
	  blocked_receiver },
	{ "one in the middle of the queue is killed", middle_of_queue },
	{ "killed after the hand-off: put back", killed_after_hand_off },
	{ "so it goes to the next that waits", killed_then_next },
	{ "a signal after the claim: the claim wins", signal_after_claim },
	{ "a sender killed after the claim", sender_killed_after_claim },
	{ "stopped and continued", stopped_and_continued },
	{ "a send against a SIGKILL", send_against_kill },
	{ "a storm of kills on a rendezvous", storm_rendezvous },
	{ "a storm of kills on a buffer", storm_buffered },
	{ "process exit gives all of it back", exit_closes },
	{ "what a dead process sent is there", outlives_its_sender },
};

TAP_MAIN(tests)
