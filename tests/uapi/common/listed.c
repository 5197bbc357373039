// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing. A line is a word and key=value pairs, each divided from the next by
 * one space.
 */
#include <stdio.h>
#include <stdlib.h>

#include "listed.h"

void listing_or_skip(void)
{
	if (geteuid())
		tap_skip("needs root");
	if (access(DEBUG "/sched", F_OK) && access(DEBUG "/kmemleak", F_OK) &&
	    access(DEBUG "/kchan", F_OK))
		tap_skip("no debugfs");
}

/* Takes "KEY=VALUE" and the space or newline behind it off the line. */
static char *take_text(char **line, const char *key)
{
	size_t len = strlen(key);
	char *value;

	if (strncmp(*line, key, len) || (*line)[len] != '=')
		return NULL;
	value = *line + len + 1;
	*line = value + strcspn(value, " \n");
	if (**line)
		*(*line)++ = '\0';
	return value;
}

static bool take(char **line, const char *key, uint64_t *number)
{
	char *text = take_text(line, key), *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	*number = strtoull(text, &end, 10);
	return !*end;
}

static bool take_u32(char **line, const char *key, uint32_t *number)
{
	uint64_t value;

	if (!take(line, key, &value) || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* The types of the two have the same width, and not always the same name. */
static bool set_counts(struct kchan_info *info, uint64_t taken, uint64_t settled,
		       uint64_t dropped, uint64_t returns)
{
	info->taken = taken;
	info->settled = settled;
	info->dropped = dropped;
	info->returns = returns;
	return true;
}

static bool parse_channel(struct listed *c, char *line)
{
	uint64_t taken = 0, settled = 0, dropped = 0, returns = 0;
	char *flags, *name;

	memset(c, 0, sizeof(*c));
	if (strncmp(line, "channel ", 8))
		return false;
	line += 8;
	if (!take(&line, "id", &c->id) || !take_u32(&line, "uid", &c->uid))
		return false;
	flags = take_text(&line, "flags");
	if (!flags || strlen(flags) >= sizeof(c->flags))
		return false;
	strcpy(c->flags, flags);
	name = strstr(line, " name=");
	if (name) {
		*name++ = '\0';
		name = take_text(&name, "name");
		if (!name || strlen(name) >= sizeof(c->name))
			return false;
		strcpy(c->name, name);
	}
	return take_u32(&line, "elem_size", &c->info.elem_size) &&
	       take_u32(&line, "capacity", &c->info.capacity) &&
	       take_u32(&line, "len", &c->info.len) &&
	       take_u32(&line, "in_flight", &c->info.in_flight) &&
	       take(&line, "sent", &c->sent) &&
	       take(&line, "received", &c->received) &&
	       take(&line, "send_waits", &c->send_waits) &&
	       take(&line, "recv_waits", &c->recv_waits) &&
	       take_u32(&line, "send_ends", &c->info.send_ends) &&
	       take_u32(&line, "recv_ends", &c->info.recv_ends) &&
	       take_u32(&line, "send_waiters", &c->info.send_waiters) &&
	       take_u32(&line, "recv_waiters", &c->info.recv_waiters) &&
	       take_u32(&line, "polled", &c->polled) &&
	       take_u32(&line, "map_pid", &c->info.map_pid) &&
	       take_u32(&line, "leased", &c->info.leased) &&
	       take_u32(&line, "delayed", &c->info.delayed) &&
	       take(&line, "taken", &taken) && take(&line, "settled", &settled) &&
	       take(&line, "dropped", &dropped) && take(&line, "returns", &returns) &&
	       set_counts(&c->info, taken, settled, dropped, returns) && !*line;
}

static bool parse_waiter(struct listed_waiter *w, char *line)
{
	uint32_t tid, pid;
	char *text;

	if (strncmp(line, "\twaiter ", 8))
		return false;
	line += 8;
	text = take_text(&line, "op");
	if (!text || (strcmp(text, "send") && strcmp(text, "recv")))
		return false;
	w->send = *text == 's';
	if (!take_u32(&line, "tid", &tid) || !take_u32(&line, "pid", &pid) ||
	    !take(&line, "ms", &w->ms))
		return false;
	w->tid = (int)tid;
	w->pid = (int)pid;
	text = take_text(&line, "comm");
	if (!text || *line || strlen(text) >= sizeof(w->comm))
		return false;
	strcpy(w->comm, text);
	return true;
}

static bool parse_elem(struct listed_elem *e, char *line)
{
	char *left;

	e->leased = !strncmp(line, "\tlease ", 7);
	if (!e->leased && strncmp(line, "\tdelayed ", 9))
		return false;
	line = strchr(line, ' ') + 1;
	if (!take(&line, "number", &e->number) || !take(&line, "returns", &e->returns))
		return false;
	left = line;
	e->for_ever = !strncmp(left, "left_ms=-", 9);
	if (e->for_ever)
		take_text(&line, "left_ms");
	else if (!take(&line, "left_ms", &e->left_ms))
		return false;
	return (!e->leased || take(&line, "read", &e->read)) && !*line;
}

/* Not more than the channel counts, in the order of their numbers. */
static void check_elems(const struct listed *c)
{
	uint32_t leased = 0;

	for (size_t i = 0; i < c->nr_elems; i++) {
		leased += c->elems[i].leased;
		must(!i || c->elems[i - 1].number < c->elems[i].number);
	}
	must_int(leased, c->info.leased);
	must_int(c->nr_elems, c->info.leased + c->info.delayed);
}

int listing_open(void)
{
	int fd = open(LISTING, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	return fd;
}

void listing_read_text(struct listing *l, int fd, size_t chunk)
{
	size_t room = 0;
	ssize_t got;

	l->text = NULL;
	l->size = 0;
	do {
		if (room < l->size + chunk + 1) {
			room = 2 * (l->size + chunk + 1);
			l->text = realloc(l->text, room);
			must(l->text);
		}
		got = read(fd, l->text + l->size, chunk);
		must(got >= 0);
		l->size += (size_t)got;
	} while (got);
	l->text[l->size] = '\0';
}

void listing_parse(struct listing *l)
{
	size_t lines = 0, i, k, waiters = 0, elems = 0;
	struct listed_waiter *w;
	struct listed_elem *e;
	char *at, *next, *copy;

	for (at = l->text; *at; at++)
		lines += *at == '\n';
	copy = strdup(l->text);
	l->channels = calloc(lines + 1, sizeof(*l->channels));
	w = calloc(lines + 1, sizeof(*w));
	e = calloc(lines + 1, sizeof(*e));
	must(copy && l->channels && w && e);
	l->count = 0;
	for (at = copy; *at; at = next) {
		struct listed *c = &l->channels[l->count];
		char shown[200];

		next = strchr(at, '\n');
		must(next);
		*next++ = '\0';
		snprintf(shown, sizeof(shown), "%s", at);
		if (parse_channel(c, at)) {
			c->waiters = &w[waiters];
			c->elems = &e[elems];
			l->count++;
			continue;
		}
		if (l->count && parse_waiter(&w[waiters], at)) {
			c[-1].nr_waiters++;
			waiters++;
			continue;
		}
		if (l->count && parse_elem(&e[elems], at)) {
			c[-1].nr_elems++;
			elems++;
			continue;
		}
		tap_note("not understood: %s", shown);
		must(!"a line that is understood");
	}
	free(copy);
	for (i = 0; i < l->count; i++) {
		struct listed *c = &l->channels[i];

		must_int(c->nr_waiters,
			 c->info.send_waiters + c->info.recv_waiters);
		/* Senders come first. */
		for (k = 0; k < c->nr_waiters; k++)
			must_int(c->waiters[k].send, k < c->info.send_waiters);
		check_elems(c);
	}
	if (!l->count) {
		free(w);
		free(e);
	}
}

void listing_free(struct listing *l)
{
	if (l->count) {
		free(l->channels[0].waiters);
		free(l->channels[0].elems);
	}
	free(l->channels);
	free(l->text);
}

void listing_read(struct listing *l)
{
	int fd = listing_open();

	listing_read_text(l, fd, 65536);
	close(fd);
	listing_parse(l);
}

unsigned int listing_find(struct listing *l, uint64_t id, struct listed **found)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (l->channels[i].id != id)
			continue;
		*found = &l->channels[i];
		count++;
	}
	return count;
}

struct listed *listing_must_find(struct listing *l, int fd)
{
	struct listed *found = NULL;

	must_int(listing_find(l, chan_info(fd).id, &found), 1);
	return found;
}
