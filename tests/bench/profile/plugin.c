// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU's TCG, with one virtual CPU: where the guest's instructions are
 * executed, or how long the module holds spin locks.
 *
 * Both look at the regions between the marks of tests/bench/mark.h, and at everything
 * if the program has none. Arguments:
 *
 *	out=FILE	what was found, in lines
 *	lock=ADDRESS	functions of the kernel that take a spin lock: look at holds.
 *	unlock=ADDRESS	Those that drop one.
 *	irq=ADDRESS	Where interrupts enter: they are no part of a hold.
 *	trap=ADDRESS	Where faults do: they are.
 *
 * All but out= may be given more than once. Without lock= a line is
 * "ADDRESS COUNT", for each instruction. With it, "site ADDRESS HOLDS LONGEST"
 * for each place that took a lock; for the longest hold of all "longest
 * INSTRUCTIONS FROM TO", and "in ADDRESS INSTRUCTIONS" for each block in it.
 *
 * A hold begins when the module calls lock and ends when it calls unlock, of the
 * first and the last lock if it has several at a time. While it has one no other
 * task runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mark.h"
#include "plugin.h"

#define MODULES_BEGIN	0xffffffffc0000000
#define MODULES_END	0xffffffffff000000
#define BUCKETS		(1U << 18)
#define MAX_ADDRESSES	128

/* An instruction, or with lock= a block of them. */
struct place {
	struct place *next;		/* in its bucket */
	uint64_t address;
	uint64_t insns;
	uint64_t last;			/* address of the last one */
	enum { ORDINARY, LOCK, UNLOCK, IRQ, TRAP } kind;
	bool returns;			/* from an interrupt or a fault */
	uint64_t count;			/* executed, in all or in the hold under way */
	uint64_t before;		/* the region under way */
	uint64_t sum;			/* in the regions that are over */
	uint64_t hold;			/* number of the last one that it is in */
	uint64_t holds;			/* begun here */
	uint64_t longest;		/* of these */
};

struct address {
	uint64_t value;
	int kind;
};

int qemu_plugin_version = 1;

static struct place *buckets[BUCKETS];
static struct address addresses[MAX_ADDRESSES];
static unsigned int nr_addresses;
static const char *out;
static bool holds;
static bool inside = true;

static struct {
	uint64_t number;
	unsigned int locks;		/* held */
	/* Interrupts and faults under way: a bit for each, 1 for an interrupt. */
	uint64_t entered;
	struct place *interrupted;
	struct place *last;		/* block executed */
	struct place *site;
	uint64_t insns;
	bool counts;			/* it began inside of a region */
	struct place **places;
	size_t nr, room;
} now;

static struct {
	uint64_t insns, from, to;
	struct { uint64_t address, insns; } *places;
	size_t nr;
} longest;

static void *allocate(void *old, size_t nr, size_t size)
{
	void *new = reallocarray(old, nr, size);

	if (!new) {
		fputs("profile: no memory\n", stderr);
		abort();
	}
	return new;
}

/* Translated again it is the same place. */
static struct place *find_place(uint64_t address, uint64_t insns)
{
	struct place **bucket = &buckets[(address ^ address >> 18) % BUCKETS];
	struct place *place;

	for (place = *bucket; place; place = place->next)
		if (place->address == address && place->insns == insns)
			return place;
	place = allocate(NULL, 1, sizeof(*place));
	*place = (struct place){ .next = *bucket, .address = address, .insns = insns };
	for (unsigned int i = 0; i < nr_addresses; i++)
		if (addresses[i].value == address)
			place->kind = addresses[i].kind;
	*bucket = place;
	return place;
}

static void for_all(void (*act)(struct place *place))
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct place *place = buckets[i]; place; place = place->next)
			act(place);
}

static void forget(struct place *place)
{
	place->sum = 0;
	place->holds = 0;
	place->longest = 0;
}

static void begin(struct place *place)
{
	place->before = place->count;
}

static void end(struct place *place)
{
	place->sum += place->count - place->before;
}

static void at_mark(unsigned int cpu, void *data)
{
	(void)cpu;
	switch ((uintptr_t)data) {
	case MARK_FORGET:
		inside = false;
		longest.insns = 0;
		for_all(forget);
		break;
	case MARK_BEGIN:
		inside = true;
		if (!holds)
			for_all(begin);
		break;
	case MARK_END:
		if (!holds && inside)
			for_all(end);
		inside = false;
		break;
	}
}

static void look_for_mark(struct qemu_plugin_insn *insn)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	uint32_t number;

	if (qemu_plugin_insn_size(insn) != sizeof(nopl) + sizeof(number) ||
	    memcmp(bytes, nopl, sizeof(nopl)))
		return;
	memcpy(&number, bytes + sizeof(nopl), sizeof(number));
	qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, QEMU_PLUGIN_CB_NO_REGS,
					       (void *)(uintptr_t)number);
}

