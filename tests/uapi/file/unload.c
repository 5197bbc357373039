// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module goes when nobody uses it, and not before. It is loaded again from the
 * file that the guest has it in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "armed.h"
#include "faults.h"

#define MODULE "/vm/kchan.ko"

static int try_unload(void)
{
	return (int)syscall(SYS_delete_module, "kchan", O_NONBLOCK);
}

/* The last reference may be on its way out. */
static bool unloaded(void)
{
	if (!try_unload())
		return true;
	must(errno == EWOULDBLOCK);
	return false;
}

static void load(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	must_int(syscall(SYS_finit_module, fd, "", 0), 0);
	close(fd);
	until(access("/dev/kchan", R_OK | W_OK) == 0);
}

static void begin(void)
{
	if (geteuid())
		tap_skip("needs root");
	if (getenv("KCHAN_TEST_JOBS"))
		tap_skip("other tests use the module");
	if (access(MODULE, R_OK) || access("/sys/module/kchan/refcnt", R_OK))
		tap_skip("there is no module to load again");
}

static void expect_in_use(void)
{
	expect_errno(try_unload(), EWOULDBLOCK);
}

static void after_ends(void)
{
	int first, recv, again;
	char name[40];

	begin();
	first = chan_make(0, 8, 1);
	recv = end_make(first, KCHAN_END_RECV);
	expect_in_use();
	close(first);
	expect_in_use();
	/* Made in whatever way. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", recv);
	again = open(name, O_RDONLY | O_CLOEXEC);
	must(again >= 0);
	close(recv);
	expect_in_use();
	close(again);
	until(unloaded());
	expect_errno(open("/dev/kchan", O_RDWR), ENOENT);
	load();
	send_u64(chan_make(0, 8, 1), 1);
}

static void after_armed_selects(void)
{
	struct committed out;
	struct cases c;
	int fd, armed;

	begin();
	fd = chan_make(0, 8, 1);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	armed = arm(fd, &c);
	close(fd);
	expect_in_use();
	/* With nothing armed, too. */
	expect_commit(armed, &out, 0, EPIPE);
	expect_in_use();
	close(armed);
	until(unloaded());
	load();
}

/* With elements of each kind left in channels: all is freed. */
static void after_elements(void)
{
	static const uint32_t sizes[] = { 8, 4096, 10000 };
	char *elem = map_pages(10000);

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = chan_make(0, sizes[i], 3), armed = arm_recv(fd, sizes[i]);

		must_int(write(fd, elem, sizes[i]), sizes[i]);
		must_int(write(fd, elem, sizes[i]), sizes[i]);
		close(armed);
		chan_resize(fd, 5);
		must_int(write(fd, elem, sizes[i]), sizes[i]);
		expect_int(chan_len(fd), 3);
		close(fd);
	}
	until(unloaded());
	load();
}

#define FAILSLAB "/sys/kernel/debug/failslab/"

/* More allocations than a load makes. */
#define MANY	1000000

static void set_number(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd >= 0);
	must_int(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

/*
 * Where the kernel's sysfs_slab_add() is. If an allocation fails there, the kernel itself
 * leaks the name of the slab: it does not put the kobject that it has initialised.
 */
static bool find_slab_add(unsigned long *begin, unsigned long *end)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char name[128], type;
	unsigned long at;

	must(f);
	*begin = 0;
	*end = 0;
	while (!*end && fscanf(f, "%lx %c %127s%*[^\n]", &at, &type, name) == 3) {
		if (*begin && at > *begin)
			*end = at;
		else if (!strcmp(name, "sysfs_slab_add"))
			*begin = at;
	}
	fclose(f);
	return *end;
}

/* No allocation fails that is made there. */
static void spare_slab_add(bool spare)
{
	unsigned long begin, end;
	char text[32];

	if (access(FAILSLAB "reject-start", W_OK) || !find_slab_add(&begin, &end))
		return;
	snprintf(text, sizeof(text), "%#lx", spare ? begin : 0);
	set_number(FAILSLAB "reject-start", text);
	snprintf(text, sizeof(text), "%#lx", spare ? end : 0);
	set_number(FAILSLAB "reject-end", text);
}

/*
 * A load whose allocations fail, one in each try, says so and leaves nothing. The last
 * ones are made for the module's own beginning.
 */
static void load_fails(void)
{
	const int last = 150;
	int fd, failed = 0;
	long all;

	begin();
	faults_begin();
	fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	spare_slab_add(true);
	until(unloaded());
	set_fail_nth(MANY);
	must_int(syscall(SYS_finit_module, fd, "", 0), 0);
	all = MANY - fail_nth_left();
	set_fail_nth(0);
	tap_note("a load makes %ld allocations that may fail", all);
	must(all > last);
	until(unloaded());
	for (long i = all - last; i <= all; i++) {
		long ret, left;
		int error;

		tap_about("allocation %ld", i);
		set_fail_nth(i);
		ret = syscall(SYS_finit_module, fd, "", 0);
		error = errno;
		left = fail_nth_left();
		set_fail_nth(0);
		if (!ret) {
			/* Others have allocated less, or it does without. */
			until(unloaded());
			continue;
		}
		expect_int(left, 0);
		expect_int(error, ENOMEM);
		expect_errno(access("/dev/kchan", F_OK), ENOENT);
		expect_errno(access("/sys/module/kchan", F_OK), ENOENT);
		failed++;
	}
	faults_end();
	spare_slab_add(false);
	expect(failed > 10);
	tap_note("%d of them make it fail", failed);
	load();
	send_u64(chan_make(0, 8, 1), 1);
}

static const struct tap_test tests[] = {
	{ "an end pins the module, and nothing else", after_ends },
	{ "so does an armed select", after_armed_selects },
	{ "elements that are left do not", after_elements },
	{ "a load that fails leaves nothing", load_fails },
};

TAP_MAIN(tests)
