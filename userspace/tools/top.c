// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl top: all channels, and what goes on there.
 *
 * A user sees the names that he may receive from. Root also sees channels that have no
 * name, and how many elements were sent, from the module's listing.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kchanctl.h"
#include "listing.h"
#include "report.h"
#include "top.h"

const struct column columns[] = {
	{ 'l', "LEN" }, { 'f', "FLIGHT" }, { 'b', "RETURNS" }, { 's', "SEND/s" },
	{ 'r', "RECV/s" }, { 'w', "WAIT" }, { 'o', "OWNER" }, { 'n', "NAME" }, { 0, NULL },
};

static void free_sample(struct sample *sample)
{
	while (sample->nr)
		free(sample->rows[--sample->nr].path);
	free(sample->rows);
	sample->rows = NULL;
}

/* One more row, or NULL. The capacity is the next power of two. */
static struct row *add_row(struct sample *sample)
{
	struct row *rows = sample->rows;

	if (!(sample->nr & (sample->nr - 1))) {
		rows = realloc(rows, (sample->nr ? sample->nr * 2 : 1) * sizeof(*rows));
		if (!rows)
			return NULL;
		sample->rows = rows;
	}
	rows += sample->nr++;
	memset(rows, 0, sizeof(*rows));
	rows->send_rate = -1;
	rows->recv_rate = -1;
	return rows;
}

static int see_name(const struct name *name, void *arg)
{
	struct top *top = arg;
	struct row *row = add_row(&top->now);

	if (row)
		row->path = strdup(name->path);
	if (!row || !row->path)
		return fail("top: %s", strerror(ENOMEM));
	row->st = *name->st;
	row->error = name->error;
	row->uid = name->st->st_uid;
	row->info = name->info;
	return STATUS_OK;
}

static struct row *find_name(const struct sample *sample, const struct listed *listed)
{
	struct row *row = sample->rows, *last = row + sample->nr;

	for (; row != last; row++)
		if (row->path && row->st.st_dev == listed->dev &&
		    row->st.st_ino == listed->ino)
			return row;
	return NULL;
}

/* Adds what the module's listing knows of a channel. */
static bool see_listed(const struct listed *listed, void *arg)
{
	struct top *top = arg;
	struct row *row = NULL;

	if (listed->ino)
		row = find_name(&top->now, listed);
	/* If some names are asked for, these are all. */
	if (!row && *top->paths)
		return true;
	if (!row)
		row = add_row(&top->now);
	if (!row)
		return false;
	if (!row->path)
		row->uid = listed->uid;
	if (!row->path || row->error)
		row->info = listed->info;
	row->error = 0;
	row->counted = true;
	row->sent = listed->sent;
	row->received = listed->received;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct row *one = a, *other = b;

	return (one->info.id > other->info.id) - (one->info.id < other->info.id);
}

/* The sample before is sorted by id. */
static void find_rates(struct top *top)
{
	const double seconds = (double)(top->now.time - top->before.time) / KC_SECOND;
	const struct row *old;
	struct row *row;

	for (row = top->now.rows; row != top->now.rows + top->now.nr; row++) {
		old = bsearch(row, top->before.rows, top->before.nr, sizeof(*row),
			      by_id);
		if (!old)
			continue;
		/* How many were received the first time, everybody who may look knows. */
		if (!row->counted && row->info.instance == old->info.instance)
			row->recv_rate = (double)(row->info.taken - old->info.taken) /
					 seconds;
		if (!row->counted || !old->counted)
			continue;
		/* What came back counts as not received, until it is once more. */
		row->send_rate = (double)(row->sent - old->sent) / seconds;
		row->recv_rate = row->received < old->received ? 0 :
				 (double)(row->received - old->received) / seconds;
	}
}

/* The larger number is first. */
static int descending(double a, double b)
{
	return (a < b) - (a > b);
}

static const struct top *sorted;

static int by_path(const struct row *a, const struct row *b)
{
	if (a->path && b->path)
		return strcmp(a->path, b->path);
	/* Those without a name are last. */
	if (!a->path && !b->path)
		return by_id(a, b);
	return a->path ? -1 : 1;
}

static int by_column(const void *one, const void *other)
{
	const struct row *a = one, *b = other;
	int ret = 0;

	switch (sorted->sort) {
	case 'l':
		ret = descending(a->info.len, b->info.len);
		break;
	case 'f':
		ret = descending(a->info.in_flight, b->info.in_flight);
		break;
	case 'b':
		ret = descending(a->info.returns, b->info.returns);
		break;
	case 's':
		ret = descending(a->send_rate, b->send_rate);
		break;
	case 'r':
		ret = descending(a->recv_rate, b->recv_rate);
		break;
	case 'w':
		ret = descending((double)a->info.send_waiters + a->info.recv_waiters,
				 (double)b->info.send_waiters + b->info.recv_waiters);
		break;
	case 'o':
		ret = (a->uid > b->uid) - (a->uid < b->uid);
		break;
	}
	if (!ret)
		ret = by_path(a, b);
	return sorted->reverse ? -ret : ret;
}

