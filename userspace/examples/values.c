// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Values that belong to a request, and are passed with its context.
 *
 * They are for data that all code of a request may need, but that is no argument of
 * each function: the number for the log, or the user. A key is the address of a
 * variable of one file, so it cannot be confused with the key of another file.
 */
#include "example.h"

static const char number_key, user_key;

/*
 * Only the code that uses a value knows its key. Code in between only passes the
 * context on.
 */
static void log_line(kc_ctx *ctx, const char *text)
{
	const int *number = kc_ctx_value(ctx, &number_key);
	const char *user = kc_ctx_value(ctx, &user_key);

	printf("[request %d, %s] %s\n", number ? *number : 0,
	       user ? user : "nobody", text);
}

static void query_database(kc_ctx *ctx)
{
	log_line(ctx, "query");
}

static void handle(kc_ctx *ctx)
{
	log_line(ctx, "begin");
	query_database(ctx);
}

static kc_ctx *request(int number, const char *user)
{
	kc_ctx *numbered, *ctx;
	int *value = malloc(sizeof(*value));

	if (!value)
		abort();
	*value = number;
	CHECK(kc_with_value(&numbered, NULL, &number_key, value, free));
	CHECK(kc_with_value(&ctx, numbered, &user_key, (void *)user, NULL));
	/* The other context holds it. */
	kc_ctx_unref(numbered);
	return ctx;
}

int main(void)
{
	kc_ctx *one = request(1, "gopher"), *two = request(2, "penguin");

	log_line(NULL, "two requests come in");
	handle(one);
	handle(two);
	kc_ctx_unref(one);
	kc_ctx_unref(two);
	return 0;
}
