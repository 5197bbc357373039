// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ends that this process was given at its start: see spawn.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "process/spawn.h"

/* The descriptor with that name, or a negative errno. */
static int find(const char *name)
{
	const char *at = getenv(KC_ENDS_VARIABLE);
	const size_t len = strlen(name);
	unsigned long fd;
	char *after;

	for (; at && *at; at = strchrnul(after, ',')) {
		if (*at == ',')
			at++;
		fd = strtoul(at, &after, 10);
		if (after == at || fd > INT_MAX)
			return -ENOENT;
		if (*after == ':' && !strncmp(after + 1, name, len) &&
		    (!after[1 + len] || after[1 + len] == ','))
			return fd;
	}
	return -ENOENT;
}

/*
 * An inherited descriptor is never close-on-exec. kc_from_fd() makes it so. So this
 * flag tells whether an end has been taken already.
 */
int kc_inherit(kc_chan **out, const char *name)
{
	const int fd = find(name);
	long flags;

	if (fd < 0)
		return fd;
	flags = sys_fd_flags(fd);
	if (flags < 0)
		return flags;
	if (flags & FD_CLOEXEC)
		return -EBUSY;
	return kc_from_fd(out, fd);
}
