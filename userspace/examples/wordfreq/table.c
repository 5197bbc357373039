// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words and their numbers of occurrences; byte strings that grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wordfreq.h"

#define FIRST_SIZE	1024

/* FNV-1a */
static uint32_t hash_of(const char *word, size_t len)
{
	uint32_t hash = 2166136261;

	while (len--)
		hash = (hash ^ (unsigned char)*word++) * 16777619;
	return hash;
}

/* Returns the word's entry, or the free entry for it. */
static struct entry *find(const struct table *t, const char *word, size_t len,
			  uint32_t hash)
{
	size_t i = hash & (t->size - 1);
	struct entry *e;

	for (;; i = (i + 1) & (t->size - 1)) {
		e = &t->entries[i];
		if (!e->count)
			return e;
		if (e->hash == hash && e->len == len &&
		    !memcmp(t->text + e->at, word, len))
			return e;
	}
}

static void enlarge(struct table *t)
{
	struct entry *old = t->entries;
	size_t i, j, old_size = t->size;

	t->size = old_size ? 2 * old_size : FIRST_SIZE;
	t->entries = calloc(t->size, sizeof(*t->entries));
	if (!t->entries)
		die("%s", strerror(errno));
	for (i = 0; i < old_size; i++) {
		if (!old[i].count)
			continue;
		j = old[i].hash & (t->size - 1);
		while (t->entries[j].count)
			j = (j + 1) & (t->size - 1);
		t->entries[j] = old[i];
	}
	free(old);
}

void table_add(struct table *t, const char *word, size_t len, uint64_t count)
{
	const uint32_t hash = hash_of(word, len);
	struct entry *e;

	if (2 * t->used >= t->size)
		enlarge(t);
	e = find(t, word, len, hash);
	if (!e->count) {
		if (t->text_size - t->text_len < len) {
			t->text_size = 2 * t->text_size + len;
			t->text = grow(t->text, t->text_size);
		}
		memcpy(t->text + t->text_len, word, len);
		e->at = t->text_len;
		e->len = len;
		e->hash = hash;
		t->text_len += len;
		t->used++;
	}
	e->count += count;
}

void table_clear(struct table *t)
{
	if (t->used)
		memset(t->entries, 0, t->size * sizeof(*t->entries));
	t->used = 0;
	t->text_len = 0;
}

void table_free(struct table *t)
{
	free(t->entries);
	free(t->text);
}

static int compare(const void *pa, const void *pb, void *text)
{
	const struct entry *a = pa, *b = pb;
	int order;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = memcmp((char *)text + a->at, (char *)text + b->at,
		       a->len < b->len ? a->len : b->len);
	if (order)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

void table_sort(struct table *t)
{
	size_t i, to = 0;

	for (i = 0; i < t->size; i++)
		if (t->entries[i].count)
			t->entries[to++] = t->entries[i];
	if (to)
		qsort_r(t->entries, to, sizeof(*t->entries), compare, t->text);
}

void bytes_add(struct bytes *b, const char *from, size_t len)
{
	if (b->size - b->len < len) {
		b->size = 2 * b->size + len;
		b->at = grow(b->at, b->size);
	}
	memcpy(b->at + b->len, from, len);
	b->len += len;
}

void bytes_free(struct bytes *b)
{
	free(b->at);
}

void *grow(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		die("%s", strerror(errno));
	return p;
}
