// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reporting a panic to people, in Go's form:
 *
 *	panic: what it was about
 *
 *	goroutine 7 "name" [running]:
 *	function
 *		/the/file.c:12 +0x1f
 *	created by other_function in goroutine 1
 *		/the/file.c:34 +0x2a
 *
 * Looking up the names needs more stack than a goroutine has. So a thread is created for
 * it. If that fails, it is done on the goroutine's stack.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fork.h"
#include "base/print.h"
#include "base/task.h"
#include "panic/backtrace.h"
#include "panic/report.h"
#include "sched/thread.h"

#define PRINT_SIZE	1024

/* A lock that is never released: the process ends by one report. */
static uint32_t dying;
static pid_t who_dies;			/* the thread that holds the lock, once it has stored
					 * its number */

void kc_report_begin(void)
{
	kc_lock(&dying);
	__atomic_store_n(&who_dies, sys_gettid(), __ATOMIC_RELAXED);
}

/*
 * A handler of SIGABRT may call exit() in the thread that reports. That must not wait.
 */
void kc_report_await(void)
{
	while (__atomic_load_n(&dying, __ATOMIC_RELAXED) != KC_UNLOCKED &&
	       __atomic_load_n(&who_dies, __ATOMIC_RELAXED) != sys_gettid())
		sys_pause();
}

/* In the child: a goroutine of the parent may hold the lock, and is not here. */
static void forked(void)
{
	dying = KC_UNLOCKED;
	who_dies = 0;
}

KC_AT_FORK(.order = KC_FORK_REPORT, .forked = forked)

static void put_panicked(struct kc_print *out, const struct kc_panicked *what)
{
	kc_print_text(out, "\n");
	kc_backtrace_head(out, what->goid, what->name, "running");
	kc_backtrace_trace(out, &what->trace);
	kc_backtrace_creator(out, what->parent, what->started_at);
}

/* Prints the oldest panic first. */
static void put_chain(struct kc_print *out, const struct kc_panic *p)
{
	const struct kc_panic *below = p->below;
	bool again = below && below->recovered && below->what == p->what;

	if (again)
		below = below->below;
	if (below) {
		put_chain(out, below);
		if (below->what)
			kc_print_text(out, "\t");
	}
	if (!p->what)
		return;
	kc_print_text(out, "panic: ");
	kc_print_text(out, p->what->text);
	if (again)
		kc_print_text(out, " [recovered, repanicked]");
	else if (p->recovered)
		kc_print_text(out, " [recovered]");
	kc_print_text(out, "\n");
}

static void print_fatal(void *data)
{
	const struct kc_panic *p = data;
	char buf[PRINT_SIZE];
	struct kc_print out = KC_PRINT_FD(STDERR_FILENO, buf);

	put_chain(&out, p);
	put_panicked(&out, p->what);
	kc_print_flush(&out);
}

void kc_report_fatal(const struct kc_panic *p)
{
	kc_report_begin();
	kc_thread_roomy(print_fatal, (void *)p);
	abort();
}

void kc_report_error(const char *text, const struct kc_g *g,
		     const struct kc_trace *trace)
{
	char buf[PRINT_SIZE];
	struct kc_print out = KC_PRINT_FD(STDERR_FILENO, buf);

	kc_report_begin();
	kc_print_text(&out, "fatal error: ");
	kc_print_text(&out, text);
	kc_print_text(&out, "\n\n");
	kc_backtrace_head(&out, g->id, g->name, "running");
	kc_print_flush(&out);
	kc_backtrace_trace(&out, trace);
	kc_backtrace_creator(&out, g->parent, g->started_at);
	kc_print_flush(&out);
	abort();
}

struct text {
	const char *start;
	const struct kc_panicked *what;
	struct kc_print out;
};

static void put_text(void *data)
{
	struct text *text = data;

	kc_print_text(&text->out, text->start);
	kc_print_text(&text->out, text->what->text);
	kc_print_text(&text->out, "\n");
	put_panicked(&text->out, text->what);
}

char *kc_report_text(const char *start, const struct kc_panicked *what)
{
	struct text text = { start, what, KC_PRINT_MEMORY };

	kc_thread_roomy(put_text, &text);
	return kc_print_string(&text.out);
}

char *kc_panic_report(const kc_panic_info *info)
{
	return info->panic ? kc_report_text("panic: ", info->panic) : NULL;
}
