/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What plain channels, mapped ones and selects are tested with. A test makes the channels,
 * and these functions use them.
 */
#ifndef RACES_STEPS_H
#define RACES_STEPS_H

#include "case.h"

#define LONG	(100 * KC_SECOND)

extern kc_chan *c, *other;
extern kc_chan *in, *out;	/* two ends of one channel */
extern int elem;		/* what is sent */

/* The steps of an edge. Each moves one element, closes the channel, or finds it closed. */
void send_it(void);
void recv_it(void);
void send_timed(void);
void recv_timed(void);
void send_in_ctx(void);
void close_it(void);
void recv_end(void);
void send_in_vain(void);
void send_to_end(void);
void recv_from_end(void);

void write_elem(void);

/* For goroutines. They end with come(). */
void write_alone(void *arg);
void count_inside(void *arg);		/* @c as a lock, 100 times */

/* These touch first. */
void touch_and_try_send(void *arg);	/* in vain */
void touch_and_try_recv(void *arg);	/* in vain */
void touch_and_choose(void *arg);	/* only @other has room */
void touch_and_leave(void *arg);	/* takes the default */

#endif /* RACES_STEPS_H */
