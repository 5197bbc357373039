// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: channels in the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kchanctl.h"

int fail(const char *fmt, ...)
{
	va_list args;

	fputs("kchanctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return STATUS_FAILED;
}

int put(const char *command, const char *buf, size_t len)
{
	ssize_t done;

	while (len) {
		done = write(STDOUT_FILENO, buf, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail("%s: cannot write: %s", command,
				    strerror(errno));
		buf += done;
		len -= done;
	}
	return STATUS_OK;
}

kc_case output_case(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) || S_ISREG(st.st_mode))
		return kc_case_fd(-1, 0);
	/* No event is asked for: errors and hang-ups are always reported. */
	return kc_case_fd(STDOUT_FILENO, 0);
}

int output_gone(const char *command)
{
	raise(SIGPIPE);
	return fail("%s: cannot write: %s", command, kc_strerror(-EPIPE));
}

int get_channel(kc_chan **out, int fd)
{
	int copy, ret;

	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	ret = copy < 0 ? -errno : kc_from_fd(out, copy);
	if (!ret)
		return STATUS_OK;
	if (copy >= 0)
		close(copy);
	if (ret == -ENOTTY)
		fail("file descriptor %d is no channel", fd);
	else
		fail("file descriptor %d: %s", fd, kc_strerror(ret));
	if (ret == -ENOTTY || ret == -EBADF)
		explain_device(fd);
	return STATUS_FAILED;
}

int cmd_close(kc_chan *c, const struct options *opts)
{
	int ret = kc_close(c);

	(void)opts;
	if (ret == -EALREADY)
		return fail("close: the channel was closed already");
	if (ret)
		return fail("close: %s", kc_strerror(ret));
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	struct options opts = { .fd = -1, .delimiter = '\n', .timeout = -1 };
	const struct command *command;
	kc_chan *c = NULL;
	int status;

	command = parse(argc, argv, &opts);
	if (opts.fd >= 0) {
		status = get_channel(&c, opts.fd);
		if (status)
			return status;
	}
	status = command->run(c, &opts);
	kc_unref(c);
	return status;
}
