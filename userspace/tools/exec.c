// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl recv --exec: runs a command for each message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kchanctl.h"

/*
 * With a pipe, kchanctl would wait for a command that does not read. A file takes
 * messages of any length.
 */
int message_input(const char *msg, size_t len)
{
	int fd;

	if (!msg)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("message", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write(fd, msg, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void child(const char *command, int input, const char *argument,
		  unsigned long seq) __attribute__((noreturn));
static void child(const char *command, int input, const char *argument,
		  unsigned long seq)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", seq);
	/* If there is no argument, the list ends there. */
	if (!setenv("KCHAN_SEQ", text, 1) &&
	    dup2(input, STDIN_FILENO) == STDIN_FILENO)
		execl("/bin/sh", "sh", "-c", command, "sh", argument,
		      (char *)NULL);
	fail("message %lu: cannot run the command: %s", seq, strerror(errno));
	_exit(127);
}

static bool wait_for(pid_t pid, unsigned long seq)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			fail("message %lu: %s", seq, strerror(errno));
			return false;
		}
	}
	if (WIFSIGNALED(status)) {
		fail("message %lu: the command was ended by signal %d (%s)",
		     seq, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return false;
	}
	if (WEXITSTATUS(status)) {
		fail("message %lu: the command's exit status is %d", seq,
		     WEXITSTATUS(status));
		return false;
	}
	return true;
}

bool exec_for(const char *command, bool argument, const char *msg, size_t len,
	      unsigned long seq)
{
	char *text = NULL;
	int input;
	pid_t pid;

	if (argument && memchr(msg, '\0', len)) {
		fail("message %lu has a zero byte: it cannot be an argument",
		     seq);
		return false;
	}
	if (argument)
		text = strndup(msg, len);
	input = argument && !text ? -1 : message_input(argument ? NULL : msg, len);
	if (input < 0) {
		fail("message %lu: no input for the command: %s", seq,
		     strerror(errno));
		free(text);
		return false;
	}
	pid = fork();
	if (pid == 0)
		child(command, input, text, seq);
	close(input);
	free(text);
	if (pid < 0) {
		fail("message %lu: fork: %s", seq, strerror(errno));
		return false;
	}
	return wait_for(pid, seq);
}
