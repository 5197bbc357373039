// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * wordfreq: counts the most frequent words of files and directories, with several
 * workers and channels. wordfreq.h shows how they are connected.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wordfreq.h"

static const char help[] =
"Usage: wordfreq [OPTION]... FILE...\n"
"Print the most frequent words of the FILEs, and of the regular files in those\n"
"that are folders.\n"
"\n"
"  -n, --top=N        print N words (10); 0 for all\n"
"  -a, --binary       count the words of binary files too\n"
"  -j, --workers=N    count with N workers (one for each processor)\n"
"  -p, --processes    the workers are processes, not threads\n"
"      --paths=NAME   be a part of wordfreq only: see below\n"
"      --reports=NAME\n"
"  -h, --help         show this\n"
"  -V, --version      show the version\n"
"\n"
"A word is as many ASCII letters as follow each other in a file, in lower case;\n"
"words that are as frequent are in alphabetic order. A file with a NUL among its\n"
"first 65536 bytes is binary. So with -a this prints the same:\n"
"\n"
"  find -H FILE... -type f -exec cat {} ';' -exec echo ';' |\n"
"      LC_ALL=C tr -cs A-Za-z '\\n' | tr A-Z a-z | grep . | LC_ALL=C sort |\n"
"      uniq -c | LC_ALL=C sort -k1,1nr -k2 | head -n N\n"
"\n"
"Symbolic links are followed when they are FILEs, and not within folders. Files\n"
"that cannot be read are told, and the others counted.\n"
"\n"
"Walker, workers and reducer can be started by hand, in any order and in different\n"
"shells, on channels with names that close with their last sender:\n"
"\n"
"  kchanctl create --no-hold --size 4096 /run/kchan/paths\n"
"  kchanctl create --no-hold --size 65536 /run/kchan/reports\n"
"  wordfreq --paths /run/kchan/paths FILE...             (sends paths)\n"
"  wordfreq --paths /run/kchan/paths --reports /run/kchan/reports    (counts)\n"
"  wordfreq --reports /run/kchan/reports                 (adds up, and prints)\n"
"\n"
"Start all workers before the walker ends. What a killed worker has counted is\n"
"missing then, and nobody tells.\n"
"\n"
"Exit status: 0; 1 if something could not be read or failed; 2 for wrong usage.\n";

/* Set before the first thread starts. Messages overwrite the progress line. */
static const char *line_start = "";

static void tell(const char *fmt, va_list args)
	__attribute__((format(printf, 1, 0)));
static void tell(const char *fmt, va_list args)
{
	char text[PATH_SIZE + 200];

	vsnprintf(text, sizeof(text), fmt, args);
	/* In one call: the other workers write there, too. */
	fprintf(stderr, "%swordfreq: %s\n", line_start, text);
}

void warn(struct job *job, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(fmt, args);
	va_end(args);
	atomic_store(&job->failed, true);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(fmt, args);
	va_end(args);
	/* Not exit(): other threads still use what it would clean up. */
	_exit(EXIT_FAILURE);
}

static unsigned long number(const char *text, unsigned long min,
			    unsigned long max)
{
	unsigned long value;
	char *end;

	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value < min || value > max) {
		fprintf(stderr, "wordfreq: '%s' is no number from %lu to %lu\n",
			text, min, max);
		exit(2);
	}
	return value;
}

/* Options that have no letter. */
enum { PATHS = 256, REPORTS };

static void parse(int argc, char **argv, struct job *job)
{
	static const struct option names[] = {
		{ "top", required_argument, NULL, 'n' },
		{ "binary", no_argument, NULL, 'a' },
		{ "workers", required_argument, NULL, 'j' },
		{ "processes", no_argument, NULL, 'p' },
		{ "paths", required_argument, NULL, PATHS },
		{ "reports", required_argument, NULL, REPORTS },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "n:aj:phV", names, NULL)) != -1) {
		switch (option) {
		case 'n':
			job->top = number(optarg, 0, 1000000000);
			break;
		case 'a':
			job->binary = true;
			break;
		case 'j':
			job->workers = number(optarg, 1, MAX_WORKERS);
			break;
		case 'p':
			job->processes = true;
			break;
		case PATHS:
			job->paths_name = optarg;
			break;
		case REPORTS:
			job->reports_name = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case 'V':
			printf("wordfreq %s\n", kc_version());
			exit(0);
		default:
			fputs("Try 'wordfreq --help'.\n", stderr);
			exit(2);
		}
	}
	job->names = argv + optind;
	/* Only the walker needs them, and it sends no reports. */
	if (!*job->names == !job->reports_name) {
		fputs(*job->names ? "wordfreq: files are for the one that has no --reports\n" :
				    "wordfreq: which files?\n", stderr);
		fputs("Try 'wordfreq --help'.\n", stderr);
		exit(2);
	}
}

static unsigned int processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	if (count < 1)
		return 1;
	return count < MAX_WORKERS ? count : MAX_WORKERS;
}

static kc_chan *make_channel(size_t size, size_t cap)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c;
	int ret;

	opts.flags = KC_CHAN_MESSAGE;
	opts.elem_size = size;
	opts.cap = cap;
	ret = kc_make_opts(&c, &opts);
	if (ret)
		die("cannot make a channel: %s", kc_strerror(ret));
	return c;
}

void close_channel(const char *name, kc_chan *c)
{
	if (!name)
		kc_close(c);
}

struct walker {
	struct job *job;
	kc_waitgroup *helpers;
};

static void walker_main(void *arg)
{
	const struct walker *walker = arg;
	kc_waitgroup *helpers = walker->helpers;

	walk(walker->job);
	kc_waitgroup_done(helpers);
}

int main(int argc, char **argv)
{
	kc_waitgroup helpers = KC_WAITGROUP_INIT;
	struct job job = { .workers = processors(), .top = 10 };
	struct walker walker = { &job, &helpers };
	int ret;

	parse(argc, argv, &job);
	job.progress = isatty(STDERR_FILENO);
	if (job.progress)
		line_start = "\r\033[K";
	if (job.paths_name || job.reports_name) {
		run_alone(&job);
		return atomic_load(&job.failed) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	job.paths = make_channel(PATH_SIZE, PATHS_QUEUED);
	job.reports = make_channel(REPORT_SIZE, REPORTS_QUEUED);

	start_workers(&job, &helpers);
	kc_waitgroup_add(&helpers, 1);
	ret = kc_go(walker_main, &walker);
	if (ret)
		die("cannot start a thread: %s", kc_strerror(ret));
	reduce(&job);
	kc_waitgroup_wait(&helpers);

	kc_unref(job.paths);
	kc_unref(job.reports);
	return atomic_load(&job.failed) ? EXIT_FAILURE : EXIT_SUCCESS;
}
