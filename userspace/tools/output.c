// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: what it writes.
 */
#include <errno.h>
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

int flush(const char *command)
{
	if (fflush(stdout) || ferror(stdout))
		return fail("%s: cannot write: %s", command, strerror(errno));
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
