// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The walker.
 */
#include <errno.h>
#include <fts.h>
#include <string.h>

#include "wordfreq.h"

/* Returns false if there are no workers any more. */
static bool send_path(struct job *job, const char *path, size_t len)
{
	int ret = kc_send_msg(job->paths, path, len);

	if (ret == -EMSGSIZE) {
		warn(job, "%.100s...: the path is too long", path);
		return true;
	}
	if (ret && ret != -EPIPE)
		die("cannot send a path: %s", kc_strerror(ret));
	return !ret;
}

/* A symbolic link is followed only if it is named on the command line. */
static bool visit(struct job *job, const FTSENT *entry)
{
	switch (entry->fts_info) {
	case FTS_F:
		return send_path(job, entry->fts_path, entry->fts_pathlen);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		warn(job, "%s: %s", entry->fts_path,
		     strerror(entry->fts_errno));
		break;
	case FTS_SLNONE:
		warn(job, "%s: the link leads nowhere", entry->fts_path);
		break;
	case FTS_DEFAULT:
		if (entry->fts_level == FTS_ROOTLEVEL)
			warn(job, "%s: not a regular file", entry->fts_path);
		break;
	}
	return true;
}

void walk(struct job *job)
{
	FTSENT *entry;
	FTS *tree;

	tree = fts_open(job->names, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR,
			NULL);
	if (!tree)
		die("cannot walk: %s", strerror(errno));
	for (errno = 0; (entry = fts_read(tree)); errno = 0)
		if (!visit(job, entry))
			break;
	if (!entry && errno)
		warn(job, "cannot walk on: %s", strerror(errno));
	fts_close(tree);
	/* It is closed already if all workers were killed. */
	close_channel(job->paths_name, job->paths);
}
