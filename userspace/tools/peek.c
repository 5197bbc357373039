// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl peek: what is queued, without taking it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kchanctl.h"
#include "report.h"

/* The kernel gives no more in one call. */
#define MOST_ELEMENTS	64
#define MOST_BYTES	(64 << 10)

static const struct option options[] = {
	FD_OPTION,
	{ "count", required_argument, NULL, 'n' },
	{ "null", no_argument, NULL, '0' },
	{ "length", no_argument, NULL, 'l' },
	{ "raw", no_argument, NULL, 'r' },
	{ "json", no_argument, NULL, 'j' },
	OPTIONS_END
};

enum form { FORM_LINES, FORM_NULL, FORM_LENGTHS, FORM_RAW, FORM_JSON };

static void put_element(struct report *report, enum form form,
			const struct kchan_peeked *element, const char *data)
{
	const uint32_t head = htonl(element->len);

	if (form == FORM_JSON) {
		report_object(report);
		report_number(report, "number", element->number);
		report_number(report, "returns", element->returns);
		report_number(report, "len", element->len);
		report_bytes(report, "data", data, element->len);
		report_object_end(report);
		return;
	}
	if (form == FORM_LENGTHS)
		fwrite(&head, 1, LENGTH_SIZE, stdout);
	fwrite(data, 1, element->len, stdout);
	if (form == FORM_LINES || form == FORM_NULL)
		putchar(form == FORM_LINES ? '\n' : '\0');
}

static void put_elements(enum form form, const char *buf, uint32_t nr)
{
	struct kchan_peeked element;
	struct report report;

	report_begin(&report, form == FORM_JSON, true);
	for (; nr; nr--) {
		memcpy(&element, buf, sizeof(element));
		put_element(&report, form, &element, buf + sizeof(element));
		buf += element.size;
	}
	report_end(&report);
}

static int peek(const struct place *at, kc_chan *c, enum form form, unsigned long count)
{
	const size_t size = (size_t)kc_elem_size(c) + sizeof(struct kchan_peeked) + 7;
	struct kchan_peek request = {
		.len = (uint32_t)(size > MOST_BYTES ? size : MOST_BYTES),
		.peeked_size = sizeof(struct kchan_peeked),
	};
	char *buf = malloc(request.len);
	int status = STATUS_OK;

	if (!buf)
		return fail("peek: %s", strerror(errno));
	request.addr = (uintptr_t)buf;
	if (ioctl(kc_fd(c), KCHAN_IOC_PEEK, &request) >= 0) {
		put_elements(form, buf, request.nr < count ? request.nr : (uint32_t)count);
		status = flush("peek");
	} else if (errno == EPERM) {
		status = fail("peek: %s: only the owner may look at what is queued",
			      place_name(at));
	} else {
		status = fail("peek: %s: %s", place_name(at), kc_strerror(-errno));
	}
	free(buf);
	return status;
}

static int peek_run(int argc, char **argv)
{
	unsigned long count = MOST_ELEMENTS;
	enum form form = FORM_LINES;
	struct place at = NO_PLACE;
	int option, status;
	kc_chan *c;

	while ((option = next_option(&peek_command, argc, argv, options)) != -1) {
		switch (option) {
		case 'f':
			at.fd = descriptor_of(optarg);
			break;
		case 'n':
			count = number_of(optarg, "count", 1, -1UL);
			break;
		case '0':
			form = FORM_NULL;
			break;
		case 'l':
			form = FORM_LENGTHS;
			break;
		case 'r':
			form = FORM_RAW;
			break;
		case 'j':
			form = FORM_JSON;
			break;
		}
	}
	take_place(&at, argc, argv);
	no_more(argc, argv);
	status = open_channel(&c, &at, KC_OPEN_RECV);
	if (status)
		return status;
	status = peek(&at, c, form, count);
	kc_unref(c);
	return status;
}

const struct command peek_command = {
	.name = "peek",
	.brief = "show the oldest messages, without taking them",
	.help =
"Usage: kchanctl peek [OPTION]... (--fd N | PATH)\n"
"Write the oldest messages that are queued, each as a line, and leave them there. At\n"
"most 64 are shown. Only the owner of the channel may do that.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -n, --count=N     at most N messages\n"
"  -0, --null        a zero byte after each message, not a newline\n"
"  -l, --length      the length of each message before it, in 4 bytes, the highest\n"
"                    byte first\n"
"  -r, --raw         nothing between them\n"
"  -j, --json        as an array of JSON: with the number of each message, and how\n"
"                    often it came back\n"
"  -h, --help        show this\n"
"\n"
"Example: kchanctl peek -n 1 --json /run/kchan/app/dead\n",
	.run = peek_run,
};
