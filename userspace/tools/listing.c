// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: the module's listing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "listing.h"

#define LISTING	"/sys/kernel/debug/kchan/channels"

/* What follows " key=" in a line, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	const size_t len = strlen(key);

	while ((line = strchr(line, ' '))) {
		line++;
		if (!strncmp(line, key, len) && line[len] == '=')
			return line + len + 1;
	}
	return NULL;
}

static unsigned long long number(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

static uint32_t flags_of(const char *line)
{
	static const struct {
		const char *word;
		uint32_t flag;
	} words[] = {
		{ "message", KCHAN_INFO_MESSAGE }, { "fixed", KCHAN_INFO_FIXED },
		{ "closed", KCHAN_INFO_CLOSED }, { "named", KCHAN_INFO_NAMED },
		{ "send-hold", KCHAN_INFO_SEND_HOLD },
		{ "mapped", KCHAN_INFO_MAPPED }, { "broken", KCHAN_INFO_BROKEN },
	};
	const char *at = value_of(line, "flags");
	uint32_t flags = 0;
	size_t i, len;

	while (at && *at && *at != ' ') {
		len = strcspn(at, ", ");
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i].word) == len &&
			    !strncmp(at, words[i].word, len))
				flags |= words[i].flag;
		at += len;
		at += *at == ',';
	}
	return flags;
}

static void parse_channel(struct listed *listed, const char *line)
{
	struct kchan_info *info = &listed->info;
	unsigned int major, minor;
	unsigned long ino;
	const char *name;

	memset(listed, 0, sizeof(*listed));
	info->id = number(line, "id");
	info->flags = flags_of(line);
	info->elem_size = number(line, "elem_size");
	info->capacity = number(line, "capacity");
	info->len = number(line, "len");
	info->in_flight = number(line, "in_flight");
	info->leased = number(line, "leased");
	info->delayed = number(line, "delayed");
	info->taken = number(line, "taken");
	info->settled = number(line, "settled");
	info->dropped = number(line, "dropped");
	info->returns = number(line, "returns");
	info->send_ends = number(line, "send_ends");
	info->recv_ends = number(line, "recv_ends");
	info->send_waiters = number(line, "send_waiters");
	info->recv_waiters = number(line, "recv_waiters");
	info->map_pid = number(line, "map_pid");
	listed->uid = number(line, "uid");
	listed->sent = number(line, "sent");
	listed->received = number(line, "received");
	name = value_of(line, "name");
	if (name && sscanf(name, "%u:%u:%lu", &major, &minor, &ino) == 3) {
		listed->dev = makedev(major, minor);
		listed->ino = ino;
	}
}

static void parse_waiter(struct listed_waiter *waiter, uint64_t channel,
			 const char *line)
{
	const char *op = value_of(line, "op");

	waiter->channel = channel;
	waiter->send = op && !strncmp(op, "send", 4);
	waiter->tid = number(line, "tid");
	waiter->pid = number(line, "pid");
	waiter->ms = number(line, "ms");
}

bool listing_read(bool (*channel)(const struct listed *listed, void *arg),
		  bool (*waiter)(const struct listed_waiter *waiter, void *arg),
		  void *arg)
{
	FILE *file = fopen(LISTING, "re");
	struct listed_waiter waits;
	struct listed listed = { 0 };
	bool more = true;
	size_t size = 0;
	char *line = NULL;

	if (!file)
		return false;
	while (more && getline(&line, &size, file) > 0) {
		if (!strncmp(line, "channel ", 8)) {
			parse_channel(&listed, line);
			if (channel)
				more = channel(&listed, arg);
		} else if (waiter && !strncmp(line, "\twaiter ", 8)) {
			parse_waiter(&waits, listed.info.id, line);
			more = waiter(&waits, arg);
		}
	}
	free(line);
	fclose(file);
	return true;
}
