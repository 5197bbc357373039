// SPDX-License-Identifier: GPL-2.0-only
/* Mounts and names, see names.h. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "names.h"

void mounts_begin(void)
{
	params_begin();
	if (unshare(CLONE_NEWNS))
		tap_skip("no mount namespaces here");
	must_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	umask(0);
	must(!mkdir(NAMES, 0755) || errno == EEXIST);
	must(!mkdir(OTHERS, 0755) || errno == EEXIST);
}

int try_mount(const char *where, const char *options)
{
	return mount("kchan", where, "kchan", 0, options);
}

int try_remount(const char *where, const char *options)
{
	return mount(NULL, where, NULL, MS_REMOUNT, options);
}

void names_mount(const char *where, const char *options)
{
	must_int(try_mount(where, options), 0);
}

void names_begin(void)
{
	mounts_begin();
	names_mount(NAMES, NULL);
}

void mount_options(const char *where, char *text, size_t room)
{
	char line[1024], at[256], type[64], options[512];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	must(f);
	*text = '\0';
	while (fgets(line, sizeof(line), f)) {
		char *rest = strstr(line, " - ");

		if (!rest || sscanf(line, "%*s %*s %*s %*s %255s", at) != 1 ||
		    strcmp(at, where))
			continue;
		must_int(sscanf(rest, " - %63s %*s %511s", type, options), 2);
		expect(strcmp(type, "kchan") == 0);
		snprintf(text, room, "%s", options);
	}
	fclose(f);
}

bool mounted_with(const char *where, const char *word)
{
	char text[512], *next, *found;

	mount_options(where, text, sizeof(text));
	next = text;
	while ((found = strsep(&next, ",")))
		if (strcmp(found, word) == 0)
			return true;
	mount_options(where, text, sizeof(text));
	tap_note("%s is mounted with %s", where, text);
	return false;
}

void name_make(const char *path, mode_t mode)
{
	must_int(mkfifo(path, mode), 0);
	must_int(chmod(path, mode), 0);
}

int name_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

int name_set_up(const char *path, uint32_t capacity, uint32_t flags)
{
	int fd;

	name_make(path, 0666);
	fd = name_open(path, O_RDWR);
	must_int(try_setup(fd, flags, 8, capacity), 0);
	return fd;
}

long long charged(void)
{
	long long low = 0, high = param_get("user_max_bytes") / 256;
	const long long most = high;

	/* How large a buffer is there quota for? A ring has a header beside its slots. */
	while (low < high) {
		long long middle = (low + high + 1) / 2;
		int fd = chan_open();

		if (try_setup(fd, 0, 256, (uint32_t)middle))
			high = middle - 1;
		else
			low = middle;
		close(fd);
	}
	return (most - low) * 256;
}