static void sort_rows(struct top *top)
{
	sorted = top;
	if (top->now.nr)
		qsort(top->now.rows, top->now.nr, sizeof(struct row), by_column);
}

void top_sort(struct top *top, char letter)
{
	top->reverse = top->sort == letter && !top->reverse;
	top->sort = letter;
	sort_rows(top);
}

int top_look(struct top *top, bool quiet)
{
	int status;

	free_sample(&top->before);
	top->before = top->now;
	if (top->before.nr)
		qsort(top->before.rows, top->before.nr, sizeof(struct row), by_id);
	top->now = (struct sample){ .time = kc_now() };
	/* Root needs no names: there is the listing. */
	status = for_each_name(top->paths, quiet || (!*top->paths && !names_mounted()),
			       see_name, top);
	if (listing_read(see_listed, NULL, top) && !*top->paths)
		status = STATUS_OK;
	else if (status && !*top->paths && !quiet && !names_mounted())
		explain_names();
	if (top->before.time)
		find_rates(top);
	sort_rows(top);
	return status;
}

void top_end(struct top *top)
{
	free_sample(&top->now);
	free_sample(&top->before);
}

/* What comes before the name in a line, in this order. */
enum field {
	LEN, CAP, FLIGHT, LEASED, DELAYED, RETURNS, SENT, RECEIVED, SEND_WAITERS,
	RECV_WAITERS, SEND_ENDS, RECV_ENDS, OWNER, STATE, NR_FIELDS
};

/* A terminal may be too narrow for all. Those of the highest rank are left out first. */
static const struct {
	const char *head;
	int width;		/* negative: aligned at the left */
	int rank;
} fields[NR_FIELDS] = {
	[LEN]		= { "LEN", 8, 0 },
	[CAP]		= { "CAP", 8, 0 },
	[FLIGHT]	= { "FLIGHT", 7, 0 },
	[LEASED]	= { "LEASED", 7, 1 },
	[DELAYED]	= { "DELAYED", 7, 1 },
	[RETURNS]	= { "RETURNS", 7, 1 },
	[SENT]		= { "SEND/s", 8, 0 },
	[RECEIVED]	= { "RECV/s", 8, 0 },
	[SEND_WAITERS]	= { "WSEND", 6, 2 },
	[RECV_WAITERS]	= { "WRECV", 6, 2 },
	[SEND_ENDS]	= { "SEND", 6, 4 },
	[RECV_ENDS]	= { "RECV", 6, 4 },
	[OWNER]		= { "OWNER", -8, 3 },
	[STATE]		= { "STATE", -6, 0 },
};

#define LAST_RANK	4
/* This much of a line is for the name. */
#define NAME_WIDTH	24

typedef char texts[NR_FIELDS][32];

static int width_of(int rank)
{
	int width = NAME_WIDTH, i;

	for (i = 0; i < NR_FIELDS; i++)
		if (fields[i].rank <= rank)
			width += abs(fields[i].width) + 1;
	return width;
}

/* Joins the fields that fit, and the name. */
static void join(char *line, size_t size, int width, texts text, const char *name)
{
	int rank = LAST_RANK, i;
	size_t len = 0;

	while (width && rank && width_of(rank) > width)
		rank--;
	for (i = 0; i < NR_FIELDS && len < size; i++)
		if (fields[i].rank <= rank)
			len += (size_t)snprintf(line + len, size - len, "%*s ",
						fields[i].width, text[i]);
	if (len < size)
		snprintf(line + len, size - len, "%s", name);
}

void top_head(char *line, size_t size, int width)
{
	texts text;
	int i;

	for (i = 0; i < NR_FIELDS; i++)
		snprintf(text[i], sizeof(text[i]), "%s", fields[i].head);
	join(line, size, width, text, "NAME");
}

static void put_count(texts text, enum field field, uint64_t count)
{
	snprintf(text[field], sizeof(text[field]), "%" PRIu64, count);
}

/* The hold of a name counts as an end that sends, and the name as one that receives. */
static void put_counts(texts text, const struct kchan_info *info)
{
	put_count(text, LEN, info->len);
	put_count(text, CAP, info->capacity);
	put_count(text, FLIGHT, info->in_flight);
	put_count(text, LEASED, info->leased);
	put_count(text, DELAYED, info->delayed);
	put_count(text, RETURNS, info->returns);
	put_count(text, SEND_WAITERS, info->send_waiters);
	put_count(text, RECV_WAITERS, info->recv_waiters);
	put_count(text, SEND_ENDS,
		  info->send_ends - !!(info->flags & KCHAN_INFO_SEND_HOLD));
	put_count(text, RECV_ENDS, info->recv_ends - !!(info->flags & KCHAN_INFO_NAMED));
}

static void put_rate(texts text, enum field field, double rate)
{
	if (rate >= 0)
		snprintf(text[field], sizeof(text[field]), rate < 100 ? "%.1f" : "%.0f",
			 rate);
}

