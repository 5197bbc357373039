// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl move, kchanctl save: takes all messages elsewhere, and loses none.
 *
 * A message is acknowledged when it is there. If the command is killed before that, it
 * is in both places.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kchanctl.h"

/*
 * move
 */

struct moving {
	struct place from;
	struct place to;
	kc_chan *in;
	kc_chan *out;
	kc_lease *lease;
	unsigned long count;	/* 0: all */
	int64_t timeout;	/* for each message; -1: for ever */
};

static int not_moved(struct moving *m, unsigned long nr, int error)
{
	/* It stays where it was, as if nobody had seen it. */
	kc_lease_return(m->lease, KC_LEASE_UNCOUNTED, 0);
	fail("move: message %lu not sent to %s: %s", nr, place_name(&m->to),
	     error == -EPIPE ? "the channel is closed, or nobody receives" :
	     error == -ETIMEDOUT ? "the channel was full for all of the time" :
				   kc_strerror(error));
	return error == -ETIMEDOUT ? STATUS_NONE : STATUS_FAILED;
}

static int move_all(struct moving *m)
{
	unsigned long nr = 0;
	size_t len;
	void *elem;
	int ret;

	ret = kc_lease_make(&m->lease, m->in, 0);
	while (!ret) {
		/* There is no more, or no more will come. */
		ret = kc_lease_try_recv(m->lease);
		if (!ret || ret == -EAGAIN)
			return STATUS_OK;
		if (ret < 0)
			break;
		elem = kc_lease_elem(m->lease, &len);
		ret = send_element(m->out, elem, len, m->timeout);
		if (ret)
			return not_moved(m, nr + 1, ret);
		ret = kc_lease_ack(m->lease);
		if (!ret && ++nr == m->count)
			return STATUS_OK;
	}
	return fail("move: %s: %s", place_name(&m->from), kc_strerror(ret));
}

static int same_channel(const struct moving *m, bool *same)
{
	struct kchan_info in = { 0 }, out = { 0 };
	int status;

	status = get_info(&m->from, m->in, &in);
	if (!status)
		status = get_info(&m->to, m->out, &out);
	*same = !status && in.id == out.id;
	return status;
}

static int move_open(struct moving *m)
{
	int status;
	bool same;

	status = open_channel(&m->in, &m->from, KC_OPEN_RECV);
	if (!status)
		status = open_channel(&m->out, &m->to, KC_OPEN_SEND);
	if (!status)
		status = same_channel(m, &same);
	if (!status && same)
		status = fail("move: both are the same channel");
	return status;
}

static const struct option move_options[] = {
	{ "count", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, 't' },
	OPTIONS_END
};

static int move_run(int argc, char **argv)
{
	struct moving m = { .timeout = -1 };
	int option, status;

	while ((option = next_option(&move_command, argc, argv, move_options)) != -1) {
		if (option == 'n')
			m.count = number_of(optarg, "count", 1, -1UL);
		else
			m.timeout = time_of(optarg);
	}
	if (argc - optind < 2)
		usage("from which channel to which? Say FROM TO");
	m.from = place_of(argv[optind]);
	m.to = place_of(argv[optind + 1]);
	optind += 2;
	no_more(argc, argv);
	status = move_open(&m);
	if (!status) {
		drop_inherited(NULL, NULL);
		status = move_all(&m);
	}
	kc_lease_unref(m.lease);
	kc_unref(m.in);
	kc_unref(m.out);
	return status;
}

const struct command move_command = {
	.name = "move",
	.brief = "move what is queued to another channel",
	.help =
"Usage: kchanctl move [OPTION]... FROM TO\n"
"Move the messages that are queued in a channel to another one, and do not wait for\n"
"more. FROM and TO are descriptors or the PATHs of names.\n"
"\n"
"  -n, --count=N     at most N messages\n"
"  -t, --timeout=T   wait no longer than T for each message, if TO is full: a number\n"
"                    with a unit: ns, us, ms, s (also without a unit), m, h\n"
"  -h, --help        show this\n"
"\n"
"A message leaves FROM when it is in TO. If the command is killed, one may be in both.\n"
"\n"
"Example: kchanctl move /run/kchan/app/dead /run/kchan/app/jobs\n",
	.run = move_run,
};

/*
 * save
 */

/* So many messages are held, and written to the disk, at a time. */
#define MOST_HELD	64
#define MOST_HELD_BYTES	(1 << 20)

struct saving {
	struct place at;
	kc_chan *c;
	const char *path;
	int fd;
	off_t end;		/* of what is complete in the file */
	unsigned long left;	/* how many are to be saved at most; 0: all */
	kc_lease *held[MOST_HELD];	/* those that were needed once */
	size_t nr;		/* how many of them hold a message */
};

