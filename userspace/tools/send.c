// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl send
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kchanctl.h"

static const struct option options[] = {
	FD_OPTION,
	FRAME_OPTIONS,
	{ "timeout", required_argument, NULL, 't' },
	OPTIONS_END
};

struct sending {
	const char *command;	/* for messages */
	FILE *input;
	kc_chan *c;
	struct frames frames;
	int64_t timeout;	/* of each message; -1: for ever */
};

/* @what and @nr describe the message in an error message. */
static int send_one(const struct sending *s, const char *msg, size_t len,
		    const char *what, unsigned long nr)
{
	const size_t size = kc_elem_size(s->c);
	int ret;

	if (kc_is_message(s->c)) {
		if (!len)
			return fail("%s: %s %lu is empty: a message has at least 1 byte",
				    s->command, what, nr);
		if (len > size)
			return fail("%s: %s %lu has %zu bytes: the channel takes at most %zu",
				    s->command, what, nr, len, size);
	} else if (len != size) {
		return fail("%s: %s %lu has %zu bytes: the channel's elements have %zu",
			    s->command, what, nr, len, size);
	}
	ret = send_element(s->c, msg, len, s->timeout);
	if (ret == -EPIPE)
		return fail("%s: %s %lu not sent: the channel is closed, or nobody receives",
			    s->command, what, nr);
	if (ret == -ETIMEDOUT) {
		fail("%s: %s %lu not sent: the channel was full for all of the time",
		     s->command, what, nr);
		return STATUS_NONE;
	}
	if (ret)
		return fail("%s: %s %lu not sent: %s", s->command, what, nr,
			    kc_strerror(ret));
	return STATUS_OK;
}

static int send_words(const struct sending *s, char **words)
{
	int i, status;

	for (i = 0; words[i]; i++) {
		status = send_one(s, words[i], strlen(words[i]), "word", i + 1);
		if (status)
			return status;
	}
	return STATUS_OK;
}

static int cannot_read(const struct sending *s)
{
	return fail("%s: cannot read the input: %s", s->command, strerror(errno));
}

static int send_lines(const struct sending *s)
{
	int status = STATUS_OK;
	unsigned long nr = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (status == STATUS_OK &&
	       (len = getdelim(&line, &size, s->frames.delimiter, s->input)) > 0) {
		/* The last line may have no delimiter. */
		if (line[len - 1] == s->frames.delimiter)
			len--;
		status = send_one(s, line, len, "line", ++nr);
	}
	if (status == STATUS_OK && ferror(s->input))
		status = cannot_read(s);
	free(line);
	return status;
}

static int send_whole(const struct sending *s, char *buf, size_t size)
{
	/* There is room for one byte more: that shows that the input is too long. */
	const size_t len = fread(buf, 1, size + 1, s->input);

	if (ferror(s->input))
		return cannot_read(s);
	if (len > size)
		return fail("%s: the input is too long: the channel takes at most %zu bytes",
			    s->command, size);
	return send_one(s, buf, len, "message", 1);
}

/* Elements of fixed size, one after the other. */
static int send_raw(const struct sending *s, char *buf, size_t size)
{
	unsigned long nr = 0;
	int status;
	size_t len;

	if (kc_is_message(s->c) || !size)
		return fail("%s: --raw is for elements of fixed size: where would a message end?",
			    s->command);
	while ((len = fread(buf, 1, size, s->input)) > 0) {
		if (ferror(s->input))
			return cannot_read(s);
		status = send_one(s, buf, len, "element", ++nr);
		if (status)
			return status;
	}
	return ferror(s->input) ? cannot_read(s) : STATUS_OK;
}

/* Each message after its length. */
static int send_lengths(const struct sending *s, char *buf, size_t size)
{
	unsigned long nr = 0;
	uint32_t head;
	size_t len;
	int status;

	while ((len = fread(&head, 1, LENGTH_SIZE, s->input)) == LENGTH_SIZE) {
		nr++;
		len = ntohl(head);
		if (len > size)
			return fail("%s: message %lu has %zu bytes: the channel takes at most %zu",
				    s->command, nr, len, size);
		if (fread(buf, 1, len, s->input) != len)
			return ferror(s->input) ? cannot_read(s) :
				fail("%s: the input ends within message %lu", s->command, nr);
		status = send_one(s, buf, len, "message", nr);
		if (status)
			return status;
	}
	if (ferror(s->input))
		return cannot_read(s);
	return len ? fail("%s: the input ends within a length", s->command) : STATUS_OK;
}

static int skip_lengths(const struct sending *s, unsigned long nr)
{
	uint32_t head;

	for (; nr; nr--)
		if (fread(&head, 1, LENGTH_SIZE, s->input) != LENGTH_SIZE ||
		    fseeko(s->input, (off_t)ntohl(head), SEEK_CUR))
			return fail("%s: the file has fewer messages", s->command);
	return STATUS_OK;
}

