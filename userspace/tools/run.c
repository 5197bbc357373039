// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl run: a program whose standard input and output are ends of channels.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kchanctl.h"

static const struct option options[] = {
	{ "in", required_argument, NULL, 'i' },
	{ "out", required_argument, NULL, 'o' },
	{ "keep", no_argument, NULL, 'k' },
	OPTIONS_END
};

static bool given(const struct place *at)
{
	return at->fd >= 0 || at->path;
}

/* Makes an end that has one direction the descriptor @fd. */
static int become(int fd, const struct place *at, uint32_t direction)
{
	kc_chan *c;
	int status;

	if (!given(at))
		return STATUS_OK;
	status = open_channel(&c, at, direction);
	if (status)
		return status;
	if (dup2(kc_fd(c), fd) < 0)
		status = fail("run: %s", strerror(errno));
	kc_unref(c);
	return status;
}

/* The input may be the descriptor that the output replaces. So it is opened first. */
static int replace(const struct place *in, const struct place *out)
{
	kc_chan *input = NULL;
	int status = STATUS_OK;

	if (given(in))
		status = open_channel(&input, in, KC_OPEN_RECV);
	if (!status)
		status = become(STDOUT_FILENO, out, KC_OPEN_SEND);
	if (!status && input && dup2(kc_fd(input), STDIN_FILENO) < 0)
		status = fail("run: %s", strerror(errno));
	kc_unref(input);
	return status;
}

static int run_run(int argc, char **argv)
{
	struct place in = NO_PLACE, out = NO_PLACE;
	bool keep = false;
	int option, status;

	while ((option = next_option(&run_command, argc, argv, options)) != -1) {
		switch (option) {
		case 'i':
			in = place_of(optarg);
			break;
		case 'o':
			out = place_of(optarg);
			break;
		case 'k':
			keep = true;
			break;
		}
	}
	if (!given(&in) && !given(&out))
		usage("which channels? Say --in and --out, or one of them");
	if (optind == argc)
		usage("which program? Say CMD");
	status = replace(&in, &out);
	if (status)
		return status;
	if (!keep)
		drop_inherited(NULL, NULL);
	execvp(argv[optind], argv + optind);
	status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
	fail("run: %s: %s", argv[optind], strerror(errno));
	return status;
}

const struct command run_command = {
	.name = "run",
	.brief = "run a program with channels as its input and output",
	.runs = true,
	.help =
"Usage: kchanctl run [--in CHANNEL] [--out CHANNEL] [-k] CMD [ARGUMENT]...\n"
"Run a program whose standard input is an end of a channel that can only receive,\n"
"and whose standard output is an end that can only send. CHANNEL is a descriptor or\n"
"the PATH of a name.\n"
"\n"
"  -i, --in=CHANNEL  the standard input\n"
"  -o, --out=CHANNEL the standard output\n"
"  -k, --keep        keep the other channels that the shell has open\n"
"  -h, --help        show this\n"
"\n"
"Each read() of CMD receives, and each write() is one message. Without --keep, CMD\n"
"has no other end of a channel, so the channels close when all others have gone.\n"
"\n"
"Exit status: that of CMD; 126 if it cannot be run; 127 if it is not found.\n"
"\n"
"Example: kchanctl run --in /run/kchan/app/jobs --out /run/kchan/app/results ./work\n",
	.run = run_run,
};
