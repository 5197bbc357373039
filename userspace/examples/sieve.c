// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The prime sieve: a chain of goroutines, one for each prime. Each passes on the
 * numbers that its prime does not divide. The number that reaches the end is the next
 * prime.
 *
 * When main() has enough primes, it drops its end. The last filter learns this from its
 * next send, and drops its own end, and so on up to the generator of numbers. So all
 * goroutines end.
 */
#include "example.h"

KC_CHAN_DEFINE(int_chan, int);

struct filter {
	int_chan *in, *out;
	int prime;
};

static void count(void *arg)
{
	int_chan *out = arg;
	int n = 2;

	while (!int_chan_send(out, n))
		n++;
	int_chan_unref(out);
}

static void sift(void *arg)
{
	struct filter f = *(struct filter *)arg;
	int n;

	while (int_chan_recv(f.in, &n) > 0)
		if (n % f.prime && int_chan_send(f.out, n))
			break;
	int_chan_unref(f.in);
	int_chan_unref(f.out);
}

int main(void)
{
	struct filter f;
	int_chan *primes = NULL, *out = NULL;
	int i;

	CHECK(int_chan_make_pair(&primes, &out, 0));
	CHECK(kc_go(count, out));
	for (i = 0; i < 20; i++) {
		CHECK(int_chan_recv(primes, &f.prime));
		printf("%d ", f.prime);
		f.in = primes;
		CHECK(int_chan_make_pair(&primes, &f.out, 0));
		CHECK(kc_go_copy(sift, &f, sizeof(f)));
	}
	printf("\n");
	int_chan_unref(primes);
	CHECK(kc_shutdown());
	printf("all goroutines have ended\n");
	return 0;
}
