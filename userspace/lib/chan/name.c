// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Channels with a name.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <kchan/name.h>

#include "base/base.h"
#include "base/task.h"
#include "chan/handle.h"

/* Whether a file is in a filesystem of names. Or a negative errno. */
static int has_names(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return -errno;
	return fs.f_type == KCHAN_SUPER_MAGIC;
}

/* Makes a handle of @fd. On failure, @fd is closed. The caller holds the lock. */
static int take_fd(kc_chan **out, int fd)
{
	struct kchan_info info;
	int ret;

	ret = sys_ioctl(fd, KCHAN_IOC_INFO, &info);
	if (!ret)
		ret = kc_take_over_locked(out, fd, &info);
	if (ret)
		sys_close(fd);
	return ret;
}

/* The caller holds the lock. */
static int open_name(kc_chan **out, const char *path, int way)
{
	/* If the file is another one by now, O_NONBLOCK makes the call return at once. */
	const int fd = sys_open(path, way | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0)
		return fd;
	ret = sys_set_blocking(fd);
	if (!ret)
		return take_fd(out, fd);
	sys_close(fd);
	return ret;
}

int kc_open(kc_chan **out, const char *path, uint32_t directions)
{
	static const int ways[] = { -1, O_RDONLY, O_WRONLY, O_RDWR };
	int ret;

	if (!directions || directions & ~(KC_OPEN_RECV | KC_OPEN_SEND))
		return -EINVAL;
	/* To open another kind of file may wait, or have an effect. */
	ret = has_names(path);
	if (ret < 0)
		return ret;
	if (!ret)
		return -ENOTTY;
	kc_lock_making();
	ret = open_name(out, path, ways[directions]);
	kc_unlock_making();
	return ret;
}

/* Whether the directory of @path is in a filesystem of names. Or a negative errno. */
static int dir_has_names(const char *path)
{
	const char *base = strrchr(path, '/');
	char *dir;
	int ret;

	if (!base)
		return has_names(".");
	dir = strndup(path, (size_t)(base - path) + 1);
	if (!dir)
		return -ENOMEM;
	ret = has_names(dir);
	free(dir);
	return ret;
}

/*
 * Makes a name in the directory of @path, for as long as its channel is being set up. It
 * is freed with free().
 */
static int make_temporary(char **out, const char *path)
{
	static _Atomic uint32_t last;
	const char *base = strrchr(path, '/');
	const int dir = base ? (int)(base - path) + 1 : 0;
	int ret;

	do {
		if (asprintf(out, "%.*s.kchan-%d-%u", dir, path, (int)sys_getpid(),
			     atomic_fetch_add_explicit(&last, 1,
						       memory_order_relaxed)) < 0)
			return -ENOMEM;
		/* Nobody else may use the channel before it is set up. */
		ret = sys_mkfifo(*out, 0600);
		if (ret)
			free(*out);
		/* A process with this number may have left one, or be in a container. */
	} while (ret == -EEXIST);
	return ret;
}

/*
 * Sets up the channel that has the name @temporary, and gives it the name @path. That
 * comes last, because from then on others use it. The caller holds the lock.
 */
static int set_up(kc_chan **out, const char *temporary, const char *path,
		  struct kchan_setup *setup, mode_t mode)
{
	const int fd = sys_open(temporary, O_RDWR | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (setup)
		ret = sys_ioctl(fd, KCHAN_IOC_SETUP, setup);
	if (!ret)
		ret = sys_fchmod(fd, mode);
	if (!ret)
		ret = take_fd(out, fd);
	else
		sys_close(fd);
	if (ret)
		return ret;
	ret = sys_rename_new(temporary, path);
	/* The handle is new, so to drop it calls no function of the program. */
	if (ret)
		kc_unref(*out);
	return ret;
}

int kc_create(kc_chan **out, const char *path, const kc_chan_opts *opts, mode_t mode)
{
	struct kchan_setup setup;
	kc_chan_opts checked;
	char *temporary;
	kc_chan *c;
	int ret;

	if (mode & ~0777U)
		return -EINVAL;
	if (opts) {
		ret = kc_check_opts(&checked, opts, KC_CHAN_MESSAGE | KC_CHAN_NOMAP |
						    KC_CHAN_NO_SEND_HOLD);
		if (ret)
			return ret;
		setup = kc_setup_of(&checked);
	}
	ret = dir_has_names(path);
	if (ret <= 0)
		return ret ? ret : -ENODEV;
	ret = make_temporary(&temporary, path);
	if (ret)
		return ret;
	kc_lock_making();
	ret = set_up(&c, temporary, path, opts ? &setup : NULL, mode);
	kc_unlock_making();
	if (ret)
		sys_unlink(temporary);
	else
		*out = c;
	free(temporary);
	return ret;
}