static void count_insn(struct qemu_plugin_insn *insn)
{
	struct place *place = find_place(qemu_plugin_insn_vaddr(insn), 1);

	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
						   &place->count, 1);
}

static bool of_module(const struct place *place)
{
	return place && place->address >= MODULES_BEGIN &&
		place->address < MODULES_END;
}

static void begin_hold(struct place *site)
{
	now.number++;
	now.site = site;
	now.insns = 0;
	now.nr = 0;
	now.counts = inside;
}

static void add_to_hold(struct place *place)
{
	if (place->hold != now.number) {
		place->hold = now.number;
		place->count = 0;
		if (now.nr == now.room) {
			now.room = now.room ? 2 * now.room : 1024;
			now.places = allocate(now.places, now.room,
					      sizeof(*now.places));
		}
		now.places[now.nr++] = place;
	}
	place->count += place->insns;
	now.insns += place->insns;
}

static void end_hold(const struct place *site)
{
	if (!now.counts)
		return;
	now.site->holds++;
	if (now.insns > now.site->longest)
		now.site->longest = now.insns;
	if (now.insns <= longest.insns)
		return;
	longest.insns = now.insns;
	longest.from = now.site->last;
	longest.to = site->last;
	longest.nr = now.nr;
	longest.places = allocate(longest.places, now.nr, sizeof(*longest.places));
	for (size_t i = 0; i < now.nr; i++) {
		longest.places[i].address = now.places[i]->address;
		longest.places[i].insns = now.places[i]->count;
	}
}

/* A block is about to be executed. */
static void at_block(unsigned int cpu, void *data)
{
	struct place *place = data, *last = now.last;

	(void)cpu;
	now.last = place;
	if (now.locks && (place->kind == IRQ || place->kind == TRAP)) {
		if (!now.entered)
			now.interrupted = last;
		now.entered = now.entered << 1 | (place->kind == IRQ);
	}
	if (now.entered) {
		if (place->returns) {
			now.entered >>= 1;
			now.last = now.interrupted;
		}
		return;
	}
	if (place->kind == UNLOCK && of_module(last) && now.locks && !--now.locks)
		end_hold(last);
	if (place->kind == LOCK && of_module(last) && !now.locks++)
		begin_hold(last);
	if (now.locks)
		add_to_hold(place);
}

static void watch_block(struct qemu_plugin_tb *tb)
{
	static const uint8_t iretq[] = { 0x48, 0xcf };
	const size_t nr = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, nr - 1);
	struct place *place = find_place(qemu_plugin_insn_vaddr(first), nr);

	place->last = qemu_plugin_insn_vaddr(last);
	place->returns = qemu_plugin_insn_size(last) == sizeof(iretq) &&
		!memcmp(qemu_plugin_insn_data(last), iretq, sizeof(iretq));
	qemu_plugin_register_vcpu_tb_exec_cb(tb, at_block, QEMU_PLUGIN_CB_NO_REGS,
					     place);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	if (holds)
		watch_block(tb);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		look_for_mark(insn);
		if (!holds)
			count_insn(insn);
	}
}

static FILE *file;

static void print_count(struct place *place)
{
	if (place->sum)
		fprintf(file, "%" PRIx64 " %" PRIu64 "\n", place->address, place->sum);
}

static void print_site(struct place *place)
{
	if (place->holds)
		fprintf(file, "site %" PRIx64 " %" PRIu64 " %" PRIu64 "\n", place->last,
			place->holds, place->longest);
}

static void print_longest(void)
{
	fprintf(file, "longest %" PRIu64 " %" PRIx64 " %" PRIx64 "\n", longest.insns,
		longest.from, longest.to);
	for (size_t i = 0; i < longest.nr; i++)
		fprintf(file, "in %" PRIx64 " %" PRIu64 "\n", longest.places[i].address,
			longest.places[i].insns);
}

static void finish(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	file = fopen(out, "w");
	if (!file) {
		perror(out);
		return;
	}
	if (!holds && inside)
		for_all(end);
	for_all(holds ? print_site : print_count);
	if (holds && longest.insns)
		print_longest();
	fclose(file);
}

static bool take_argument(char *argument)
{
	static const char *const names[] = {
		[LOCK] = "lock", [UNLOCK] = "unlock", [IRQ] = "irq", [TRAP] = "trap",
	};
	char *value = strchr(argument, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(argument, "out")) {
		out = value;
		return true;
	}
	for (int kind = LOCK; kind <= TRAP; kind++) {
		if (strcmp(argument, names[kind]) || nr_addresses == MAX_ADDRESSES)
			continue;
		addresses[nr_addresses++] = (struct address){
			strtoull(value, NULL, 16), kind
		};
		holds = true;
		return true;
	}
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!take_argument(argv[i])) {
			fprintf(stderr, "profile: %s?\n", argv[i]);
			return -1;
		}
	}
	if (!out) {
		fputs("profile: out=FILE is missing\n", stderr);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
