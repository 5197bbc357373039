// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage: the layout of slots, and rings of them.
 */
#include <kunit/test.h>
#include <linux/err.h>

#include "harness.h"
#include "limits.h"
#include "ring.h"

static void ring_stride(struct kunit *test)
{
	static const struct {
		u32 elem_size;
		u32 stride;
	} layouts[] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 7, 7 },
		{ 8, 8 },
		{ PAGE_SIZE - 1, PAGE_SIZE - 1 },
		{ PAGE_SIZE, PAGE_SIZE },
		/* A pointer is stored. */
		{ PAGE_SIZE + 1, sizeof(void *) },
		{ KCHAN_MAX_ELEM_SIZE, sizeof(void *) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++)
		KUNIT_EXPECT_EQ(test, kchan_ring_stride(layouts[i].elem_size),
				layouts[i].stride);
}

/*
 * A ring takes no more memory than its slots have bytes, and a header: the lengths of
 * messages do not push slots of a power of two into twice as much.
 */
static void ring_size(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_ring *ring = kchan_ring_alloc(ch->user, 64, 16, true);

	KUNIT_ASSERT_FALSE(test, IS_ERR(ring));
	KUNIT_EXPECT_LE(test, ring->charged, 1024 + 256);
	kchan_ring_free(ring, ch->user);
	ring = kchan_ring_alloc(ch->user, 4096, 16, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ring));
	KUNIT_EXPECT_LE(test, ring->charged, 65536 + 256);
	kchan_ring_free(ring, ch->user);
	KUNIT_EXPECT_EQ(test, kchan_ring_bytes(4096, 16, true), 65536 + 16 * sizeof(u32));
	KUNIT_EXPECT_EQ(test, kchan_ring_bytes(4096, 16, false), 65536);
}

/* Every slot is separate from the others, and inside the ring. */
static void ring_slots(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_ring *ring = kchan_ring_alloc(ch->user, 16, 3, false);
	unsigned int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(ring));
	KUNIT_EXPECT_EQ(test, ring->len, 0);
	KUNIT_EXPECT_EQ(test, ring->charged,
			kchan_mem_size(sizeof(*ring)) + kchan_mem_size(48));
	KUNIT_EXPECT_EQ(test, ring->prepaid, 0);
	for (i = 0; i < 3; i++) {
		u8 *slot = kchan_ring_slot(ring, kchan_ring_tail(ring));

		KUNIT_EXPECT_PTR_EQ(test, slot, ring->slots + 16 * i);
		memset(slot, i, 16);
		kchan_ring_push(ring, 1);
		KUNIT_EXPECT_EQ(test, ring->len, i + 1);
	}
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, *(u8 *)kchan_ring_slot(ring, ring->head), i);
		kchan_ring_pop(ring, 1);
	}
	KUNIT_EXPECT_EQ(test, ring->len, 0);
	kchan_ring_free(ring, ch->user);
}

/* Head and tail go around, whatever lies between. */
static void ring_wraps(struct kunit *test)
{
	u32 nr_slots, fill;

	for (nr_slots = 1; nr_slots <= 5; nr_slots++) {
		for (fill = 1; fill <= nr_slots; fill++) {
			struct kchan *ch = kt_chan(test, 8, nr_slots);
			u64 in = 0, out = 0;

			while (in < fill)
				KUNIT_EXPECT_EQ(test, kt_send_n(ch, in++), 0);
			while (out < 4 * nr_slots) {
				KUNIT_EXPECT_EQ(test, kt_recv_n(ch), out++);
				KUNIT_EXPECT_EQ(test, kt_send_n(ch, in++), 0);
			}
			kt_check(test, ch);
		}
	}
}

/* Message lengths that are no multiple of the slot's alignment. */
static void ring_wraps_messages(struct kunit *test)
{
	struct kchan *ch = kt_message_chan(test, 21, 3);
	u8 buf[21];
	unsigned int i;

	for (i = 0; i < 100; i++) {
		const size_t len = 1 + i % 21;

		kt_fill(buf, len, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, len), len);
		if (i < 2)
			continue;
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf, sizeof(buf)),
				1 + (i - 2) % 21);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf, 1 + (i - 2) % 21, i - 2));
	}
	kt_check(test, ch);
}

static void ring_elem(struct kunit *test)
{
	static const u32 sizes[] = { 0, 1, 129, PAGE_SIZE, 100 << 10 };
	struct kchan *ch = kt_raw_chan(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kchan_elem *elem = kchan_elem_alloc(ch, sizes[i]);

		KUNIT_ASSERT_FALSE(test, IS_ERR(elem));
		KUNIT_EXPECT_EQ(test, elem->len, sizes[i]);
		KUNIT_EXPECT_EQ(test, (unsigned long)elem->data % 8, 0);
		memset(elem->data, 0xff, sizes[i]);
		kchan_elem_free(ch, elem);
	}
	kchan_elem_free(ch, NULL);
}

/* A ring that cannot be allocated charges nothing. */
static void ring_too_large(struct kunit *test)
{
	struct kchan *ch = kt_raw_chan(test);
	struct kchan_ring *ring;

	ring = kchan_ring_alloc(ch->user, PAGE_SIZE, KCHAN_MAX_CAPACITY, false);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ring), -ENOMEM);
	ring = kchan_ring_alloc(ch->user, U32_MAX, U32_MAX, false);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ring), -ENOMEM);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_stride),
	KUNIT_CASE(ring_size),
	KUNIT_CASE(ring_slots),
	KUNIT_CASE(ring_wraps),
	KUNIT_CASE(ring_wraps_messages),
	KUNIT_CASE(ring_elem),
	KUNIT_CASE(ring_too_large),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "kchan_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
