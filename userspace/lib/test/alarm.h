/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions of alarms that the fake clock's hook points to.
 */
#ifndef LIBKCHAN_TEST_ALARM_H
#define LIBKCHAN_TEST_ALARM_H

#include "sched/alarm.h"

void kc_alarm_do_set(struct kc_alarm *alarm, uint32_t *word, uint32_t from,
		     uint32_t to, int64_t at);
int kc_alarm_do_set_fd(struct kc_alarm *alarm, int64_t at);
void kc_alarm_do_clear(struct kc_alarm *alarm);

#endif /* LIBKCHAN_TEST_ALARM_H */
