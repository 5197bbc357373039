// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program for the gdb tests. Each of its goroutines waits for something else. When all
 * wait, it calls ready().
 *
 * usage: waits [channels|stay]
 *
 *   channels	wait on channels, which need /dev/kchan; otherwise on all that needs none
 *   stay	print "ready", and do not end
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kchan/kchan.h>

#define HOUR	(3600 * KC_SECOND)

static kc_mutex lock, cond_lock;
static kc_waitgroup group;
static kc_cond cond;
static kc_sem sem = KC_SEM_INIT(1);
static const char key[] = "key";
static volatile int going = 1;

/* For gdb to print. */
kc_mutex free_lock;
kc_waitgroup empty_group;
kc_error *plain, *wrapped;
kc_ctx *background, *cancelled, *timed, *valued, *without;
kc_chan *full, *ended, *messages, *first, *second;

static void must(int ret)
{
	if (ret) {
		fprintf(stderr, "waits: error %d\n", ret);
		exit(1);
	}
}

static void wait_mutex(void *arg)
{
	(void)arg;
	kc_mutex_lock(&lock);
}

static void wait_group(void *arg)
{
	(void)arg;
	kc_waitgroup_wait(&group);
}

static void wait_cond(void *arg)
{
	(void)arg;
	kc_mutex_lock(&cond_lock);
	kc_cond_wait(&cond, &cond_lock);
}

static void wait_sem(void *arg)
{
	(void)arg;
	kc_sem_acquire(&sem, 1);
}

static void wait_time(void *arg)
{
	(void)arg;
	kc_sleep(HOUR);
}

static void wait_nil(void *arg)
{
	(void)arg;
	(void)!kc_recv(NULL, NULL);
}

/* A wait outside of the library. */
static void wait_elsewhere(void *arg)
{
	(void)arg;
	while (going)
		pause();
}

static void wait_send(void *arg)
{
	uint64_t value = 1;

	(void)arg;
	(void)!kc_send(full, &value);
}

static void wait_select(void *arg)
{
	uint64_t value = 1, more;
	kc_case cases[] = {
		kc_case_recv(first, &more),
		kc_case_send(second, &value),
	};

	(void)arg;
	(void)!kc_select(cases, 2);
}

static void start(const char *name, void (*fn)(void *arg))
{
	const kc_go_options options = { .size = sizeof(options), .name = name };

	must(kc_go_opts(fn, NULL, &options));
}

static int count_one(void *arg, const kc_goroutine *g)
{
	*(unsigned int *)arg += g->state != KC_STATE_RUNNING;
	return 0;
}

static void await(unsigned int wanted)
{
	unsigned int count;

	do {
		count = 0;
		must(kc_goroutines(count_one, &count));
		kc_sleep(KC_MILLISECOND);
	} while (count != wanted);
}

static void make_values(void)
{
	plain = kc_error_new(-2, "no such \"thing\"");
	wrapped = kc_error_wrap_code(plain, -5, "reading %s", "it");
	background = kc_background();
	must(kc_with_cancel(&cancelled, background));
	must(kc_cancel_cause(cancelled, kc_error_ref(plain)));
	must(kc_with_timeout(&timed, background, 2 * HOUR));
	must(kc_with_value(&valued, timed, key, &group, NULL));
	must(kc_without_cancel(&without, valued));
}

static void fill(void)
{
	uint64_t value = 0;

	must(kc_make(&full, sizeof(value), 2));
	must(kc_send(full, &value));
	must(kc_send(full, &value));
	must(kc_make(&ended, sizeof(value), 0));
	must(kc_close(ended));
	must(kc_make_opts(&messages, &(kc_chan_opts){
		.size = sizeof(kc_chan_opts),
		.flags = KC_CHAN_MESSAGE,
		.elem_size = 100,
		.cap = 4,
	}));
	must(kc_make(&first, sizeof(value), 0));
	must(kc_make(&second, sizeof(value), 0));
}

void ready(void);
__attribute__((noinline)) void ready(void)
{
	__asm__ volatile("" : : : "memory");
}

int main(int argc, char **argv)
{
	kc_mutex_lock(&lock);
	kc_sem_acquire(&sem, 1);
	kc_waitgroup_add(&group, 2);
	make_values();
	start("mutex", wait_mutex);
	start("group", wait_group);
	start("cond", wait_cond);
	start("sem", wait_sem);
	start("time", wait_time);
	start("nil", wait_nil);
	start("", wait_elsewhere);
	if (argc > 1 && !strcmp(argv[1], "channels")) {
		fill();
		start("send", wait_send);
		start("select", wait_select);
		await(8);
	} else {
		await(6);
	}
	ready();
	if (argc > 1 && !strcmp(argv[1], "stay")) {
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	}
	return 0;
}
