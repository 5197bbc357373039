// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: the channel that a command is to use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli.h"

const char *place_name(const struct place *at)
{
	static char text[32];

	if (at->fd < 0)
		return at->path;
	snprintf(text, sizeof(text), "file descriptor %d", at->fd);
	return text;
}

struct place place_of(const char *text)
{
	struct place at = NO_PLACE;

	if (*text && !text[strspn(text, "0123456789")])
		at.fd = descriptor_of(text);
	else
		at.path = text;
	return at;
}

bool has_names(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == KCHAN_SUPER_MAGIC;
}

static int open_path(kc_chan **out, const char *path, uint32_t directions)
{
	int ret = kc_open(out, path, directions);

	if (!ret)
		return STATUS_OK;
	explain_path(path, directions, -ret);
	return STATUS_FAILED;
}

/* Replaces a handle by one that can do less. */
static int narrow(kc_chan **c, uint32_t directions)
{
	kc_chan *whole = *c;
	int ret;

	if (directions == KC_OPEN_RECV)
		ret = kc_recv_only(c, whole);
	else if (directions == KC_OPEN_SEND)
		ret = kc_send_only(c, whole);
	else
		return 0;
	kc_unref(whole);
	return ret;
}

/* The handle has a duplicate, because the descriptor may be used for other things. */
static int open_fd(kc_chan **out, int fd, uint32_t directions)
{
	int copy, ret;

	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	ret = copy < 0 ? -errno : kc_from_fd(out, copy);
	if (!ret) {
		ret = narrow(out, directions);
		if (!ret)
			return STATUS_OK;
		if (ret == -EBADF)
			return fail("file descriptor %d cannot %s", fd,
				    directions == KC_OPEN_SEND ? "send" : "receive");
		return fail("file descriptor %d: %s", fd, kc_strerror(ret));
	}
	if (copy >= 0)
		close(copy);
	if (ret == -ENOTTY)
		fail("file descriptor %d is no channel", fd);
	else
		fail("file descriptor %d: %s", fd, kc_strerror(ret));
	if (ret == -ENOTTY || ret == -EBADF)
		explain_device(fd);
	return STATUS_FAILED;
}

int open_channel(kc_chan **out, const struct place *at, uint32_t directions)
{
	return at->fd < 0 ? open_path(out, at->path, directions) :
			    open_fd(out, at->fd, directions);
}

int send_element(kc_chan *c, const void *elem, size_t len, int64_t timeout)
{
	if (kc_is_message(c))
		return timeout < 0 ? kc_send_msg(c, elem, len) :
				     kc_send_msg_timeout(c, elem, len, timeout);
	if (len != (size_t)kc_elem_size(c))
		return -EMSGSIZE;
	return timeout < 0 ? kc_send(c, elem) : kc_send_timeout(c, elem, timeout);
}

static bool is_channel(int fd)
{
	struct kchan_info info;

	return !ioctl(fd, KCHAN_IOC_INFO, &info);
}

void drop_inherited(const struct place *used, kc_chan *c)
{
	struct dirent *entry;
	DIR *dir;
	int fd;

	if (used && used->fd >= 0 && used->fd <= STDERR_FILENO)
		dup2(kc_fd(c), used->fd);
	dir = opendir("/proc/self/fd");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		/* All that is opened here is closed on exec, so what is not was inherited. */
		if (fd > STDERR_FILENO && fcntl(fd, F_GETFD) == 0 && is_channel(fd))
			close(fd);
	}
	closedir(dir);
}

int get_info(const struct place *at, kc_chan *c, struct kchan_info *info)
{
	if (!ioctl(kc_fd(c), KCHAN_IOC_INFO, info))
		return STATUS_OK;
	return fail("%s: %s", place_name(at), strerror(errno));
}
