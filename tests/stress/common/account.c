// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of elements; account.h tells what for.
 */
#include <stdlib.h>

#include "account.h"

static uint64_t check_of(const struct tag *tag)
{
	return ((uint64_t)tag->sender << 32 | tag->number) * 0x9e3779b97f4a7c15;
}

struct account *account_open(unsigned int senders)
{
	struct account *a;

	a = shared_pages(sizeof(*a) + senders * sizeof(a->sender[0]));
	a->senders = senders;
	return a;
}

struct tag account_next(struct account *a, unsigned int sender)
{
	struct tag tag = {
		.sender = sender,
		.number = atomic_load(&a->sender[sender].sent),
	};

	tag.check = check_of(&tag);
	return tag;
}

uint32_t account_len(const struct tag *tag, bool message, uint32_t size)
{
	if (!message)
		return size;
	return sizeof(*tag) + check_of(tag) % (size - sizeof(*tag) + 1);
}

void account_fill(void *buf, uint32_t len, const struct tag *tag)
{
	memcpy(buf, tag, sizeof(*tag));
	fill((char *)buf + sizeof(*tag), len - sizeof(*tag), tag->check);
}

bool account_sent(struct account *a, unsigned int sender)
{
	return atomic_fetch_add(&a->sender[sender].sent, 1) + 1 < ACCOUNT_MOST;
}

struct tag account_received(struct account *a, const void *data, uint32_t got,
			    bool message, uint32_t size)
{
	atomic_uint *word;
	struct tag tag;
	uint32_t bit;

	must(got >= sizeof(tag));
	memcpy(&tag, data, sizeof(tag));
	must(tag.check == check_of(&tag));
	must(tag.sender < a->senders && tag.number < ACCOUNT_MOST);
	must_int(got, account_len(&tag, message, size));
	must(filled((const char *)data + sizeof(tag), got - sizeof(tag),
		    tag.check));
	word = &a->sender[tag.sender].received[tag.number / 32];
	bit = 1U << tag.number % 32;
	must(!(atomic_fetch_or(word, bit) & bit));
	return tag;
}

static unsigned int check_sender(struct account_sender *s)
{
	unsigned int sent = atomic_load(&s->sent), got = 0, beyond = 0;

	for (unsigned int n = 0; n < ACCOUNT_MOST / 32; n++) {
		unsigned int bits = atomic_load(&s->received[n]);

		got += (unsigned int)__builtin_popcount(bits);
		if (n * 32 >= sent)
			beyond |= bits;
		else if (sent - n * 32 < 32)
			beyond |= bits >> (sent - n * 32);
	}
	/* So many as were sent, and none that was not: each of them. */
	expect_int(got, sent);
	expect_int(beyond, 0);
	return sent;
}

unsigned long account_check(struct account *a)
{
	unsigned long sent = 0;

	for (unsigned int i = 0; i < a->senders; i++) {
		tap_about("what %u has sent", i);
		sent += check_sender(&a->sender[i]);
	}
	tap_about("%s", "");
	return sent;
}

unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}
