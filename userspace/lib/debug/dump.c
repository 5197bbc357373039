// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Printing what all goroutines do, for people.
 *
 * Looking up names needs more stack than a goroutine has. So it is done in a new
 * thread. The output is written while no goroutine is held: a slow reader delays only
 * the dump. The reader may be a goroutine of this process.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "debug/dump.h"
#include "panic/backtrace.h"
#include "sched/park.h"
#include "sched/thread.h"

/* At most this many channels of a select are printed. */
#define MOST_CHANNELS	8

#define MINUTE	(60 * KC_SECOND)
#define HOUR	(60 * MINUTE)

static void put_channel(struct kc_print *out, uint64_t id, int fd)
{
	if (id)
		kc_print_number(out, id);
	else
		kc_print_text(out, "?");
	kc_print_text(out, " (fd ");
	kc_print_number(out, fd);
	kc_print_text(out, ")");
}

static void put_cases(struct kc_print *out, const struct kc_parked *p)
{
	const struct kchan_case *cases = p->on;
	struct kchan_info info;
	unsigned int i, nr = 0;

	for (i = 0; i < p->nr; i++) {
		if (cases[i].op == KCHAN_OP_POLL ||
		    sys_ioctl(cases[i].fd, KCHAN_IOC_INFO, &info))
			continue;
		if (nr == MOST_CHANNELS) {
			kc_print_text(out, ", ...");
			return;
		}
		kc_print_text(out, nr++ ? ", " : " on channels ");
		put_channel(out, info.id, cases[i].fd);
	}
}

/* Prints a duration in a short form: 2.5 s, 3 m, 4 h. */
static void put_duration(struct kc_print *out, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	if (ns >= HOUR) {
		kc_print_number(out, ns / HOUR);
		kc_print_text(out, " h");
	} else if (ns >= MINUTE) {
		kc_print_number(out, ns / MINUTE);
		kc_print_text(out, " m");
	} else {
		kc_print_number(out, ns / KC_SECOND);
		kc_print_text(out, ".");
		kc_print_number(out, ns % KC_SECOND / (KC_SECOND / 10));
		kc_print_text(out, " s");
	}
}

static void put_head(struct kc_print *out, const struct kc_sight *s, int64_t now,
		     const char *note)
{
	char buf[MOST_CHANNELS * 48 + 96];
	struct kc_print state = KC_PRINT_BUF(buf);

	kc_print_text(&state, kc_state_name(s->info.state));
	if (s->info.fd >= 0) {
		kc_print_text(&state, " on channel ");
		put_channel(&state, s->info.channel, s->info.fd);
	}
	if (s->info.state == KC_STATE_SELECT)
		put_cases(&state, s->parked);
	if (s->parked) {
		kc_print_text(&state, ", ");
		put_duration(&state, now - s->info.since);
	}
	if (note) {
		kc_print_text(&state, ", ");
		kc_print_text(&state, note);
	}
	kc_backtrace_head(out, s->info.id, s->name, kc_print_string(&state));
}

void kc_dump_one(struct kc_print *out, const struct kc_sight *s, int64_t now,
		 const char *note)
{
	put_head(out, s, now, note);
	if (s->parked)
		kc_backtrace_waiting(out, &s->trace);
	else
		kc_backtrace_trace(out, &s->trace);
	if (!s->trace.nr)
		kc_print_text(out, "\t(no backtrace)\n");
	kc_backtrace_creator(out, s->info.parent, s->info.started_at);
}

struct dump {
	const struct kc_looker *looker;
	int fd;
	bool begun;
	struct kc_print out;
	int ret;
};

static int write_all(int fd, const char *text, size_t len)
{
	long ret;

	while (len) {
		ret = sys_write(fd, text, len);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return ret;
		text += ret;
		len -= ret;
	}
	return 0;
}

static int put(void *data, struct kc_sight *s)
{
	struct dump *dump = data;
	struct kc_print *out = &dump->out;

	out->len = 0;
	if (dump->begun)
		kc_print_text(out, "\n");
	dump->begun = true;
	kc_dump_one(out, s, kc_real_now(), NULL);
	return out->failed ? -ENOMEM : 0;
}

static int put_other(void *data, struct kc_sight *s)
{
	struct dump *dump = data;

	dump->out.len = 0;
	return s->info.flags & KC_GOROUTINE_SELF ? 0 : put(data, s);
}

static int put_out(void *data)
{
	struct dump *dump = data;

	return write_all(dump->fd, dump->out.text, dump->out.len);
}

int kc_dump_all(const struct kc_looker *looker, int fd)
{
	struct dump dump = { looker, fd, false, KC_PRINT_MEMORY, 0 };
	int ret = 0;

	if (looker->self)
		ret = kc_look_self(looker, put, &dump);
	if (!ret)
		ret = put_out(&dump);
	if (!ret)
		ret = kc_look(looker, put_other, put_out, &dump);
	free(dump.out.text);
	return ret;
}

static void dump_all(void *data)
{
	struct dump *dump = data;

	dump->ret = kc_dump_all(dump->looker, dump->fd);
}

int kc_dump(int fd)
{
	struct kc_looker looker;
	struct dump dump = { .looker = &looker, .fd = fd };
	long ret = sys_fd_flags(fd);

	if (ret < 0)
		return ret;
	kc_looker_take(&looker, (uintptr_t)__builtin_return_address(0));
	kc_thread_roomy(dump_all, &dump);
	return dump.ret;
}

static void put_self(void *data)
{
	struct dump *dump = data;

	dump->ret = kc_look_self(dump->looker, put, dump);
}

char *kc_stack_text(void)
{
	struct kc_looker looker;
	struct dump dump = { .looker = &looker, .out = KC_PRINT_MEMORY };

	kc_looker_take(&looker, (uintptr_t)__builtin_return_address(0));
	kc_thread_roomy(put_self, &dump);
	if (dump.ret) {
		free(dump.out.text);
		return NULL;
	}
	return kc_print_string(&dump.out);
}