void top_line(char *line, size_t size, int width, const struct row *row)
{
	char number[32];
	texts text;
	char *at;
	int i;

	for (i = 0; i < NR_FIELDS; i++)
		strcpy(text[i], "-");
	snprintf(text[OWNER], sizeof(text[OWNER]), "%s", user_name(row->uid));
	if (!row->error) {
		put_counts(text, &row->info);
		put_rate(text, SENT, row->send_rate);
		put_rate(text, RECEIVED, row->recv_rate);
		strcpy(text[STATE], channel_state(&row->info));
	}
	snprintf(number, sizeof(number), "channel %llu", (unsigned long long)row->info.id);
	join(line, size, width, text, row->path ? row->path : number);
	/* A name must not move the cursor, or make a second line. */
	for (at = line; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
}

static void put_table(const struct top *top)
{
	char line[4352];
	size_t i;

	top_head(line, sizeof(line), 0);
	puts(line);
	for (i = 0; i < top->now.nr; i++) {
		top_line(line, sizeof(line), 0, &top->now.rows[i]);
		puts(line);
	}
}

static void put_json(const struct top *top)
{
	const struct row *row = top->now.rows, *last = row + top->now.nr;
	struct report report;
	struct name name;

	report_begin(&report, true, true);
	for (; row != last; row++) {
		report_object(&report);
		if (row->path) {
			name = (struct name){ row->path, &row->st, row->error, row->info };
			report_name(&report, &name);
		} else {
			report_text(&report, "user", user_name(row->uid));
			report_channel(&report, &row->info);
		}
		if (row->counted) {
			report_number(&report, "sent", row->sent);
			report_number(&report, "received", row->received);
		}
		if (row->send_rate >= 0)
			report_rate(&report, "send_rate", row->send_rate);
		if (row->recv_rate >= 0)
			report_rate(&report, "recv_rate", row->recv_rate);
		report_object_end(&report);
	}
	report_end(&report);
}

static int once(struct top *top, bool json)
{
	int status = top_look(top, false), end;

	/* Rates need two looks. */
	if (!status && top->delay >= 0) {
		usleep(top->delay / KC_MICROSECOND);
		status = top_look(top, true);
	}
	if (json)
		put_json(top);
	else if (top->now.nr || !status)
		put_table(top);
	end = flush("top");
	return status ? status : end;
}

static char column_of(const char *text)
{
	const struct column *column;

	for (column = columns; column->letter; column++)
		if (!strcasecmp(text, column->name) ||
		    (text[0] == column->letter && !text[1]))
			return column->letter;
	usage("'%s' is no column to sort by: len, flight, send/s, recv/s, wait, owner, name",
	      text);
}

static const struct option options[] = {
	{ "once", no_argument, NULL, '1' },
	{ "json", no_argument, NULL, 'j' },
	{ "delay", required_argument, NULL, 'd' },
	{ "sort", required_argument, NULL, 's' },
	OPTIONS_END
};

static int top_run(int argc, char **argv)
{
	struct top top = { .delay = -1, .sort = 'l' };
	bool just_once = false, json = false;
	int option, status;

	while ((option = next_option(&top_command, argc, argv, options)) != -1) {
		switch (option) {
		case '1':
			just_once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'd':
			top.delay = time_of(optarg);
			if (top.delay < KC_MILLISECOND || top.delay > 3600 * KC_SECOND)
				usage("--delay is from 1ms to 1h");
			break;
		case 's':
			top.sort = column_of(optarg);
			break;
		}
	}
	if (json && !just_once)
		usage("--json is for --once");
	top.paths = argv + optind;
	status = just_once ? once(&top, json) : screen_run(&top);
	top_end(&top);
	return status;
}

const struct command top_command = {
	.name = "top",
	.brief = "show what goes on, on a terminal",
	.help =
"Usage: kchanctl top [OPTION]... [PATH]...\n"
"Show the channels at each PATH and below, or else all that the user may see, and\n"
"what goes on there, again and again. Root sees channels without names too, and\n"
"how many elements are sent in a second.\n"
"\n"
"  -d, --delay=T     look every T (1s): a number with a unit: ms, s, m\n"
"  -s, --sort=COLUMN len, flight, returns, send/s, recv/s, wait, owner or name\n"
"  -1, --once        write the table once; with --delay it has rates\n"
"  -j, --json        with --once: as an array of JSON, for programs\n"
"  -h, --help        show this\n"
"\n"
"LEN elements are queued, of at most CAP; FLIGHT were handed out, and may come\n"
"back: LEASED are under lease, and DELAYED wait for a retry. RETURNS tells how\n"
"often one did come back, which a drain does not count. WSEND and WRECV calls wait\n"
"to send and to receive. SEND and RECV are open ends. A narrow terminal shows fewer\n"
"columns. Keys: l f b s r w o n sort by a column, and once more in the other order;\n"
"arrows and page keys scroll; q ends it.\n"
"\n"
"Example: kchanctl top --once --json | jq '.[] | {path, len}'\n",
	.run = top_run,
};
