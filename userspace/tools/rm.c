// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl rm: takes names away.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kchanctl.h"
#include "names.h"

static const struct option rm_options[] = {
	{ "force", no_argument, NULL, 'f' },
	OPTIONS_END
};

/* Whether something could be lost. Others may send after this, so it is a help only. */
static int check(const char *path, const struct stat *st)
{
	struct name name;

	if (name_look(&name, path, st))
		return fail("rm: %s: cannot see whether it is empty: %s; say --force to remove it and all it holds",
			    path, kc_strerror(-name.error));
	if (name.info.len || name.info.in_flight)
		return fail("rm: %s: %u queued and %u in flight would be lost: receive them first, or say --force",
			    path, name.info.len, name.info.in_flight);
	return STATUS_OK;
}

static int remove_name(const char *path, bool force)
{
	struct stat st;
	int status;

	if (lstat(path, &st)) {
		if (force && errno == ENOENT)
			return STATUS_OK;
		explain_path(path, KC_OPEN_RECV, errno);
		return STATUS_FAILED;
	}
	/* A mistyped path must not remove a file. */
	if (!S_ISFIFO(st.st_mode) || !has_names(path))
		return fail("rm: %s is not the name of a channel", path);
	status = force ? STATUS_OK : check(path, &st);
	if (status)
		return status;
	if (unlink(path))
		return fail("rm: %s: %s", path, strerror(errno));
	return STATUS_OK;
}

static int rm_run(int argc, char **argv)
{
	int status = STATUS_OK;
	bool force = false;

	while (next_option(&rm_command, argc, argv, rm_options) != -1)
		force = true;
	if (optind == argc)
		usage("which names? Say a PATH");
	for (; optind < argc; optind++)
		if (remove_name(argv[optind], force))
			status = STATUS_FAILED;
	return status;
}

const struct command rm_command = {
	.name = "rm",
	.brief = "remove names, if their channels are empty",
	.help =
"Usage: kchanctl rm [-f] PATH...\n"
"Remove names of channels, and nothing else. A channel that somebody has open\n"
"lives on for those who have it. What nobody can receive then is freed: so rm\n"
"refuses to remove the name of a channel that is not empty.\n"
"\n"
"  -f, --force       remove it all the same, with what it holds; and do not mind\n"
"                    if a name is not there\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl wait /run/kchan/app/jobs && kchanctl rm /run/kchan/app/jobs\n",
	.run = rm_run,
};