static int write_all(int fd, const void *buf, size_t len)
{
	const char *at = buf;
	ssize_t done;

	while (len) {
		done = write(fd, at, len);
		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			at += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

static int write_held(const struct saving *s)
{
	uint32_t head;
	size_t i, len;
	void *elem;
	int ret;

	for (i = 0; i < s->nr; i++) {
		elem = kc_lease_elem(s->held[i], &len);
		head = htonl((uint32_t)len);
		ret = write_all(s->fd, &head, LENGTH_SIZE);
		if (!ret)
			ret = write_all(s->fd, elem, len);
		if (ret)
			return ret;
	}
	return fsync(s->fd) ? -errno : 0;
}

/* Takes the next ones. Returns 0 or an error; there may be none. */
static int take_some(struct saving *s, size_t most)
{
	kc_lease **next;
	int ret;

	for (; s->nr < most; s->nr++) {
		next = &s->held[s->nr];
		ret = *next ? 0 : kc_lease_make(next, s->c, 0);
		if (!ret)
			ret = kc_lease_try_recv(*next);
		if (ret != 1)
			return ret == -EAGAIN ? 0 : ret;
	}
	return 0;
}

/* Ends the leases: for good, or so that all is as before. */
static int let_go(struct saving *s, bool saved)
{
	int ret = 0, done;

	while (s->nr) {
		s->nr--;
		done = saved ? kc_lease_ack(s->held[s->nr]) :
			       kc_lease_return(s->held[s->nr], KC_LEASE_UNCOUNTED, 0);
		if (done)
			ret = done;
	}
	return ret;
}

/* What is not complete goes from the file again. */
static int not_saved(struct saving *s, int error)
{
	let_go(s, false);
	if (ftruncate(s->fd, s->end))
		fail("save: %s has half a message at its end: %s", s->path,
		     strerror(errno));
	return fail("save: %s: %s", s->path, strerror(-error));
}

static size_t most_of(const struct saving *s)
{
	size_t size = (size_t)kc_elem_size(s->c), most = MOST_HELD;

	if (size > MOST_HELD_BYTES / MOST_HELD)
		most = size < MOST_HELD_BYTES ? MOST_HELD_BYTES / size : 1;
	return s->left && s->left < most ? s->left : most;
}

static int save_all(struct saving *s)
{
	int ret;

	for (;;) {
		ret = take_some(s, most_of(s));
		if (ret) {
			let_go(s, false);
			return fail("save: %s: %s", place_name(&s->at),
				    kc_strerror(ret));
		}
		if (!s->nr)
			return STATUS_OK;
		ret = write_held(s);
		if (ret)
			return not_saved(s, ret);
		s->end = lseek(s->fd, 0, SEEK_CUR);
		if (s->left && !(s->left -= s->nr)) {
			ret = let_go(s, true);
			break;
		}
		ret = let_go(s, true);
		if (ret)
			break;
	}
	if (ret)
		return fail("save: %s: some messages were saved, and are queued too: %s",
			    place_name(&s->at), kc_strerror(ret));
	return STATUS_OK;
}

/* A file that is new must be found after a crash. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int ret = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return ret;
}

static int open_file(struct saving *s, bool append)
{
	s->fd = open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? 0 : O_EXCL),
		     0666);
	if (s->fd < 0 && errno == EEXIST)
		return fail("save: %s is there already: say --append, or another name",
			    s->path);
	s->end = s->fd < 0 ? -1 : lseek(s->fd, 0, SEEK_END);
	if (s->end < 0 || sync_folder(s->path))
		return fail("save: %s: %s", s->path, strerror(errno));
	return STATUS_OK;
}

static const struct option save_options[] = {
	{ "append", no_argument, NULL, 'a' },
	{ "count", required_argument, NULL, 'n' },
	OPTIONS_END
};

static int save_run(int argc, char **argv)
{
	static struct saving s = { .fd = -1 };
	bool append = false;
	int option, status;
	size_t i;

	while ((option = next_option(&save_command, argc, argv, save_options)) != -1) {
		if (option == 'a')
			append = true;
		else
			s.left = number_of(optarg, "count", 1, -1UL);
	}
	if (argc - optind < 2)
		usage("which channel to which file? Say CHANNEL FILE");
	s.at = place_of(argv[optind]);
	s.path = argv[optind + 1];
	optind += 2;
	no_more(argc, argv);
	status = open_channel(&s.c, &s.at, KC_OPEN_RECV);
	if (status)
		return status;
	drop_inherited(&s.at, s.c);
	status = open_file(&s, append);
	if (!status)
		status = save_all(&s);
	if (s.fd >= 0 && close(s.fd) && !status)
		status = fail("save: %s: %s", s.path, strerror(errno));
	for (i = 0; i < MOST_HELD; i++)
		kc_lease_unref(s.held[i]);
	kc_unref(s.c);
	return status;
}

const struct command save_command = {
	.name = "save",
	.brief = "move what is queued to a file",
	.help =
"Usage: kchanctl save [OPTION]... CHANNEL FILE\n"
"Move the messages that are queued to a file, from where load sends them again, and\n"
"do not wait for more. CHANNEL is a descriptor or the PATH of a name.\n"
"\n"
"  -a, --append      add them to a file that is there\n"
"  -n, --count=N     at most N messages\n"
"  -h, --help        show this\n"
"\n"
"A message leaves the channel when it is on the disk. If the command is killed, some\n"
"may be in both. The file has the length of each message before it, in 4 bytes, the\n"
"highest byte first.\n"
"\n"
"Example: kchanctl save /run/kchan/app/jobs /var/lib/app/jobs.saved\n",
	.run = save_run,
};
