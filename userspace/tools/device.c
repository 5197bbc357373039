// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: what is wrong with /dev/kchan.
 *
 * A shell that opens a file to read and write (<>) makes it if it is not there. So does
 * that of root with /dev/kchan when the kernel module is not loaded; and the module, when
 * it is loaded, leaves alone what stands in its device's place.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kchanctl.h"

#define DEVICE	"/dev/kchan"

/* That it is a regular file which was at the device's place, and is there no more. */
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
	/* The module makes its device when it is loaded, and at no other time. */
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
