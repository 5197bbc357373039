// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of commands: data, as text or as JSON.
 */
#include <stdio.h>
#include <string.h>

#include "report.h"

/*
 * The length of the character of UTF-8 at @text, or 0 if these bytes are none. It is
 * none if it is longer than needed, a surrogate, or over U+10FFFF.
 */
static size_t utf8(const unsigned char *text, size_t left)
{
	size_t len = *text < 0x80 ? 1 : *text < 0xc2 ? 0 : *text < 0xe0 ? 2 :
		     *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
	size_t i;

	if (len > left)
		return 0;
	for (i = 1; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

/* Data may have any bytes, and JSON may not: what is no character is U+FFFD. */
static void put_json(const char *value, size_t left)
{
	const unsigned char *at = (const unsigned char *)value;
	size_t len;

	putchar('"');
	for (; left; at += len, left -= len) {
		len = utf8(at, left);
		if (!len) {
			fputs("\\ufffd", stdout);
			len = 1;
		} else if (*at < 0x20 || *at == 0x7f) {
			printf("\\u%04x", *at);
		} else {
			if (*at == '"' || *at == '\\')
				putchar('\\');
			fwrite(at, 1, len, stdout);
		}
	}
	putchar('"');
}

void report_begin(struct report *report, bool json, bool list)
{
	memset(report, 0, sizeof(*report));
	report->json = json;
	report->list = list;
	if (json && list)
		putchar('[');
}

void report_end(struct report *report)
{
	if (report->json && report->list)
		fputs(report->objects ? "\n]\n" : "]\n", stdout);
}

void report_object(struct report *report)
{
	if (report->json && report->list)
		fputs(report->objects ? ",\n" : "\n", stdout);
	else if (report->objects)
		putchar('\n');
	if (report->json)
		putchar('{');
	report->objects++;
	report->values = 0;
}

void report_object_end(struct report *report)
{
	if (report->json)
		fputs(report->list ? "}" : "}\n", stdout);
}

static void put_key(struct report *report, const char *key)
{
	if (!report->json) {
		printf("%s: ", key);
		return;
	}
	if (report->values++)
		fputs(", ", stdout);
	printf("\"%s\": ", key);
}

static void end_value(const struct report *report)
{
	if (!report->json)
		putchar('\n');
}

void report_bytes(struct report *report, const char *key, const char *value, size_t len)
{
	put_key(report, key);
	if (report->json)
		put_json(value, len);
	else
		fwrite(value, 1, len, stdout);
	end_value(report);
}

void report_text(struct report *report, const char *key, const char *value)
{
	report_bytes(report, key, value, strlen(value));
}

void report_number(struct report *report, const char *key, unsigned long long value)
{
	put_key(report, key);
	printf("%llu", value);
	end_value(report);
}

void report_rate(struct report *report, const char *key, double value)
{
	put_key(report, key);
	printf("%.1f", value);
	end_value(report);
}

void report_yes_no(struct report *report, const char *key, bool value)
{
	put_key(report, key);
	if (report->json)
		fputs(value ? "true" : "false", stdout);
	else
		fputs(value ? "yes" : "no", stdout);
	end_value(report);
}

const char *channel_state(const struct kchan_info *info)
{
	if (!(info->flags & KCHAN_INFO_CLOSED))
		return "open";
	return info->len || info->in_flight ? "closed" : "ended";
}

void report_channel(struct report *report, const struct kchan_info *info)
{
	report_number(report, "id", info->id);
	report_text(report, "mode",
		    info->flags & KCHAN_INFO_MESSAGE ? "message" : "fixed");
	report_number(report, "elem_size", info->elem_size);
	report_number(report, "capacity", info->capacity);
	report_number(report, "len", info->len);
	report_number(report, "in_flight", info->in_flight);
	report_number(report, "leased", info->leased);
	report_number(report, "delayed", info->delayed);
	report_yes_no(report, "closed", info->flags & KCHAN_INFO_CLOSED);
	report_yes_no(report, "mapped", info->flags & KCHAN_INFO_MAPPED);
	report_number(report, "map_pid", info->map_pid);
	report_yes_no(report, "broken", info->flags & KCHAN_INFO_BROKEN);
	report_yes_no(report, "named", info->flags & KCHAN_INFO_NAMED);
	report_yes_no(report, "send_hold", info->flags & KCHAN_INFO_SEND_HOLD);
	report_number(report, "send_ends", info->send_ends);
	report_number(report, "recv_ends", info->recv_ends);
	report_number(report, "send_waiters", info->send_waiters);
	report_number(report, "recv_waiters", info->recv_waiters);
	report_number(report, "taken", info->taken);
	report_number(report, "settled", info->settled);
	report_number(report, "dropped", info->dropped);
	report_number(report, "returns", info->returns);
}

void report_name(struct report *report, const struct name *name)
{
	char mode[8];

	report_text(report, "path", name->path);
	snprintf(mode, sizeof(mode), "%04o", name->st->st_mode & 07777);
	report_text(report, "permissions", mode);
	report_text(report, "user", user_name(name->st->st_uid));
	report_text(report, "group", group_name(name->st->st_gid));
	if (name->error)
		report_text(report, "error", strerror(name->error));
	else
		report_channel(report, &name->info);
}
