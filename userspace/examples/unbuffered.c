// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An unbuffered channel is a rendezvous: the send returns when a receiver has the
 * element.
 *
 * So the sender also learns something: the receiver has reached its receive. What the
 * receiver did before has happened when the send returns.
 */
#include "example.h"

static int cup;			/* no lock: the rendezvous orders the accesses */

static void drink(void *arg)
{
	int served;

	cup = 1;
	printf("guest: here is my cup\n");
	CHECK(kc_recv(arg, &served));
	served++;
	CHECK(kc_send(arg, &served));
}

int main(void)
{
	int tea = 42;
	kc_chan *table;

	CHECK(kc_make(&table, sizeof(int), 0));
	printf("nobody is there: %s\n",
	       kc_try_send(table, &tea) ? "nothing is sent" : "sent");
	CHECK(kc_go(drink, table));
	CHECK(kc_send(table, &tea));
	printf("host: sent, and there is a cup: %s\n", cup ? "yes" : "no");
	CHECK(kc_recv(table, &tea));
	printf("host: sent 42, got back %d\n", tea);
	kc_unref(table);
	return 0;
}
