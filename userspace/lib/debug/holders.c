// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who uses channels.
 *
 * The kernel tells of a channel how many ends it has, and of an end how many references
 * there are on its open file: see fdinfo.h. There is one reference for each descriptor
 * of the file, in any process; one for each message in a socket's queue that it is in;
 * and one for each time that a call in progress was given such a descriptor. (A call by
 * the only thread of a process takes none. But here there are two: who waits and who
 * looks.) The call that reads fdinfo is not counted.
 *
 * So if the channel has no ends but those that have a descriptor here, and if each of
 * their files has one reference for that descriptor, one for each use that is known of,
 * and no more, then nobody else can use the channel. A file with two descriptors here
 * is never found to be so, as each of the two is another reference to the other one.
 *
 * An end that is not seen to be one is missing among the channel's. What cannot be
 * read is not known. In both cases it is not said that nobody else uses the channel.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/sys.h"
#include "debug/fdinfo.h"
#include "debug/holders.h"

struct kc_holder {
	int fd;
	unsigned int calls;
};

/* Room for twice as many, in the place of @array; NULL, and it is as it was. */
static void *grow(void *array, size_t *max, size_t size)
{
	const size_t more = *max ? 2 * *max : 16;

	array = reallocarray(array, more, size);
	if (array)
		*max = more;
	return array;
}

bool kc_holders_add(struct kc_holders *uses, int fd, unsigned int calls)
{
	struct kc_holder *more;

	if (uses->nr == uses->max) {
		more = grow(uses->uses, &uses->max, sizeof(*more));
		if (!more)
			return false;
		uses->uses = more;
	}
	uses->uses[uses->nr++] = (struct kc_holder){ fd, calls };
	return true;
}

void kc_holders_free(struct kc_holders *uses)
{
	free(uses->uses);
}

static int compare_fds(const void *a, const void *b)
{
	const struct kc_holder *left = a, *right = b;

	return (left->fd > right->fd) - (left->fd < right->fd);
}

/* By descriptor, each once. */
static void sort(struct kc_holders *uses)
{
	struct kc_holder *all = uses->uses;
	size_t i, nr = 0;

	if (!uses->nr)
		return;
	qsort(all, uses->nr, sizeof(*all), compare_fds);
	for (i = 1; i < uses->nr; i++) {
		if (all[i].fd == all[nr].fd)
			all[nr].calls += all[i].calls;
		else
			all[++nr] = all[i];
	}
	uses->nr = nr + 1;
}

static unsigned int calls_on(const struct kc_holders *uses, int fd)
{
	const struct kc_holder key = { fd, 0 };
	const struct kc_holder *use;

	use = bsearch(&key, uses->uses, uses->nr, sizeof(key), compare_fds);
	return use ? use->calls : 0;
}

/* One of our descriptors of a channel. */
struct end {
	struct kc_fdinfo info;
	unsigned int calls;
};

struct ends {
	const struct kc_holders *uses;
	struct end *ends;
	size_t nr;
	size_t max;
	size_t nr_used;
};

/* By its type. Others, such as one of epoll, may have a long fdinfo. */
static bool may_be_end(int fd)
{
	struct stat stat;

	return !fstat(fd, &stat) &&
	       (S_ISCHR(stat.st_mode) || S_ISFIFO(stat.st_mode));
}

/* False if it is not known what the descriptor is. */
static bool add_end(void *data, int fd)
{
	struct ends *ends = data;
	struct kc_fdinfo info;
	struct end *more;
	int ret;

	ret = may_be_end(fd) ? kc_fdinfo_read(fd, &info) : 0;
	if (ret <= 0)
		return !ret;
	if (ends->nr == ends->max) {
		more = grow(ends->ends, &ends->max, sizeof(*more));
		if (!more)
			return false;
		ends->ends = more;
	}
	more = &ends->ends[ends->nr++];
	more->info = info;
	more->calls = calls_on(ends->uses, fd);
	ends->nr_used += !!more->calls;
	return true;
}

static int compare_channels(const void *a, const void *b)
{
	const struct end *left = a, *right = b;

	return (left->info.channel > right->info.channel) -
	       (left->info.channel < right->info.channel);
}

/* Those of one channel: true if it is not waited for, or they are all. */
static bool is_accounted_for(const struct end *ends, size_t nr)
{
	unsigned int send = 0, recv = 0;
	bool used = false, ours = true;
	size_t i;

	for (i = 0; i < nr; i++) {
		used |= !!ends[i].calls;
		ours &= ends[i].info.file_refs == 1 + ends[i].calls;
		send += !!(ends[i].info.mode & KCHAN_INFO_SEND);
		recv += !!(ends[i].info.mode & KCHAN_INFO_RECV);
	}
	return !used || (ours && send == ends->info.send_ends &&
			 recv == ends->info.recv_ends);
}

static bool are_accounted_for(struct ends *ends)
{
	size_t begin, end;

	/* Those that are used are all among them. */
	if (!ends->nr || ends->nr_used != ends->uses->nr)
		return false;
	qsort(ends->ends, ends->nr, sizeof(*ends->ends), compare_channels);
	for (begin = 0; begin < ends->nr; begin = end) {
		for (end = begin; end < ends->nr; end++)
			if (ends->ends[end].info.channel !=
			    ends->ends[begin].info.channel)
				break;
		if (!is_accounted_for(&ends->ends[begin], end - begin))
			return false;
	}
	return true;
}

bool kc_holders_are_all(struct kc_holders *uses)
{
	struct ends ends = { .uses = uses };
	bool all;

	if (!uses->nr)
		return true;
	sort(uses);
	all = kc_each_fd(add_end, &ends) && are_accounted_for(&ends);
	free(ends.ends);
	return all;
}
