// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pipeline: stages connected by channels. Each stage is one or more goroutines that
 * run the same function. Here the first stage splits lines into words, and two workers
 * measure the words.
 */
#include "example.h"

#define LINE	80

static kc_error *lines(void *arg, kc_sink *out)
{
	static const char *const text[] = {
		"do not communicate", "by sharing memory",
		"share memory by communicating",
	};
	size_t i;

	(void)arg;
	for (i = 0; i < 3; i++)
		if (kc_yield_msg(out, text[i], strlen(text[i])))
			break;
	return NULL;
}

static kc_error *split(void *arg, void *line, size_t len, kc_sink *out)
{
	const char *at = line, *end = at + len, *space;

	(void)arg;
	for (; at < end; at = space + 1) {
		space = memchr(at, ' ', end - at);
		if (!space)
			space = end;
		if (kc_yield_msg(out, at, space - at))
			break;
	}
	return NULL;
}

static kc_error *measure(void *arg, void *word, size_t len, kc_sink *out)
{
	int length = len;

	(void)arg;
	(void)word;
	(void)!kc_yield(out, &length);
	return NULL;
}

int main(void)
{
	const kc_stage stages[] = {
		{ .fn = split, .elem_size = LINE, .flags = KC_CHAN_MESSAGE },
		{ .fn = measure, .elem_size = sizeof(int), .workers = 2 },
	};
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	int length, words = 0, letters = 0;
	kc_group g = KC_GROUP_INIT;
	kc_chan *text, *lengths;

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = LINE;
	CHECK(kc_generate(&text, &g, NULL, &opts, lines, NULL));
	CHECK(kc_pipeline(&lengths, &g, NULL, text, stages, 2));
	kc_unref(text);
	kc_for_each(lengths, &length) {
		words++;
		letters += length;
	}
	kc_unref(lengths);
	kc_error_unref(kc_group_wait(&g));
	printf("%d words, %d letters\n", words, letters);
	return 0;
}
