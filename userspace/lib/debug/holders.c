// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who can use channels.
 *
 * The kernel shows the number of ends of a channel, and, for an end, the number of
 * references on its open file: see fdinfo.h. A file has one reference for each
 * descriptor, in any process; one for each message in a socket's queue that contains
 * it; and one for each call in progress on such a descriptor. (A call in a process with
 * a single thread takes no reference. But here there are at least two threads: one that
 * waits, and one that looks.) The call that reads fdinfo is not counted.
 *
 * Assume that all ends of a channel have a descriptor in this process, and that the
 * file of each has exactly one reference for the descriptor, and one for each known
 * call. Then nobody else can use the channel. A file with two descriptors never passes
 * this check, as each descriptor is an unexpected reference for the other one.
 *
 * A process that has mapped a channel can send and receive there without an end. So if
 * that is another process, the answer is no. The number may be that of another namespace,
 * if /proc is: then the answer is no, too.
 *
 * If an end is not recognised, the channel's number of ends differs. If something
 * cannot be read, it is not known. In both cases the answer is no.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/sys.h"
#include "debug/fdinfo.h"
#include "debug/holders.h"

struct kc_holder {
	int fd;
	unsigned int calls;
};

/*
 * Reallocates @array with twice the room. Returns NULL on failure, and @array is
 * unchanged.
 */
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

/* Sorts by descriptor, and merges equal ones. */
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

/* A descriptor of this process that is an end. */
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

/*
 * True if the file's type may be that of an end. Other files, such as an epoll, may
 * have a long fdinfo.
 */
static bool may_be_end(int fd)
{
	struct stat stat;

	return !fstat(fd, &stat) &&
	       (S_ISCHR(stat.st_mode) || S_ISFIFO(stat.st_mode));
}

/* Returns false if it is not known whether the descriptor is an end. */
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

static bool is_mapped_by_nobody_else(const struct kc_fdinfo *info)
{
	return !info->mapped || info->map_pid == (uint32_t)getpid();
}

/*
 * Checks the ends of one channel. True if no call waits for it, or if these are all
 * references.
 */
static bool is_accounted_for(const struct end *ends, size_t nr)
{
	unsigned int send = 0, recv = 0;
	bool used = false, ours = true;
	size_t i;

	for (i = 0; i < nr; i++) {
		used |= !!ends[i].calls;
		ours &= ends[i].info.file_refs == 1 + ends[i].calls &&
			is_mapped_by_nobody_else(&ends[i].info);
		send += !!(ends[i].info.mode & KCHAN_INFO_SEND);
		recv += !!(ends[i].info.mode & KCHAN_INFO_RECV);
	}
	return !used || (ours && send == ends->info.send_ends &&
			 recv == ends->info.recv_ends);
}

static bool are_accounted_for(struct ends *ends)
{
	size_t begin, end;

	/* Each descriptor of a call must be among them. */
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
