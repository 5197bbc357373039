// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receives in every way. In most of them memcheck can only know from the library what
 * memory was written: see memcheck.sh. With an argument, the program sends or reads memory
 * that was never written.
 */
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kchan/kchan.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(buf, len)	((void)(buf), (void)(len), 0)
#endif

static int define_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	int i;

	(void)size;
	(void)arg;
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_data)
			(void)VALGRIND_MAKE_MEM_DEFINED(info->dlpi_tls_data,
							info->dlpi_phdr[i].p_memsz);
	return 0;
}

/*
 * The libc of a static program puts thread-local variables in memory from brk(), and
 * relies on its being zero. memcheck takes such memory for never written.
 */
static void define_thread_locals(void)
{
	dl_iterate_phdr(define_module, NULL);
}

static kc_chan *make(uint32_t flags)
{
	kc_chan_opts opts = KC_CHAN_OPTS_INIT;
	kc_chan *c;

	opts.elem_size = sizeof(uint64_t);
	opts.cap = 1;
	opts.flags = flags;
	if (kc_make_opts(&c, &opts))
		abort();
	return c;
}

/* A branch depends on the value. */
__attribute__((noipa)) static void look_at(uint64_t *got)
{
	if (*got != 7)
		abort();
}

/* Hides from the compiler that the value was never written. */
__attribute__((noipa)) static uint64_t *unwritten(uint64_t *value)
{
	return value;
}

/* A way to receive: a function that returns the result, and whether it may wait. */
struct way {
	int64_t (*receive)(kc_chan *c, uint64_t *got);
	bool waits;
};

/* Contexts. The second one is cancelled by another process. */
static kc_ctx *here, *elsewhere;

static int64_t try_recv(kc_chan *c, uint64_t *got)
{
	return kc_try_recv(c, got);
}

static int64_t recv(kc_chan *c, uint64_t *got)
{
	return kc_recv(c, got);
}

static int64_t recv_timeout(kc_chan *c, uint64_t *got)
{
	return kc_recv_timeout(c, got, KC_SECOND);
}

static int64_t recv_ctx(kc_chan *c, uint64_t *got)
{
	return kc_recv_ctx(here, c, got);
}

static int64_t recv_from(kc_chan *c, uint64_t *got)
{
	return kc_recv_ctx(elsewhere, c, got);
}

static int64_t select_one(kc_chan *c, uint64_t *got)
{
	kc_case one = kc_case_recv(c, got);

	return kc_select(&one, 1) ? -1 : one.ok;
}

static int64_t try_select(kc_chan *c, uint64_t *got)
{
	kc_case one = kc_case_recv(c, got);

	return kc_try_select(&one, 1) ? -1 : one.ok;
}

static int64_t select_many(kc_chan *c, uint64_t *got)
{
	kc_case cases[] = {
		kc_case_done(here), kc_case_after(KC_SECOND), kc_case_fd(-1, 0),
		kc_case_recv(NULL, NULL), kc_case_recv(c, got),
	};

	return kc_select_ctx(elsewhere, cases, 5) == 4 && cases[4].ok;
}

static int64_t try_recv_n(kc_chan *c, uint64_t *got)
{
	return kc_try_recv_n(c, got, 1);
}

static int64_t recv_n(kc_chan *c, uint64_t *got)
{
	return kc_recv_n(c, got, 1);
}

static int64_t recv_n_timeout(kc_chan *c, uint64_t *got)
{
	return kc_recv_n_timeout(c, got, 1, KC_SECOND);
}

static int64_t recv_n_ctx(kc_chan *c, uint64_t *got)
{
	return kc_recv_n_ctx(here, c, got, 1);
}

static const struct way element_ways[] = {
	{ try_recv, false }, { recv, true }, { recv_timeout, true }, { recv_ctx, true },
	{ try_recv_n, false }, { recv_n, true }, { recv_n_timeout, true },
	{ recv_n_ctx, true },
	{ recv_from, true }, { select_one, true }, { try_select, false },
	{ select_many, true },
};