static int send_input(const struct sending *s)
{
	const size_t size = kc_elem_size(s->c);
	char *buf;
	int status;

	if (s->frames.framing == FRAME_LINES)
		return send_lines(s);
	buf = malloc(size + 1);
	if (!buf)
		return fail("%s: %s", s->command, strerror(errno));
	if (s->frames.framing == FRAME_WHOLE)
		status = send_whole(s, buf, size);
	else if (s->frames.framing == FRAME_RAW)
		status = send_raw(s, buf, size);
	else
		status = send_lengths(s, buf, size);
	free(buf);
	return status;
}

static int send_run(int argc, char **argv)
{
	struct sending s = {
		.command = "send",
		.input = stdin,
		.frames = FRAMES_OF_LINES,
		.timeout = -1,
	};
	struct place at = NO_PLACE;
	int option, status;

	while ((option = next_option(&send_command, argc, argv, options)) != -1) {
		if (take_framing(&s.frames, option))
			continue;
		switch (option) {
		case 'f':
			at.fd = descriptor_of(optarg);
			break;
		case 't':
			s.timeout = time_of(optarg);
			break;
		}
	}
	take_place(&at, argc, argv);
	if (optind < argc && s.frames.chosen)
		usage("either words, or --null, --message, --length or --raw for the input");
	status = open_channel(&s.c, &at, KC_OPEN_SEND);
	if (status)
		return status;
	drop_inherited(&at, s.c);
	status = optind < argc ? send_words(&s, argv + optind) : send_input(&s);
	kc_unref(s.c);
	return status;
}

const struct command send_command = {
	.name = "send",
	.brief = "send words, or what comes from the input",
	.help =
"Usage: kchanctl send [OPTION]... (--fd N | PATH) [WORD]...\n"
"Send each WORD, or else each line of the input, as one message. Wait while the\n"
"channel is full.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -0, --null        messages end with a zero byte, not with a newline\n"
"  -m, --message     all of the input is one message\n"
"  -l, --length      before each message, 4 bytes tell its length, the highest\n"
"                    byte first\n"
"  -r, --raw         elements of fixed size, with nothing between them\n"
"  -t, --timeout=T   wait no longer than T for each message: a number with a unit:\n"
"                    ns, us, ms, s (also without a unit), m, h\n"
"  -h, --help        show this\n"
"\n"
"If one message cannot be sent, those before it were sent, and those after it\n"
"were not: a message on standard error says which one it was.\n"
"\n"
"Example: ls *.txt | kchanctl send /run/kchan/app/jobs\n",
	.run = send_run,
};

static const struct option load_options[] = {
	{ "skip", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	OPTIONS_END
};

static int load_run(int argc, char **argv)
{
	struct sending s = {
		.command = "load",
		.frames = { .framing = FRAME_LENGTHS },
		.timeout = -1,
	};
	unsigned long skip = 0;
	const char *path;
	struct place at;
	int option, status;

	while ((option = next_option(&load_command, argc, argv, load_options)) != -1) {
		if (option == 's')
			skip = number_of(optarg, "number of messages", 0, -1UL);
		else
			s.timeout = time_of(optarg);
	}
	if (argc - optind < 2)
		usage("from which file to which channel? Say FILE CHANNEL");
	path = argv[optind];
	at = place_of(argv[optind + 1]);
	optind += 2;
	no_more(argc, argv);
	s.input = fopen(path, "re");
	if (!s.input)
		return fail("load: %s: %s", path, strerror(errno));
	status = open_channel(&s.c, &at, KC_OPEN_SEND);
	if (!status) {
		drop_inherited(&at, s.c);
		status = skip_lengths(&s, skip);
		if (!status)
			status = send_input(&s);
		kc_unref(s.c);
	}
	fclose(s.input);
	return status;
}

const struct command load_command = {
	.name = "load",
	.brief = "send what save has written to a file",
	.help =
"Usage: kchanctl load [OPTION]... FILE CHANNEL\n"
"Send each message of a file that save has written. The file stays as it is.\n"
"CHANNEL is a descriptor or the PATH of a name.\n"
"\n"
"  -s, --skip=N      without the first N messages of the file, which were sent before\n"
"  -t, --timeout=T   wait no longer than T for each message: a number with a unit:\n"
"                    ns, us, ms, s (also without a unit), m, h\n"
"  -h, --help        show this\n"
"\n"
"If a message cannot be sent, its number is told: those before it were sent.\n"
"\n"
"Example: kchanctl load /var/lib/app/jobs.saved /run/kchan/app/jobs\n",
	.run = load_run,
};
