// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library's log messages.
 */
#include <string.h>
#include <sys/uio.h>

#include "base/base.h"
#include "base/fork.h"
#include "base/futex.h"
#include "base/logger.h"
#include "race/race.h"

static struct {
	uint32_t lock;		/* protects the two fields below, which change together */
	kc_logger log;
	void *arg;
} logger;

static void lock_logger(void)
{
	kc_lock(&logger.lock);
}

static void unlock_logger(void)
{
	kc_unlock(&logger.lock);
}

KC_AT_FORK(.order = KC_FORK_LOG, .lock = lock_logger, .unlock = unlock_logger)

void kc_set_logger(kc_logger log, void *arg)
{
	kc_race_release(&logger);
	lock_logger();
	logger.log = log;
	logger.arg = arg;
	unlock_logger();
}

/* One system call, so that no other output gets between text and newline. */
static void print(const char *text)
{
	const struct iovec lines[] = {
		{ (void *)text, strlen(text) },
		{ (void *)"\n", 1 },
	};

	syscall(SYS_writev, STDERR_FILENO, lines, 2);
}

/* The lock is not held in the call: the logger may use the library, or panic. */
void kc_log(const char *text)
{
	kc_logger log;
	void *arg;

	lock_logger();
	log = logger.log;
	arg = logger.arg;
	unlock_logger();
	kc_race_acquire(&logger);
	if (log)
		log(arg, text);
	else
		print(text);
}