static int64_t try_recv_msg(kc_chan *c, uint64_t *got)
{
	return kc_try_recv_msg(c, got, sizeof(*got));
}

static int64_t recv_msg(kc_chan *c, uint64_t *got)
{
	return kc_recv_msg(c, got, sizeof(*got));
}

static int64_t recv_msg_timeout(kc_chan *c, uint64_t *got)
{
	return kc_recv_msg_timeout(c, got, sizeof(*got), KC_SECOND);
}

static int64_t recv_msg_ctx(kc_chan *c, uint64_t *got)
{
	return kc_recv_msg_ctx(here, c, got, sizeof(*got));
}

static int64_t select_msg(kc_chan *c, uint64_t *got)
{
	kc_case one = kc_case_recv_msg(c, got, sizeof(*got));

	return kc_select(&one, 1) ? -1 : (int64_t)one.len;
}

static const struct way message_ways[] = {
	{ try_recv_msg, false }, { recv_msg, true }, { recv_msg_timeout, true },
	{ recv_msg_ctx, true }, { select_msg, true },
};

static void send(kc_chan *c)
{
	const uint64_t value = 7;

	if (kc_is_message(c) ? kc_send_msg(c, &value, sizeof(value)) :
			       kc_send(c, &value))
		abort();
}

static int64_t result(kc_chan *c)
{
	return kc_is_message(c) ? (int64_t)sizeof(uint64_t) : 1;
}

/* Each way has a new stack frame, which was never written. */
__attribute__((noipa)) static void receive(kc_chan *c, const struct way *way)
{
	uint64_t got;

	send(c);
	if (way->receive(c, unwritten(&got)) != result(c))
		abort();
	look_at(&got);
	send(c);
	if (way->receive(c, NULL) != result(c))
		abort();
}

static void send_later(void *arg)
{
	kc_sleep(50 * KC_MILLISECOND);
	send(arg);
}

/* Receives what is sent while the receiver waits. */
__attribute__((noipa)) static void wait_for(kc_chan *c, const struct way *way)
{
	uint64_t got;

	if (kc_go(send_later, c) || way->receive(c, unwritten(&got)) != result(c))
		abort();
	look_at(&got);
}

static void receive_all(kc_chan *c, const struct way *ways, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		receive(c, &ways[i]);
	for (i = 0; i < nr; i++)
		if (ways[i].waits)
			wait_for(c, &ways[i]);
}

static void receive_in_all_ways(kc_chan *c, const struct way *ways, size_t nr)
{
	receive_all(c, ways, nr);
	/* With this flag, those that use read() wait in another way. */
	fcntl(kc_fd(c), F_SETFL, O_RDWR | O_NONBLOCK);
	receive_all(c, ways, nr);
}

static void make_contexts(void)
{
	kc_chan *recv, *send;

	if (kc_with_cancel(&here, NULL) || kc_make_pair(&recv, &send, 0, 0) ||
	    kc_ctx_from_fd(&elsewhere, NULL, dup(kc_fd(recv))))
		abort();
}

/* A channel that is used often is mapped, but memcheck sees no less. */
static kc_chan *make_hot(void)
{
	kc_chan *c = make(0);
	uint64_t got;
	int i;

	for (i = 0; i < 200; i++) {
		send(c);
		if (kc_recv(c, &got) != 1)
			abort();
	}
	return c;
}

int main(int argc, char **argv)
{
	uint64_t value;

	define_thread_locals();
	if (argc > 1 && !strcmp(argv[1], "send"))
		return kc_try_send(make(0), unwritten(&value));
	if (argc > 1 && !strcmp(argv[1], "hot"))
		return kc_try_send(make_hot(), unwritten(&value));
	if (argc > 1)
		look_at(unwritten(&value));
	make_contexts();
	receive_in_all_ways(make(0), element_ways,
			    sizeof(element_ways) / sizeof(element_ways[0]));
	receive_in_all_ways(make(KC_CHAN_MESSAGE), message_ways,
			    sizeof(message_ways) / sizeof(message_ways[0]));
	return 0;
}
