// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl ls: a table of the names.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kchanctl.h"
#include "names.h"
#include "report.h"

static const struct option ls_options[] = {
	{ "long", no_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'j' },
	OPTIONS_END
};

struct table {
	bool details;
	bool head;		/* the head was written */
};

/* Ends without the name, which counts as one. */
static void put_details(const struct name *name)
{
	const struct kchan_info *info = &name->info;
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", name->st->st_mode & 07777);
	printf("%-5s %-8s %-8s ", mode, user_name(name->st->st_uid),
	       group_name(name->st->st_gid));
	if (name->error)
		printf("%-7s %8s %7s %7s %7s %7s ", "-", "-", "-", "-", "-", "-");
	else
		printf("%-7s %8u %7u %7u %7u %7u ",
		       info->flags & KCHAN_INFO_MESSAGE ? "message" : "fixed",
		       info->elem_size,
		       info->send_ends - !!(info->flags & KCHAN_INFO_SEND_HOLD),
		       info->recv_ends - !!(info->flags & KCHAN_INFO_NAMED),
		       info->send_waiters, info->recv_waiters);
}

static void put_head(const struct table *table)
{
	if (table->details)
		printf("%-5s %-8s %-8s %-7s %8s %7s %7s %7s %7s ", "MODE", "USER",
		       "GROUP", "KIND", "SIZE", "SEND", "RECV", "WSEND", "WRECV");
	printf("%8s %8s %8s %-6s %s\n", "LEN", "CAP", "FLIGHT", "STATE", "NAME");
}

static int put_row(const struct name *name, void *arg)
{
	const struct kchan_info *info = &name->info;
	struct table *table = arg;
	const char *at;

	if (!table->head)
		put_head(table);
	table->head = true;
	if (table->details)
		put_details(name);
	if (name->error)
		printf("%8s %8s %8s %-6s ", "-", "-", "-", "-");
	else
		printf("%8u %8u %8u %-6s ", info->len, info->capacity,
		       info->in_flight, channel_state(info));
	/* A name must not move the cursor, or make a second line. */
	for (at = name->path; *at; at++)
		putchar(iscntrl((unsigned char)*at) ? '?' : *at);
	putchar('\n');
	return STATUS_OK;
}

static int put_object(const struct name *name, void *arg)
{
	struct report *report = arg;

	report_object(report);
	report_name(report, name);
	report_object_end(report);
	return STATUS_OK;
}

static int ls_run(int argc, char **argv)
{
	struct table table = { 0 };
	struct report report;
	bool json = false;
	int option, status, end;

	while ((option = next_option(&ls_command, argc, argv, ls_options)) != -1) {
		if (option == 'j')
			json = true;
		else
			table.details = true;
	}
	if (json) {
		report_begin(&report, true, true);
		status = for_each_name(argv + optind, false, put_object, &report);
		report_end(&report);
	} else {
		status = for_each_name(argv + optind, false, put_row, &table);
	}
	end = flush("ls");
	return status ? status : end;
}

const struct command ls_command = {
	.name = "ls",
	.brief = "list the channels that have names",
	.help =
"Usage: kchanctl ls [-l] [-j] [PATH]...\n"
"List the names at each PATH and below; without one, all names that there are.\n"
"\n"
"  -l, --long        with the mode, the owner, the kind and the size of elements,\n"
"                    the open ends that send and receive, and the calls that wait\n"
"                    to send and to receive\n"
"  -j, --json        all of this, as an array of JSON\n"
"  -h, --help        show this\n"
"\n"
"LEN elements are queued, of at most CAP; FLIGHT were handed out, and may come\n"
"back. STATE is open; closed, while elements are left; or ended. What only the\n"
"owner and those who may receive can see is \"-\" for others.\n"
"\n"
"Example: kchanctl ls -l /run/kchan/app\n",
	.run = ls_run,
};
