// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: why there is no channel, and what to do.
 *
 * A shell that opens a file for reading and writing (<>) creates it if it does not
 * exist. Root's shell does this with /dev/kchan if the kernel module is not loaded.
 * When the module is loaded later, it does not replace that file.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "names.h"

#define DEVICE	"/dev/kchan"
#define MODULE	"/sys/module/kchan"
#define NAMES	"/run/kchan"

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

/*
 * The command that makes the device again, since the module does so only when it is loaded;
 * with @unload, the one that loads another build. What is installed beside this program
 * has a script for that (packaging/load), which also unmounts and mounts the names: without
 * it the module would be in use.
 */
static const char *load_again(bool unload)
{
	static char text[2 * PATH_MAX];
	char script[PATH_MAX];
	ssize_t len;
	int i;

	len = readlink("/proc/self/exe", script, sizeof(script) - 1);
	script[len < 0 ? 0 : len] = '\0';
	/* From PREFIX/bin/kchanctl to PREFIX. */
	for (i = 0; i < 2; i++)
		if (strrchr(script, '/'))
			*strrchr(script, '/') = '\0';
	strncat(script, "/libexec/kchan/load", sizeof(script) - strlen(script) - 1);
	if (access(script, X_OK))
		return "modprobe -r kchan; modprobe kchan";
	snprintf(text, sizeof(text), unload ? "%s -r; %s" : "%s", script, script);
	return text;
}

/* The version of the module that is loaded, or "". */
static void module_version(char *to, size_t size)
{
	FILE *file = fopen(MODULE "/version", "re");

	if (!file || !fgets(to, (int)size, file))
		*to = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* The descriptor is the device, and it does not know the calls of this program. */
static void explain_version(void)
{
	char version[64];

	module_version(version, sizeof(version));
	fail("the loaded kernel module (%s) is of another version than this program (%s): install both from one version, then as root: %s",
	     *version ? version : "unknown", kc_version(), load_again(true));
}

void explain_device(int fd)
{
	struct stat st, open;

	if (!stat(DEVICE, &st)) {
		if (S_ISREG(st.st_mode)) {
			fail(DEVICE " is a regular file: probably a shell made it, which opened it when the kernel module was not loaded");
			fail("as root: rm " DEVICE "; %s; then open it anew",
			     load_again(false));
		} else if (was_device(fd)) {
			fail("it is a regular file that was " DEVICE " and has been removed: open it anew");
		} else if (S_ISCHR(st.st_mode) && !fstat(fd, &open) &&
			   S_ISCHR(open.st_mode) && open.st_rdev == st.st_rdev) {
			explain_version();
		}
	} else if (errno == ENOENT && access(MODULE, F_OK)) {
		fail("there is no " DEVICE ": the kernel module is not loaded; as root: modprobe kchan");
	} else if (errno == ENOENT) {
		fail("there is no " DEVICE ", though the kernel module is loaded; if it was removed, as root: %s",
		     load_again(false));
	}
}

void explain_names(void)
{
	if (access(MODULE, F_OK))
		fail("the kernel module is not loaded; as root: modprobe kchan; mount -m -t kchan kchan " NAMES);
	else if (!names_mounted())
		fail("no filesystem of names is mounted; as root: mount -m -t kchan kchan " NAMES);
}

/* The mode of a file that may not be opened, and whose it is. */
static void explain_access(const char *path, uint32_t directions)
{
	struct stat st;

	if (stat(path, &st) || !S_ISFIFO(st.st_mode)) {
		fail("%s: %s", path, strerror(EACCES));
		return;
	}
	fail("%s: you may not %s: it belongs to %s:%s, and its mode is %03o", path,
	     directions == KC_OPEN_RECV ? "receive from it" :
	     directions == KC_OPEN_SEND ? "send to it" :
					  "both send to it and receive from it",
	     user_name(st.st_uid), group_name(st.st_gid), st.st_mode & 07777);
}

void explain_path(const char *path, uint32_t directions, int error)
{
	switch (error) {
	case ENOENT:
		fail("there is no %s; kchanctl create makes a channel with a name",
		     path);
		explain_names();
		break;
	case ENOTTY:
		if (!strcmp(path, DEVICE))
			fail(DEVICE " makes a new channel each time that it is opened: open it in the shell, and say --fd N");
		else
			fail("%s is not the name of a channel", path);
		explain_names();
		break;
	case ENODEV:
		fail("%s: a name has to be in a filesystem of names", path);
		explain_names();
		break;
	case EACCES:
		explain_access(path, directions);
		break;
	case ENXIO:
		fail("%s: the channel has ended, nobody can %s it any more; rm it, and create it anew",
		     path, directions == KC_OPEN_RECV ? "receive from" : "send to");
		break;
	default:
		fail("%s: %s", path, kc_strerror(-error));
	}
}
