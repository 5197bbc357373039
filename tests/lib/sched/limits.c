// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of the system for goroutines that cannot be set by setrlimit() alone (go.c has
 * the others). At each limit kc_go() fails, nothing is left behind, and later it works
 * again. Also, how many goroutines are possible without a limit.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "task.h"

static void block(void *arg)
{
	kc_waitgroup_wait(arg);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

/*
 * Starts goroutines that stay, until no more can be started. Returns their number, at
 * most @most.
 */
static int start_all(kc_waitgroup *never, int most)
{
	int i, ret = 0;

	kc_waitgroup_add(never, 1);
	for (i = 0; i < most && !ret; i++)
		ret = kc_go(block, never);
	expect_int(ret, -EAGAIN);
	return i - 1;
}

static void end_all(kc_waitgroup *never)
{
	kc_waitgroup_done(never);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

/* vm.max_map_count: uses up all but a few of the possible mappings. */
static void test_mappings(void)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;
	const size_t page = getpagesize();
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	unsigned long limit = 0, used;
	char *room;
	int count;

	must(file);
	must_int(fscanf(file, "%lu", &limit), 1);
	fclose(file);
	if (SANITIZED || limit > 1 << 20)
		tap_skip("too many mappings to use up");
	room = mmap(NULL, (limit + 1) * page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(room != MAP_FAILED);
	/* A page with another protection than its neighbours splits a mapping. */
	for (used = 1; used < limit; used += 2)
		if (mprotect(room + used * page, page, PROT_READ))
			break;
	expect_int(errno, ENOMEM);
	/* Joins 101 mappings to one. */
	must_int(mprotect(room, 101 * page, PROT_NONE), 0);

	count = start_all(&never, 1000);
	tap_note("%d goroutines", count);
	expect(count >= 40 && count <= 60);
	end_all(&never);
	must_int(munmap(room, (limit + 1) * page), 0);
	expect_int(kc_go(do_nothing, NULL), 0);
	must_int(kc_shutdown(), 0);
}

static bool put(const char *folder, const char *name, const char *text)
{
	const ssize_t len = strlen(text);
	char path[300];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	good = fd >= 0 && write(fd, text, len) == len;
	if (fd >= 0)
		close(fd);
	return good;
}

/* Runs in a child that is the only process of the cgroup @group. */
static void fill_cgroup(const char *group)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;

	/* There must be no thread of the library. */
	must_int(unsetenv("KCHANDEBUG"), 0);
	must(put(group, "pids.max", "20"));
	must(put(group, "cgroup.procs", "0"));
	expect_int(start_all(&never, 100), 19);
	end_all(&never);
	/* A goroutine that has ended makes room for another one. */
	expect_int(kc_go(do_nothing, NULL), 0);
	must_int(kc_shutdown(), 0);
}

/* pids.max of a cgroup, which TasksMax= of a systemd unit sets. */
static void test_cgroup(void)
{
	char base[] = "/tmp/kchan-cgroup-XXXXXX", group[100];
	int status = -1;
	pid_t pid;

	if (SANITIZED)
		tap_skip("the sanitizer has no threads in a child");
	mkdir("/tmp", 01777);
	if (!mkdtemp(base) || mount("none", base, "cgroup2", 0, NULL))
		tap_skip("no cgroup v2");
	snprintf(group, sizeof(group), "%s/kchan-test", base);
	if (!put(base, "cgroup.subtree_control", "+pids") || mkdir(group, 0755)) {
		umount(base);
		rmdir(base);
		tap_skip("no controller of pids");
	}
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		fill_cgroup(group);
		_exit(0);
	}
	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
	until(!rmdir(group));
	umount(base);
	rmdir(base);
}

/* Channels are files, and RLIMIT_NOFILE limits them. It does not limit goroutines. */
static void test_files(void)
{
	kc_waitgroup never = KC_WAITGROUP_INIT;
	struct rlimit few;
	kc_chan *c;
	int i;

	must_int(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = 3;
	must_int(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_int(kc_make(&c, 8, 0), -EMFILE);
	kc_waitgroup_add(&never, 1);
	for (i = 0; i < 20; i++)
		must_int(kc_go(block, &never), 0);
	kc_waitgroup_done(&never);
	must_int(kc_shutdown(), 0);
}

struct crowd {
	kc_chan *c;
	kc_waitgroup ended;
	atomic_uint received, closed;
	atomic_ullong sum;
};

static void receive(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t value;
	int ret;

	ret = kc_recv(crowd->c, &value);
	if (ret == 1) {
		atomic_fetch_add(&crowd->received, 1);
		atomic_fetch_add(&crowd->sum, value);
		ret = kc_recv(crowd->c, &value);
	}
	if (expect_int(ret, 0))
		atomic_fetch_add(&crowd->closed, 1);
}

static unsigned long long available_kib(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[100];

	must(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

/* The part of it that the process itself uses. */
static unsigned long long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long long pages = 0;

	must(file);
	must_int(fscanf(file, "%*u %llu", &pages), 1);
	fclose(file);
	return pages * getpagesize() / 1024;
}

/*
 * Ten thousand goroutines wait on one channel at once. All that waited are served,
 * first come, first served. Closing the channel wakes the rest.
 */
static void test_ten_thousand(void)
{
	unsigned int i, count = tap_scale(10000);
	struct crowd crowd = { .received = 0 };
	unsigned long long before, resident, took;
	struct sysinfo system;
	uint64_t value;

	must_int(sysinfo(&system), 0);
	if (SANITIZED || system.totalram * system.mem_unit < 1 << 30) {
		count /= 20;
		tap_note("in little memory: %u of them", count);
	}
	if (getuid())
		tap_skip("only root may have as many threads");
	crowd.c = make(sizeof(value), 0);
	before = available_kib();
	resident = resident_kib();
	for (i = 0; i < count; i++)
		must_int(kc_waitgroup_go(&crowd.ended, receive, &crowd), 0);
	wait_receivers(crowd.c, count);
	/* This includes other programs, if there are any. */
	took = before - available_kib();
	resident = resident_kib() - resident;
	tap_note("%u goroutines wait, with %.1f KiB each, %.1f of them resident",
		 count, (double)took / count, (double)resident / count);
	/* The number of kchan/go.h, and some more. */
	if (!SANITIZED && !tap_instrumented() && !getenv("KCHAN_TEST_JOBS"))
		expect(took / count < 56);

	for (value = 1; value <= count; value++)
		must_int(kc_send(crowd.c, &value), 0);
	/* No goroutine was served twice before the others. */
	wait_receivers(crowd.c, count);
	expect_int(atomic_load(&crowd.received), count);
	expect_int(atomic_load(&crowd.sum), (count + 1ull) * count / 2);
	expect_int(kc_close(crowd.c), 0);
	kc_waitgroup_wait(&crowd.ended);
	expect_int(atomic_load(&crowd.closed), count);
	kc_unref(crowd.c);
	must_int(kc_shutdown(), 0);
	expect_threads(1);
}

static const struct tap_test tests[] = {
	{ "no mappings left: EAGAIN", test_mappings },
	{ "pids.max of the cgroup: EAGAIN", test_cgroup },
	{ "no descriptors left: EMFILE for channels alone", test_files },
	{ "ten thousand receive from one channel", test_ten_thousand },
};

TAP_MAIN(tests)
