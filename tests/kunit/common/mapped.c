// SPDX-License-Identifier: GPL-2.0-only
/* A process that has mapped a channel, played by a test. */
#include <kunit/test.h>
#include <linux/err.h>

#include "mapped.h"

/**
 * kt_unmap() - unmap a channel
 * @arg: the &struct mapped; unmapped once, however often this is called
 */
void kt_unmap(void *arg)
{
	struct mapped *m = arg;

	if (!m->map)
		return;
	kchan_unmap(m->ch, m->map);
	kchan_mapping_put(m->map);
	m->map = NULL;
}

/**
 * kt_map() - map a channel
 * @test: the test, at whose end it is unmapped
 * @ch: the channel, in use
 *
 * Return: what the process has.
 */
struct mapped *kt_map(struct kunit *test, struct kchan *ch)
{
	struct mapped *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->ch = ch;
	m->map = kchan_map(ch, kchan_mapping_bytes(ch->elem_size, ch->capacity));
	KUNIT_ASSERT_FALSE(test, IS_ERR(m->map));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, kt_unmap, m));
	m->ring.mem = m->map->mem;
	m->ring.elem_size = ch->elem_size;
	m->ring.last = ch->capacity - 1;
	m->ring.stride = m->ring.mem->stride;
	return m;
}

/**
 * kt_map_wind() - let a ring begin at another lap
 * @m: what the process has; the ring was not used yet
 * @lap: the lap
 */
void kt_map_wind(struct mapped *m, u64 lap)
{
	const u64 pos = lap * KCHAN_SHARED_LAP;
	u64 i;

	kchan_lock(m->ch);
	for (i = 0; i <= m->ring.last; i++)
		kc_ring_slot(&m->ring, i)->stamp = pos + i;
	m->map->head = pos;
	m->map->tail = pos;
	kchan_unlock(m->ch);
}
