/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_MAPPED_H
#define _KCHAN_TEST_MAPPED_H

#include <linux/string.h>

#include "harness.h"
#include "mapping.h"
/* The process's part, from the library. */
#include "mapped_ring.h"

/**
 * struct mapped - a process that has mapped a channel, played by a test
 * @ch: the channel
 * @map: its mapping; NULL once it is unmapped
 * @ring: the ring, as the process sees it
 */
struct mapped {
	struct kchan *ch;
	struct kchan_mapping *map;
	struct kc_ring ring;
};

struct mapped *kt_map(struct kunit *test, struct kchan *ch);
void kt_unmap(void *arg);
void kt_map_wind(struct mapped *m, u64 lap);

#endif /* _KCHAN_TEST_MAPPED_H */
