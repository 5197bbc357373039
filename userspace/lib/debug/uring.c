// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whether the kernel may act for this process: io_uring.
 *
 * A request that waits for a time or a descriptor may be followed by a request that
 * sends, or wakes a futex. The kernel does not show which requests exist. An instance
 * is found by its descriptor. If the descriptor was registered and closed, it is found
 * by the memory that it shares with the process. An instance without a descriptor whose
 * rings are in memory of the program is not found.
 */
#include <stdio.h>
#include <string.h>

#include "base/proc.h"
#include "debug/fdinfo.h"
#include "debug/uring.h"

#define NAME	"anon_inode:[io_uring]"

static bool is_other(void *unused, int fd)
{
	char path[40], name[sizeof(NAME)];
	long len;

	(void)unused;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = sys_readlink(path, name, sizeof(name));
	/* A descriptor that is closed by now is none. */
	return len != sizeof(NAME) - 1 || memcmp(name, NAME, len);
}

/*
 * Reads the file in pieces. The end of each piece is kept for the next one, in case the
 * name is cut.
 */
static bool is_mapped(void)
{
	const size_t most = sizeof(NAME) - 2;
	char text[2048];
	size_t kept = 0;
	bool seen = false;
	long fd, len;

	fd = sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	while (!seen && (len = sys_read(fd, text + kept, sizeof(text) - kept)) > 0) {
		kept += len;
		seen = memmem(text, kept, NAME, sizeof(NAME) - 1);
		if (kept > most) {
			memmove(text, text + kept - most, most);
			kept = most;
		}
	}
	sys_close(fd);
	return seen || len < 0;
}

bool kc_uring_may_be(void)
{
	return !kc_each_fd(is_other, NULL) || is_mapped();
}
