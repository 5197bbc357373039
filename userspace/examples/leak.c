// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A goroutine that never ends, found and named.
 *
 * The same question goes to two servers, and the program takes the first answer. The
 * channel has no room, so the other server waits in its send for ever: nobody receives
 * any more. The check at the end shows which goroutine this is, where it waits and who
 * started it. The correction: room for all answers.
 */
#include "example.h"

static kc_chan *answers;

static void answer_with(int answer)
{
	int ret = kc_send(answers, &answer);

	if (ret)
		printf("  not wanted any more: %s\n", strerrorname_np(-ret));
}

static void fast_server(void *arg)
{
	(void)arg;
	answer_with(42);
}

static void slow_server(void *arg)
{
	(void)arg;
	kc_sleep(300 * KC_MILLISECOND);
	answer_with(43);
}

static void ask(size_t room)
{
	int answer;

	CHECK(kc_make(&answers, sizeof(answer), room));
	CHECK(kc_go(fast_server, NULL));
	CHECK(kc_go(slow_server, NULL));
	CHECK(kc_recv(answers, &answer));
	printf("room for %zu: the answer is %d\n", room, answer);
}

/* Prints the check's message without files and lines. */
static void print(void *arg, const char *text)
{
	size_t len;

	(void)arg;
	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len && text[0] != '\t')
			printf("  %.*s\n", (int)len, text);
	}
}

int main(void)
{
	kc_set_logger(print, NULL);

	ask(0);
	printf("left: %d\n", CHECK(kc_leak_check(KC_SECOND)));
	/* Without this, the goroutine would wait for ever. */
	CHECK(kc_close(answers));
	CHECK(kc_leak_check(KC_SECOND));
	kc_unref(answers);

	ask(2);
	printf("left: %d\n", CHECK(kc_leak_check(KC_SECOND)));
	kc_unref(answers);
	return 0;
}
