// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that a test forks; see child.h.
 */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "tap.h"

bool in_child(pid_t *pid)
{
	*pid = fork();
	must(*pid >= 0);
	return *pid == 0;
}

void expect_good(pid_t pid)
{
	int status;

	must_int(waitpid(pid, &status, 0), pid);
	expect_int(status, 0);
}

/* Returns the end, or -1. */
static int map_channel(void)
{
	struct kchan_setup setup = { .elem_size = 8, .capacity = 4 };
	struct kchan_map map = { 0 };
	int fd = open("/dev/kchan", O_RDWR | O_CLOEXEC), memory;

	if (fd < 0 || ioctl(fd, KCHAN_IOC_SETUP, &setup))
		return -1;
	memory = ioctl(fd, KCHAN_IOC_MAP, &map);
	if (memory < 0 || mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       memory, 0) == MAP_FAILED)
		return -1;
	close(memory);
	return fd;
}

/*
 * The child has the descriptors of its parent at first, but its own memory. Then it has
 * copies of the descriptors, and closes that of the end.
 */
kc_chan *mapped_by_child(pid_t *pid)
{
	kc_chan *c;
	int told[2], fd = -1;

	must(!pipe(told));
	*pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	must(*pid >= 0);
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = map_channel();
		if (fd >= 0 && (unshare(CLONE_FILES) || close(fd)))
			fd = -1;
		if (write(told[1], &fd, sizeof(fd)) != sizeof(fd))
			_exit(1);
		for (;;)
			pause();
	}
	must_int(read(told[0], &fd, sizeof(fd)), sizeof(fd));
	must(fd >= 0);
	close(told[0]);
	close(told[1]);
	must_int(kc_from_fd(&c, fd), 0);
	return c;
}
