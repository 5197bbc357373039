// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library has to say.
 */
#include <string.h>
#include <sys/uio.h>

#include "futex.h"
#include "internal.h"
#include "log.h"
#include "race.h"

static struct {
	uint32_t lock;		/* the two below change together */
	kc_logger log;
	void *arg;
} logger;

void kc_log_lock(void)
{
	kc_lock(&logger.lock);
}

void kc_log_unlock(void)
{
	kc_unlock(&logger.lock);
}

void kc_set_logger(kc_logger log, void *arg)
{
	kc_race_release(&logger);
	kc_log_lock();
	logger.log = log;
	logger.arg = arg;
	kc_log_unlock();
}

/* One call, so that nobody else's output gets in between. */
static void print(const char *text)
{
	const struct iovec lines[] = {
		{ (void *)text, strlen(text) },
		{ (void *)"\n", 1 },
	};

	syscall(SYS_writev, STDERR_FILENO, lines, 2);
}

/* Not with the lock held: the logger may use the library, or panic. */
void kc_log(const char *text)
{
	kc_logger log;
	void *arg;

	kc_log_lock();
	log = logger.log;
	arg = logger.arg;
	kc_log_unlock();
	kc_race_acquire(&logger);
	if (log)
		log(arg, text);
	else
		print(text);
}
