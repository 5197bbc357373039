// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Errors that come through a channel, with the results.
 *
 * A goroutine cannot return an error to a caller. So a result is a value or an error,
 * and the receiver decides what an error means for the whole task. Here the other
 * results are still good. (In errgroup.c, one error ends everything.)
 */
#include <errno.h>

#include "example.h"

struct result {
	const char *text;
	long value;
	kc_error *err;		/* belongs to the receiver after the receive */
};

KC_CHAN_DEFINE(result_chan, struct result);

static kc_error *parse(const char *text, long *value)
{
	kc_error *err, *wrapped;
	char *end;

	*value = strtol(text, &end, 10);
	if (end != text && !*end)
		return NULL;
	err = kc_errorf(-EINVAL, "no number");
	wrapped = kc_error_wrap(err, "parse \"%s\"", text);
	kc_error_unref(err);
	return wrapped;
}

static void parse_all(void *arg)
{
	static const char *const texts[] = { "12", "twelve", "30" };
	result_chan *out = arg;
	size_t i;

	for (i = 0; i < 3; i++) {
		struct result r = { .text = texts[i] };

		r.err = parse(r.text, &r.value);
		if (result_chan_send(out, r)) {
			/*
			 * Nobody receives, so the error still belongs to this
			 * goroutine.
			 */
			kc_error_unref(r.err);
			break;
		}
	}
	result_chan_unref(out);
}

int main(void)
{
	result_chan *in = NULL, *out = NULL;
	struct result r;
	long sum = 0;

	CHECK(result_chan_make_pair(&in, &out, 0));
	CHECK(kc_go(parse_all, out));
	while (result_chan_recv(in, &r) > 0) {
		if (r.err) {
			printf("error: %s (%s)\n", kc_error_text(r.err),
			       kc_error_is_code(r.err, -EINVAL) ? "EINVAL" :
			       "what?");
			kc_error_unref(r.err);
			continue;
		}
		sum += r.value;
	}
	printf("sum of the others: %ld\n", sum);
	result_chan_unref(in);
	return 0;
}
