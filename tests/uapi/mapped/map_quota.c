// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a mapped ring costs its user: its pages, from KCHAN_IOC_MAP until nothing maps
 * them and the channel does not need them any more.
 */
#include "mapped.h"
#include "params.h"

/* The plain buffer is under half of the first limit, and the mapped ring is over it. */
enum { CAPACITY = 1000, SMALL = 16384, LARGE = 65536 };

static bool can_map_another(void)
{
	struct mapped m = { .fd = chan_make(0, 8, CAPACITY) };
	bool can;

	m.map = try_map(m.fd, 0, &m.size);
	can = m.map >= 0;
	if (!can)
		expect_int(errno, EDQUOT);
	mapped_free(&m);
	return can;
}

static void refused(void)
{
	struct mapped m = { .fd = -1 };
	uint64_t value;

	param_set("user_max_bytes", SMALL);
	act_as(NOBODY);
	m.fd = chan_make(0, 8, CAPACITY);
	send_u64(m.fd, 1);
	expect_errno(try_map(m.fd, 0, &m.size), EDQUOT);
	expect_errno(try_map(m.fd, 0, &m.size), EDQUOT);
	/* It is as it was. */
	expect(!(chan_info(m.fd).flags & KCHAN_INFO_MAPPED));
	send_u64(m.fd, 2);
	expect_recv(m.fd, 1);
	act_as(0);
	param_set("user_max_bytes", LARGE);
	act_as(NOBODY);
	mapped_open(&m, m.fd);
	expect_mapped_recv(&m, 2);
	mapped_send_u64(&m, 3);
	expect_int(ring_take(&m, &value), KC_MOVED);
	expect_int(value, 3);
	mapped_free(&m);
	act_as(0);
}

/* One mapped ring and a plain buffer fit, and two rings do not. */
static void charged_while_mapped(void)
{
	struct mapped m;

	param_set("user_max_bytes", LARGE / 2);
	act_as(NOBODY);
	tap_about("in use");
	mapped_make(&m, 8, CAPACITY);
	expect(!can_map_another());
	tap_about("the channel is gone");
	close(m.map);
	m.map = -1;
	close(m.fd);
	expect(!can_map_another());
	tap_about("unmapped");
	mapped_unmap(&m);
	expect(can_map_another());

	tap_about("unmapped, and still the buffer");
	mapped_make(&m, 8, CAPACITY);
	mapped_unmap(&m);
	close(m.map);
	m.map = -1;
	expect(!can_map_another());
	close(m.fd);
	expect(can_map_another());

	tap_about("resized, and still mapped");
	mapped_make(&m, 8, CAPACITY);
	chan_resize(m.fd, 1);
	expect(!can_map_another());
	close(m.map);
	m.map = -1;
	mapped_unmap(&m);
	expect(can_map_another());
	close(m.fd);
	act_as(0);
}

static void given_back(void)
{
	unsigned long rounds = tap_scale(300);
	struct mapped m;

	param_set("user_max_bytes", LARGE / 2);
	act_as(NOBODY);
	for (unsigned long i = 0; i < rounds; i++) {
		tap_about("round %lu", i);
		mapped_make(&m, 8, CAPACITY);
		mapped_send_u64(&m, 1);
		if (i % 3 == 0)
			mapped_unmap(&m);
		if (i % 5 == 0)
			chan_resize(m.fd, 2);
		mapped_free(&m);
		/* And those that never got so far. */
		m.fd = chan_make(0, 8, CAPACITY);
		close(try_map(m.fd, 0, NULL));
		close(m.fd);
	}
	act_as(0);
}

/* Where a mapped ring is not drained, it counts with its pages, and not as a plain buffer. */
static void counted_by_resize(void)
{
	struct mapped m;
	uint64_t value;

	param_set("max_channel_bytes", 20000);
	act_as(NOBODY);
	mapped_make(&m, 8, CAPACITY);
	mapped_send_u64(&m, 1);
	expect_errno(try_resize(m.fd, CAPACITY), EBUSY);
	expect_int(ring_take(&m, &value), KC_MOVED);
	expect_int(try_resize(m.fd, CAPACITY), 0);
	mapped_free(&m);
	act_as(0);
}

static const struct tap_test tests[] = {
	{ "EDQUOT, and another try", refused },
	{ "charged as long as it is mapped", charged_while_mapped },
	{ "given back", given_back },
	{ "a resize counts it", counted_by_resize },
};

PARAMS_MAIN(tests)
