// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel shows of this process and its threads.
 */
#include "task.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

/* Returns the length; 0 if there is no such thread. */
static size_t read_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY);
	len = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	if (len < 0)
		len = 0;
	text[len] = '\0';
	return len;
}

/*
 * False for the thread that reports deadlocks, which exists if KCHANDEBUG turns it on
 * for all tests.
 */
static bool is_to_count(const char *tid, bool debugged)
{
	char name[32];

	if (tid[0] == '.')
		return false;
	return !debugged ||
	       !read_file(strtol(tid, NULL, 10), "comm", name, sizeof(name)) ||
	       strcmp(name, "kchan-deadlock\n") != 0;
}

unsigned int count_threads(void)
{
	const bool debugged = getenv("KCHANDEBUG");
	DIR *dir = opendir("/proc/self/task");
	unsigned int count = 0;
	struct dirent *entry;

	must(dir);
	while ((entry = readdir(dir)))
		count += is_to_count(entry->d_name, debugged);
	closedir(dir);
	return count;
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;
	struct dirent *entry;

	must(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	/* Without the one that reads them. */
	return count - 1;
}

bool thread_is_there(pid_t tid)
{
	char text[64];

	return read_file(tid, "comm", text, sizeof(text));
}

bool is_asleep(pid_t tid)
{
	char text[512];
	const char *at;

	must(read_file(tid, "stat", text, sizeof(text)));
	at = strrchr(text, ')');
	must(at);
	return at[2] == 'S';
}

static bool others_are_asleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	bool all = true;
	pid_t tid;

	must(dir);
	while (all && (entry = readdir(dir))) {
		tid = strtol(entry->d_name, NULL, 10);
		/* A thread that ends meanwhile does not count. */
		all = !tid || tid == gettid() || !thread_is_there(tid) ||
		      is_asleep(tid);
	}
	closedir(dir);
	return all;
}

/* It checks several times in a row: threads also sleep on a lock, but not for long. */
void wait_others_asleep(void)
{
	unsigned int times = 0;

	until((times = others_are_asleep() ? times + 1 : 0) == 5);
}

void thread_name(pid_t tid, char name[16])
{
	char text[64];

	read_file(tid, "comm", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	snprintf(name, 16, "%.15s", text);
}

size_t address_space(void)
{
	char text[4096];

	must(read_file(getpid(), "statm", text, sizeof(text)));
	return strtoull(text, NULL, 10) * sysconf(_SC_PAGESIZE);
}

uint64_t blocked_signals(pid_t tid)
{
	char text[4096];
	const char *at;

	must(read_file(tid, "status", text, sizeof(text)));
	at = strstr(text, "SigBlk:");
	must(at);
	return strtoull(at + 7, NULL, 16);
}
