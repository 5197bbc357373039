/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page that takes as long to be there as the test wants, so that a call stalls
 * where it copies to the caller.
 */
#ifndef SLOW_H
#define SLOW_H

#include "chan.h"

struct slow_page {
	char *mem;
	int uffd;
};

/* Skips the test where there is no userfaultfd. */
void slow_page_make(struct slow_page *p);
/* Until somebody stalls there. */
void slow_page_wait(struct slow_page *p);
/* Who stalls goes on, with a page of zeros. */
void slow_page_fill(struct slow_page *p);
/* Who comes next stalls again. */
void slow_page_again(struct slow_page *p);
/* Who stalls has a fault. The page is of no more use. */
void slow_page_fail(struct slow_page *p);

#endif /* SLOW_H */
