// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Panics: where they are recovered, what they carry, and how one is raised again.
 */
#include "example.h"

static void divide(void *arg)
{
	int *n = arg;

	if (!*n)
		kc_panic("%d cannot be a divisor", *n);
	*n = 100 / *n;
}

/* A panic ends here, and is a text. */
static int try_divide(int n)
{
	kc_panic_info info;

	if (kc_protect(divide, &n, &info)) {
		printf("a panic: %s\n", info.text);
		kc_panic_info_clear(&info);
		return -1;
	}
	return n;
}

static void tell_recovered(void *arg)
{
	kc_panic_info info;

	if (kc_recover(&info)) {
		printf("%s recovered: %s\n", (const char *)arg, info.text);
		kc_panic_info_clear(&info);
	}
}

/* A deferred call recovers the panic. The program continues after kc_protect(). */
static void recovers(void *arg)
{
	int zero = 0;

	kc_defer(tell_recovered, arg);
	divide(&zero);
}

static void fails_with_value(void *arg)
{
	kc_panic_value(arg, NULL, "a value");
}

static void clear(void *info)
{
	kc_panic_info_clear(info);
}

/* It knows what to do about one value, and raises all other panics again. */
static void knows_one(void *known, void *value)
{
	kc_panic_info info;

	if (!kc_protect(fails_with_value, value, &info))
		return;
	/* In each case, at the end of this function. */
	KC_DEFER_SCOPE;
	kc_defer(clear, &info);
	if (info.value != known)
		kc_panic_again(&info);
	printf("known\n");
}

static void other_value(void *arg)
{
	int other;

	knows_one(arg, &other);
}

int main(void)
{
	char text[] = "a deferred call";
	int known;

	printf("100 / 4 = %d\n", try_divide(4));
	printf("100 / 0 = %d\n", try_divide(0));
	printf("kc_protect: %d\n", kc_protect(recovers, text, NULL));
	knows_one(&known, &known);
	printf("not known: %d\n", kc_protect(other_value, &known, NULL));
	return 0;
}
