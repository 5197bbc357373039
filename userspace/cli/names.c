// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: the names of channels.
 */
#include <errno.h>
#include <fts.h>
#include <grp.h>
#include <mntent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli.h"
#include "names.h"

const char *user_name(uid_t uid)
{
	static char number[16];
	const struct passwd *user = getpwuid(uid);

	if (user)
		return user->pw_name;
	snprintf(number, sizeof(number), "%u", uid);
	return number;
}

const char *group_name(gid_t gid)
{
	static char number[16];
	const struct group *group = getgrgid(gid);

	if (group)
		return group->gr_name;
	snprintf(number, sizeof(number), "%u", gid);
	return number;
}

int name_look(struct name *name, const char *path, const struct stat *st)
{
	kc_chan *c;

	memset(name, 0, sizeof(*name));
	name->path = path;
	name->st = st;
	/* An end that can send could end the channel when it is closed again. */
	name->error = -kc_open(&c, path, KC_OPEN_RECV);
	if (name->error)
		return name->error;
	if (ioctl(kc_fd(c), KCHAN_IOC_INFO, &name->info))
		name->error = errno;
	else
		name->info.recv_ends--;
	kc_unref(c);
	return name->error;
}

/* The directories where filesystems of names are mounted. */
struct mounts {
	char **paths;		/* with NULL at the end */
	dev_t *devices;
	size_t nr;
};

static void free_mounts(struct mounts *mounts)
{
	while (mounts->nr)
		free(mounts->paths[--mounts->nr]);
	free(mounts->paths);
	free(mounts->devices);
}

/* Adds a mount. A filesystem that is mounted twice counts once. */
static int add_mount(struct mounts *mounts, const char *path)
{
	struct stat st;
	void *grown;
	size_t i;

	/* Another filesystem may be mounted over it. */
	if (stat(path, &st) || !has_names(path))
		return 0;
	for (i = 0; i < mounts->nr; i++)
		if (mounts->devices[i] == st.st_dev)
			return 0;
	grown = realloc(mounts->devices, (mounts->nr + 1) * sizeof(dev_t));
	if (!grown)
		return ENOMEM;
	mounts->devices = grown;
	mounts->devices[mounts->nr] = st.st_dev;
	grown = realloc(mounts->paths, (mounts->nr + 2) * sizeof(char *));
	if (!grown)
		return ENOMEM;
	mounts->paths = grown;
	mounts->paths[mounts->nr] = strdup(path);
	if (!mounts->paths[mounts->nr])
		return ENOMEM;
	mounts->paths[++mounts->nr] = NULL;
	return 0;
}

static int find_mounts(struct mounts *mounts)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;
	int ret = 0;

	if (!table)
		return errno;
	while (!ret && (entry = getmntent(table)))
		if (!strcmp(entry->mnt_type, "kchan"))
			ret = add_mount(mounts, entry->mnt_dir);
	endmntent(table);
	return ret;
}

bool names_mounted(void)
{
	struct mounts mounts = { 0 };
	bool found;

	found = find_mounts(&mounts) || mounts.nr;
	free_mounts(&mounts);
	return found;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

struct walk {
	bool quiet;
	int (*see)(const struct name *name, void *arg);
	void *arg;
};

static int cannot_read(const struct walk *walk, const FTSENT *entry)
{
	if (walk->quiet)
		return STATUS_FAILED;
	if (entry->fts_level)
		return fail("%s: %s", entry->fts_path, strerror(entry->fts_errno));
	explain_path(entry->fts_path, KC_OPEN_RECV, entry->fts_errno);
	return STATUS_FAILED;
}

/* Looks at an entry of the walk. */
static int see_entry(const struct walk *walk, const FTSENT *entry)
{
	struct name name;

	switch (entry->fts_info) {
	case FTS_D:
	case FTS_DP:
		return STATUS_OK;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return cannot_read(walk, entry);
	}
	if (S_ISFIFO(entry->fts_statp->st_mode) && has_names(entry->fts_accpath)) {
		name_look(&name, entry->fts_path, entry->fts_statp);
		/* It was removed meanwhile. */
		if (name.error == ENOENT && entry->fts_level)
			return STATUS_OK;
		return walk->see(&name, walk->arg);
	}
	/* A directory may also have other files, if it is one of another filesystem. */
	if (entry->fts_level || walk->quiet)
		return STATUS_OK;
	return fail("%s is not the name of a channel", entry->fts_path);
}

static int walk_paths(const struct walk *walk, char *const *paths)
{
	int status = STATUS_OK, ret;
	FTSENT *entry;
	FTS *fts;

	fts = fts_open(paths, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (!fts)
		return fail("%s", strerror(errno));
	while ((entry = fts_read(fts))) {
		ret = see_entry(walk, entry);
		if (ret)
			status = ret;
	}
	if (errno)
		status = fail("%s", strerror(errno));
	fts_close(fts);
	return status;
}

int for_each_name(char *const *paths, bool quiet,
		  int (*see)(const struct name *name, void *arg), void *arg)
{
	const struct walk walk = { quiet, see, arg };
	struct mounts mounts = { 0 };
	int status = STATUS_FAILED, error;

	if (*paths)
		return walk_paths(&walk, paths);
	error = find_mounts(&mounts);
	if (error)
		fail("/proc/self/mounts: %s", strerror(error));
	else if (mounts.nr)
		status = walk_paths(&walk, mounts.paths);
	else if (!quiet)
		explain_names();
	free_mounts(&mounts);
	return status;
}
