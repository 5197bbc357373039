// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The main function of a program of tests.
 */
#include <getopt.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kchan/testing.h>

#include "base/base.h"

#define USAGE	2

struct suite {
	const kc_test_item *tests;
	size_t nr;
	kc_test_options options;
	bool list;
	bool chosen;			/* @expression is set */
	regex_t expression;
	unsigned long count;
	bool fail_fast;
	unsigned long results[3];	/* the number of tests with each result, by KC_TEST_* */
};

static const struct option names[] = {
	{ "run", required_argument, NULL, 'r' },
	{ "list", no_argument, NULL, 'l' },
	{ "timeout", required_argument, NULL, 't' },
	{ "count", required_argument, NULL, 'n' },
	{ "fail-fast", no_argument, NULL, 'x' },
	{ "jitter", required_argument, NULL, 'j' },
	{ "tap", no_argument, NULL, 'T' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"Runs its tests.\n"
	"\n"
	"  -r, --run=REGEX      only those whose name has a match\n"
	"  -l, --list           only list their names\n"
	"  -t, --timeout=TIME   for each: 500ms, 10s, 2m; 0 is no limit (1m)\n"
	"  -n, --count=N        run them so often\n"
	"  -x, --fail-fast      stop after the first that fails\n"
	"  -j, --jitter=SEED    with jitter; each further round by the next seed\n"
	"  -T, --tap            write TAP\n"
	"  -v, --verbose        also write of tests that pass\n"
	"  -h, --help           this\n";

/* Returns a negative number if the text is no duration. */
static int64_t duration(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "", KC_SECOND }, { "s", KC_SECOND }, { "ms", KC_MILLISECOND },
		{ "us", KC_MICROSECOND }, { "m", 60.0 * KC_SECOND },
		{ "h", 3600.0 * KC_SECOND },
	};
	double number;
	char *end;
	size_t i;

	number = strtod(text, &end);
	if (end == text || !(number >= 0))
		return -1;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name))
			continue;
		number *= units[i].ns;
		return number < (double)INT64_MAX ? (int64_t)number : INT64_MAX;
	}
	return -1;
}

static bool wrong(const char *option, const char *text)
{
	fprintf(stderr, "--%s: not valid: %s\n", option, text);
	return false;
}

static bool set_timeout(struct suite *s, const char *text)
{
	const int64_t ns = duration(text);

	if (ns < 0)
		return wrong("timeout", text);
	s->options.timeout = ns ? ns : -1;
	return true;
}

static bool set_jitter(struct suite *s, const char *text)
{
	char *end;

	s->options.jitter = strtoull(text, &end, 0);
	if (*end || end == text || !s->options.jitter)
		return wrong("jitter", text);
	return true;
}

static bool set_count(struct suite *s, const char *text)
{
	char *end;

	s->count = strtoul(text, &end, 10);
	if (*end || end == text || text[0] == '-')
		return wrong("count", text);
	return true;
}

static bool set_expression(struct suite *s, const char *text)
{
	if (s->chosen)
		regfree(&s->expression);
	s->chosen = !regcomp(&s->expression, text, REG_EXTENDED | REG_NOSUB);
	return s->chosen || wrong("run", text);
}

static bool set(struct suite *s, int option)
{
	switch (option) {
	case 'r':
		return set_expression(s, optarg);
	case 't':
		return set_timeout(s, optarg);
	case 'n':
		return set_count(s, optarg);
	case 'j':
		return set_jitter(s, optarg);
	case 'l':
		s->list = true;
		return true;
	case 'x':
		s->fail_fast = true;
		return true;
	case 'T':
		s->options.flags |= KC_TEST_TAP;
		return true;
	case 'v':
		s->options.flags |= KC_TEST_VERBOSE;
		return true;
	}
	return false;
}

/* Returns the exit status, or a negative number if the program is to go on. */
static int parse(struct suite *s, int argc, char **argv)
{
	int option;

	/* Resets getopt_long(), in case it was used before. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "r:lt:n:xj:Tvh", names, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_SUCCESS;
		}
		if (!set(s, option))
			return USAGE;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "not an option: %s\n", argv[optind]);
	return USAGE;
}

static bool is_chosen(const struct suite *s, size_t i)
{
	return !s->chosen ||
	       !regexec(&s->expression, s->tests[i].name, 0, NULL, 0);
}

static unsigned long count_chosen(const struct suite *s)
{
	unsigned long count = 0;
	size_t i;

	for (i = 0; i < s->nr; i++)
		count += is_chosen(s, i);
	return count;
}

static void list(const struct suite *s)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (is_chosen(s, i))
			puts(s->tests[i].name);
}

/* Returns false if no more tests are to be run. */
static bool run_one(struct suite *s, const kc_test_item *test)
{
	int ret = kc_test(test->name, test->fn, &s->options);

	if (ret < 0) {
		fprintf(stderr, "%s: %s\n", test->name, kc_strerror(ret));
		ret = KC_TEST_FAILED;
	}
	s->results[ret]++;
	return !s->fail_fast || ret != KC_TEST_FAILED;
}

static void run_all(struct suite *s)
{
	unsigned long round;
	size_t i;

	for (round = 0; round < s->count; round++) {
		for (i = 0; i < s->nr; i++)
			if (is_chosen(s, i) && !run_one(s, &s->tests[i]))
				return;
		if (s->options.jitter)
			s->options.jitter++;
	}
}

static int run(struct suite *s)
{
	const bool tap = s->options.flags & KC_TEST_TAP;

	if (tap)
		printf("1..%lu\n", s->count * count_chosen(s));
	run_all(s);
	if (!tap)
		printf("%s: %lu passed, %lu failed, %lu skipped\n",
		       s->results[KC_TEST_FAILED] ? "FAIL" : "PASS",
		       s->results[KC_TEST_PASSED], s->results[KC_TEST_FAILED],
		       s->results[KC_TEST_SKIPPED]);
	fflush(stdout);
	return s->results[KC_TEST_FAILED] ? EXIT_FAILURE : EXIT_SUCCESS;
}

int kc_test_main(int argc, char **argv, const kc_test_item *tests, size_t n)
{
	struct suite s = {
		.tests = tests,
		.nr = n,
		.options = KC_TEST_OPTIONS_INIT,
		.count = 1,
	};
	int status;

	status = parse(&s, argc, argv);
	if (status < 0 && s.list) {
		list(&s);
		status = EXIT_SUCCESS;
	} else if (status < 0) {
		status = run(&s);
	}
	if (s.chosen)
		regfree(&s.expression);
	return status;
}
