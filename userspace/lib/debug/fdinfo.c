// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads /proc/self/fd and /proc/self/fdinfo.
 *
 * The fdinfo of an end has lines such as "kchan-id:<tab>12". The line with the number
 * of file references is for debuggers, and a later kernel may not have it. Then the
 * result is "not known". It is also "not known" if the text was cut off within a line:
 * fdinfo may be long, since it has a line for each lock on the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/sys.h"
#include "debug/fdinfo.h"

/* Returns what follows the colon in the line that begins with @key, or NULL. */
static const char *find(const char *text, const char *key)
{
	const size_t len = strlen(key);

	while (strncmp(text, key, len) || text[len] != ':') {
		text = strchr(text, '\n');
		if (!text)
			return NULL;
		text++;
	}
	return text + len + 1;
}

static bool find_number(const char *text, const char *key, uint64_t *number)
{
	const char *at = find(text, key);
	char *end;

	if (!at)
		return false;
	*number = strtoull(at, &end, 10);
	return end != at && *end == '\n';
}

static bool find_count(const char *text, const char *key, uint32_t *count)
{
	uint64_t number;

	if (!find_number(text, key, &number) || number > UINT32_MAX)
		return false;
	*count = number;
	return true;
}

static bool has_word(const char *line, const char *word)
{
	return memmem(line, strcspn(line, "\n"), word, strlen(word));
}

/* The line has one word or both. */
static bool find_mode(const char *text, uint32_t *mode)
{
	const char *at = find(text, "kchan-mode");

	if (!at)
		return false;
	*mode = (has_word(at, "send") ? KCHAN_INFO_SEND : 0) |
		(has_word(at, "recv") ? KCHAN_INFO_RECV : 0);
	return strchr(at, '\n') && *mode;
}

static bool find_mapped(const char *text, bool *mapped, uint32_t *pid)
{
	const char *at = find(text, "kchan-flags");

	if (!at)
		return false;
	*mapped = has_word(at, "mapped");
	return find_count(text, "kchan-map-pid", pid);
}

int kc_fdinfo_read(int fd, struct kc_fdinfo *info)
{
	char path[40], text[1024];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (sys_read_text(path, text, sizeof(text)) < 0)
		return -1;
	if (!find(text, "kchan-id"))
		return 0;
	return find_number(text, "kchan-id", &info->channel) &&
	       find_mode(text, &info->mode) &&
	       find_mapped(text, &info->mapped, &info->map_pid) &&
	       find_count(text, "kchan-send-ends", &info->send_ends) &&
	       find_count(text, "kchan-recv-ends", &info->recv_ends) &&
	       find_count(text, "kchan-debug-file-refs", &info->file_refs) ?
	       1 : -1;
}

/* struct linux_dirent64 */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

bool kc_each_fd(bool (*each)(void *arg, int fd), void *arg)
{
	_Alignas(struct entry) char buf[2048];
	const struct entry *entry;
	bool go_on = true;
	long dir, len, at;

	dir = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	while (go_on && (len = sys_getdents(dir, buf, sizeof(buf))) > 0) {
		for (at = 0; go_on && at < len; at += entry->size) {
			entry = (const struct entry *)(buf + at);
			if (entry->name[0] != '.')
				go_on = each(arg, atoi(entry->name));
		}
	}
	sys_close(dir);
	return go_on && !len;
}
