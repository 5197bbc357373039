// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who uses channels.
 *
 * The kernel tells of a channel how many ends it has, and of an end how many hold it:
 * descriptors in all processes, messages that it is in, calls in progress. If all of
 * that is accounted for by the descriptors of this process and the calls that are
 * known of, nobody else can use the channel. An end that has two descriptors here
 * counts twice, and so the account is wrong on the safe side.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "internal.h"
#include "sys.h"
#include "uses.h"

struct kc_use {
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

bool kc_uses_add(struct kc_uses *uses, int fd, unsigned int calls)
{
	struct kc_use *more;

	if (uses->nr == uses->max) {
		more = grow(uses->uses, &uses->max, sizeof(*more));
		if (!more)
			return false;
		uses->uses = more;
	}
	uses->uses[uses->nr++] = (struct kc_use){ fd, calls };
	return true;
}

void kc_uses_free(struct kc_uses *uses)
{
	free(uses->uses);
}

static int compare_fds(const void *a, const void *b)
{
	const struct kc_use *left = a, *right = b;

	return (left->fd > right->fd) - (left->fd < right->fd);
}

/* By descriptor, each once. */
static void sort(struct kc_uses *uses)
{
	struct kc_use *all = uses->uses;
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

static unsigned int calls_on(const struct kc_uses *uses, int fd)
{
	const struct kc_use key = { fd, 0 };
	const struct kc_use *use;

	use = bsearch(&key, uses->uses, uses->nr, sizeof(key), compare_fds);
	return use ? use->calls : 0;
}

/* One of our descriptors of a channel. */
struct end {
	struct kchan_info info;
	unsigned int calls;
};

struct ends {
	const struct kc_uses *uses;
	dev_t device;
	struct end *ends;
	size_t nr;
	size_t max;
};

static bool add_end(struct ends *ends, int fd)
{
	struct stat stat;
	struct end *more;

	/* Only ours are asked: to others the request may mean something else. */
	if (fstat(fd, &stat) || !S_ISCHR(stat.st_mode) ||
	    stat.st_rdev != ends->device)
		return true;
	if (ends->nr == ends->max) {
		more = grow(ends->ends, &ends->max, sizeof(*more));
		if (!more)
			return false;
		ends->ends = more;
	}
	more = &ends->ends[ends->nr];
	if (sys_ioctl(fd, KCHAN_IOC_INFO, &more->info))
		return true;
	more->calls = calls_on(ends->uses, fd);
	ends->nr++;
	return true;
}

/* struct linux_dirent64 */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* Of all descriptors of the process. */
static bool find_ends(struct ends *ends)
{
	_Alignas(struct entry) char buf[2048];
	const struct entry *entry;
	bool found = true;
	long dir, len, at;

	dir = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	while (found && (len = sys_getdents(dir, buf, sizeof(buf))) > 0) {
		for (at = 0; found && at < len; at += entry->size) {
			entry = (const struct entry *)(buf + at);
			if (entry->name[0] != '.')
				found = add_end(ends, atoi(entry->name));
		}
	}
	sys_close(dir);
	return found && !len;
}

static int compare_channels(const void *a, const void *b)
{
	const struct end *left = a, *right = b;

	return (left->info.id > right->info.id) - (left->info.id < right->info.id);
}

/* Those of one channel: true if it is not waited for, or they are all. */
static bool is_accounted_for(const struct end *ends, size_t nr)
{
	unsigned int calls = 0, refs = 0, send = 0, recv = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		calls += ends[i].calls;
		refs += ends[i].info.file_refs;
		send += !!(ends[i].info.flags & KCHAN_INFO_SEND);
		recv += !!(ends[i].info.flags & KCHAN_INFO_RECV);
	}
	/* Of each the descriptor, and the call that asked. */
	return !calls || (refs == 2 * nr + calls && send == ends->info.send_ends &&
			  recv == ends->info.recv_ends);
}

static bool are_accounted_for(struct ends *ends)
{
	size_t begin, end;

	if (!ends->nr)
		return false;
	qsort(ends->ends, ends->nr, sizeof(*ends->ends), compare_channels);
	for (begin = 0; begin < ends->nr; begin = end) {
		for (end = begin; end < ends->nr; end++)
			if (ends->ends[end].info.id != ends->ends[begin].info.id)
				break;
		if (!is_accounted_for(&ends->ends[begin], end - begin))
			return false;
	}
	return true;
}

bool kc_uses_are_all(struct kc_uses *uses)
{
	struct ends ends = { .uses = uses };
	struct stat stat;
	bool all;

	if (!uses->nr)
		return true;
	sort(uses);
	if (fstat(uses->uses[0].fd, &stat))
		return false;
	ends.device = stat.st_rdev;
	all = find_ends(&ends) && are_accounted_for(&ends);
	free(ends.ends);
	return all;
}
