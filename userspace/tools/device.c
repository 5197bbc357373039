// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: what is wrong with /dev/kchan.
 *
 * A shell that opens a file for reading and writing (<>) creates it if it does not
 * exist. Root's shell does this with /dev/kchan if the kernel module is not loaded.
 * When the module is loaded later, it does not replace that file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kchanctl.h"

#define DEVICE	"/dev/kchan"

/*
 * True if @fd is a regular file that was at the device's path, and was removed since.
 */
static bool was_device(int fd)
{
	static const char removed[] = DEVICE " (deleted)";
	char path[64], name[sizeof(removed)];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, name, sizeof(name));
	return len == sizeof(removed) - 1 && !memcmp(name, removed, len);
}

void explain_device(int fd)
{
	/* The module makes its device only when it is loaded. */
	static const char again[] = "modprobe -r kchan; modprobe kchan";
	struct stat st;

	if (!stat(DEVICE, &st)) {
		if (S_ISREG(st.st_mode)) {
			fail(DEVICE " is a regular file: probably a shell made it, which opened it when the kernel module was not loaded");
			fail("as root: rm " DEVICE "; %s; then open it anew", again);
		} else if (was_device(fd)) {
			fail("it is a regular file that was " DEVICE " and has been removed: open it anew");
		}
	} else if (errno == ENOENT && access("/sys/module/kchan", F_OK)) {
		fail("there is no " DEVICE ": the kernel module is not loaded; as root: modprobe kchan");
	} else if (errno == ENOENT) {
		fail("there is no " DEVICE ", though the kernel module is loaded; if it was removed, as root: %s",
		     again);
	}
}
