// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl info, kchanctl stat: what channels are and hold.
 */
#include <stdio.h>

#include "kchanctl.h"
#include "names.h"
#include "report.h"

static const struct option info_options[] = {
	FD_OPTION,
	{ "json", no_argument, NULL, 'j' },
	OPTIONS_END
};

static void tell(const struct kchan_info *info, bool json)
{
	struct report report;

	report_begin(&report, json, false);
	report_object(&report);
	report_channel(&report, info);
	report_yes_no(&report, "can_send", info->flags & KCHAN_INFO_SEND);
	report_yes_no(&report, "can_recv", info->flags & KCHAN_INFO_RECV);
	report_object_end(&report);
	report_end(&report);
}

static int info_run(int argc, char **argv)
{
	struct place at = NO_PLACE;
	struct kchan_info info;
	bool json = false;
	int option, status;
	kc_chan *c;

	while ((option = next_option(&info_command, argc, argv, info_options)) != -1) {
		if (option == 'f')
			at.fd = descriptor_of(optarg);
		else
			json = true;
	}
	take_place(&at, argc, argv);
	no_more(argc, argv);
	/*
	 * A descriptor is looked at as it is. An end of a name that is made to look must
	 * not send, or it could end the channel when it goes.
	 */
	status = open_channel(&c, &at, at.fd >= 0 ? KC_OPEN_SEND | KC_OPEN_RECV :
						    KC_OPEN_RECV);
	if (status)
		return status;
	status = get_info(&at, c, &info);
	kc_unref(c);
	if (status)
		return status;
	/* Without the end that this command has made. */
	if (at.fd < 0)
		info.recv_ends--;
	tell(&info, json);
	return flush("info");
}

const struct command info_command = {
	.name = "info",
	.brief = "tell what a channel is and holds",
	.help =
"Usage: kchanctl info [-j] (--fd N | PATH)\n"
"Tell what the channel is and holds, in lines of a key, a colon and a value.\n"
"\n"
"  -f, --fd=N        the channel on descriptor N\n"
"  -j, --json        as an object of JSON\n"
"  -h, --help        show this\n"
"\n"
"This does not change the channel. A channel with a name is opened to receive,\n"
"and this end is not counted.\n"
"\n"
"Example: kchanctl info /run/kchan/app/jobs | grep len\n",
	.run = info_run,
};

static const struct option stat_options[] = {
	{ "json", no_argument, NULL, 'j' },
	OPTIONS_END
};

static int stat_name(const struct name *name, void *arg)
{
	struct report *report = arg;

	report_object(report);
	report_name(report, name);
	report_object_end(report);
	if (name->error)
		return fail("%s: cannot look at the channel: %s", name->path,
			    kc_strerror(-name->error));
	return STATUS_OK;
}

static int stat_run(int argc, char **argv)
{
	struct report report;
	bool json = false;
	int status, end;

	while (next_option(&stat_command, argc, argv, stat_options) != -1)
		json = true;
	if (optind == argc)
		usage("which channels? Say a PATH");
	report_begin(&report, json, true);
	status = for_each_name(argv + optind, false, stat_name, &report);
	report_end(&report);
	end = flush("stat");
	return status ? status : end;
}

const struct command stat_command = {
	.name = "stat",
	.brief = "tell of names: whose they are, and their channels",
	.help =
"Usage: kchanctl stat [-j] PATH...\n"
"Tell of each name: its mode and owner, and what its channel is and holds. Of a\n"
"directory, tell of the names in it and below.\n"
"\n"
"  -j, --json        as an array of JSON, with an object for each name\n"
"  -h, --help        show this\n"
"\n"
"Who may not receive from a channel cannot see what it holds.\n"
"\n"
"Example: kchanctl stat --json /run/kchan/app | jq '.[] | .len'\n",
	.run = stat_run,
};
