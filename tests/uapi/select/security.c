// SPDX-License-Identifier: GPL-2.0-only
/*
 * A security module is asked about a case of a select before the case is tried or waits,
 * as about a read or write of its fd.
 *
 * The security module is a BPF program that this test loads. It forbids this process
 * what the test says, and only while a call of the test runs.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/syscall.h>

#include "armed.h"

/* Of the mask that the hook is given. */
#define MAY_WRITE 2
#define MAY_READ 4

static int map = -1;

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* What is known of the kernel's types and functions: its size, or 0 for nothing. */
static size_t read_btf(char *text, size_t room)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;

	if (fd < 0)
		return 0;
	while ((got = read(fd, text + size, room - size)) > 0)
		size += (size_t)got;
	close(fd);
	return size < room ? size : 0;
}

/* What follows a type in BTF, in bytes. */
static size_t behind(const struct btf_type *t)
{
	const size_t count = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return count * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return count * 8;
	default:
		return 0;
	}
}

/* The id of a function of the kernel; 0 when it is not there. */
static uint32_t kernel_function(const char *name)
{
	const size_t room = 64 << 20;
	char *text = map_pages(room);
	const struct btf_header *head = (void *)text;
	const char *at, *end, *strings;
	uint32_t id;

	if (read_btf(text, room) < sizeof(*head) || head->magic != BTF_MAGIC)
		return 0;
	at = text + head->hdr_len + head->type_off;
	end = at + head->type_len;
	strings = text + head->hdr_len + head->str_off;
	for (id = 1; at < end; id++) {
		const struct btf_type *t = (const void *)at;

		if (BTF_INFO_KIND(t->info) == BTF_KIND_FUNC &&
		    !strcmp(strings + t->name_off, name))
			return id;
		at += sizeof(*t) + behind(t);
	}
	return 0;
}

#define INSN(op, dst, src, offset, value) \
	{ .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), \
	  .imm = (value) }
#define MOV_REG(dst, src)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, value)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define SHIFT_RIGHT(dst, bits)	INSN(BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, bits)
#define SHIFT_LEFT(dst, bits)	INSN(BPF_ALU64 | BPF_LSH | BPF_K, dst, 0, 0, bits)
#define CALL(function)		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define LOAD(dst, src, offset)	INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, src, offset, 0)

/*
 * The only value in the map holds a process in its upper half, and the accesses that
 * this process may not have in its lower half.
 */
static int load(uint32_t hook)
{
	struct bpf_insn program[] = {
		MOV_REG(BPF_REG_6, BPF_REG_1),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		/* The address of the map, in two. */
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
		     map),
		INSN(0, 0, 0, 0, 0),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 12, 0),
		LOAD(BPF_REG_7, BPF_REG_0, 0),
		CALL(BPF_FUNC_get_current_pid_tgid),
		SHIFT_RIGHT(BPF_REG_0, 32),
		MOV_REG(BPF_REG_8, BPF_REG_7),
		SHIFT_RIGHT(BPF_REG_8, 32),
		INSN(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_0, BPF_REG_8, 6, 0),
		LOAD(BPF_REG_1, BPF_REG_6, 8),
		INSN(BPF_ALU64 | BPF_AND | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0),
		SHIFT_LEFT(BPF_REG_1, 32),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 2, 0),
		MOV_IMM(BPF_REG_0, -EPERM),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		MOV_IMM(BPF_REG_0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char log[8192];
	union bpf_attr attr = { 0 };
	int fd;

	attr.prog_type = BPF_PROG_TYPE_LSM;
	attr.expected_attach_type = BPF_LSM_MAC;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = (uintptr_t)"GPL";
	attr.attach_btf_id = hook;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		tap_note("the program is not loaded: %s: %s",
			 strerrorname_np(errno), log);
	return fd;
}

/* This process may not do so much from now on. */
static void forbid(uint32_t mask)
{
	uint32_t key = 0;
	uint64_t value = (uint64_t)getpid() << 32 | mask;
	union bpf_attr attr = { 0 };
	int error = errno;

	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	must_int(bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
	errno = error;
}

#define while_forbidden(mask, call)					\
	__extension__ ({						\
		long long ret_;						\
		forbid(mask);						\
		ret_ = (call);						\
		forbid(0);						\
		ret_;							\
	})

/* Skips the test where no such module can be had. */
static void begin(void)
{
	union bpf_attr attr = { 0 };
	uint32_t hook;
	uint64_t v = 1;
	int prog, fd;

	if (geteuid())
		tap_skip("needs root");
	hook = kernel_function("bpf_lsm_file_permission");
	if (!hook)
		tap_skip("no BPF for security modules");
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	map = bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		tap_skip("no BPF");
	prog = load(hook);
	if (prog < 0)
		tap_skip("no BPF programs for security modules");
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = (uint32_t)prog;
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0)
		tap_skip("no BPF programs in the place of a security module");
	/* It is in force. */
	fd = chan_make(0, 8, 2);
	if (while_forbidden(MAY_WRITE, write(fd, &v, 8)) != -1)
		tap_skip("the kernel does not ask BPF programs");
	expect_int(errno, EPERM);
	expect_int(chan_len(fd), 0);
	close(fd);
}

static void one_case_at_a_time(void)
{
	uint64_t v = 1;
	int fd;

	begin();
	fd = chan_make(0, 8, 4);
	expect_errno(while_forbidden(MAY_WRITE, try_send(fd, &v, 8)), EPERM);
	expect_int(chan_len(fd), 0);
	expect_int(while_forbidden(MAY_READ, try_send(fd, &v, 8)), 0);
	expect_errno(while_forbidden(MAY_READ, read(fd, &v, 8)), EPERM);
	expect_errno(while_forbidden(MAY_READ, try_recv(fd, &v, 8)), EPERM);
	expect_int(chan_len(fd), 1);
	expect_int(while_forbidden(MAY_WRITE, try_recv(fd, &v, 8)), 0);
	/* Ends of one direction, too. */
	expect_errno(while_forbidden(MAY_WRITE,
				     try_send(end_make(fd, KCHAN_END_SEND), &v,
					      8)), EPERM);
	expect_errno(while_forbidden(MAY_READ,
				     try_recv(end_make(fd, KCHAN_END_RECV), &v,
					      8)), EPERM);
}

/*
 * A case is asked about when it is tried, and each of them before the call waits. A case
 * that is forbidden never commits.
 */
static void among_others(void)
{
	int on, fd, ready;
	uint64_t v = 1;
	struct cases c;

	begin();
	on = chan_make(0, 8, 0);
	fd = chan_make(0, 8, 2);
	ready = chan_make(0, 8, 64);
	for (int way = 0; way < 2; way++) {
		tap_about("way %d", way);
		cases_init(&c, 0, 0);
		add_recv(&c, way ? on : -1, &v, 8);
		add_recv(&c, fd, &v, 8);
		add_send(&c, way ? -1 : on, &v, 8);
		/* None is ready, and it would wait: whatever fd the call is made on. */
		c.s.flags = KCHAN_SELECT_DEADLINE;
		c.s.deadline = (uint64_t)tap_now_ns() + 10000000000ULL;
		expect_errno(while_forbidden(MAY_READ, cases_run(on, &c)), EPERM);
		c.s.flags = 0;
		c.s.deadline = 0;
		expect_errno(while_forbidden(MAY_READ, cases_run(on, &c)), EPERM);
		expect_idle(fd);
		expect_idle(on);
		/* The forbidden one is ready, and no other. */
		send_u64(fd, 7);
		expect_errno(while_forbidden(MAY_READ, cases_now(on, &c)), EPERM);
		expect_errno(while_forbidden(MAY_READ, cases_run(on, &c)), EPERM);
		expect_int(chan_len(fd), 1);
		expect_recv(fd, 7);
	}
	/* One that is ready commits beside a forbidden one that is not. */
	cases_init(&c, 0, 0);
	add_recv(&c, fd, &v, 8);
	add_send(&c, ready, &v, 8);
	expect_int(while_forbidden(MAY_READ, cases_now(on, &c)), 1);
	expect_int(chan_len(ready), 1);
	/* Both are ready: the forbidden one fails the call, or does not commit. */
	send_u64(fd, 7);
	for (int i = 0; i < 20; i++) {
		const int before = (int)chan_len(ready);

		if (while_forbidden(MAY_READ, cases_now(on, &c)) == 1) {
			expect_int(chan_len(ready), before + 1);
		} else {
			expect_int(errno, EPERM);
			expect_int(chan_len(ready), before);
		}
		expect_int(chan_len(fd), 1);
	}
	/* What is not asked for is not asked about. */
	cases_init(&c, 0, 0);
	add_send(&c, ready, &v, 8);
	add_recv(&c, -1, &v, 8);
	expect_int(while_forbidden(MAY_READ, cases_now(on, &c)), 0);
}

static void armed(void)
{
	struct cases c;
	uint64_t v = 1;
	int fd, armed;

	begin();
	fd = chan_make(0, 8, 0);
	cases_init(&c, 0, 0);
	add_recv(&c, fd, NULL, 8);
	expect_errno(while_forbidden(MAY_READ, try_arm(fd, &c, 0)), EPERM);
	expect_int(chan_info(fd).recv_ends, 1);
	expect_idle(fd);
	armed = while_forbidden(MAY_WRITE, try_arm(fd, &c, 0));
	must(armed >= 0);
	expect_int(disarm(armed), 0);
	cases_init(&c, 0, 0);
	add_send(&c, fd, &v, 8);
	expect_errno(while_forbidden(MAY_WRITE, try_rearm(armed, &c)), EPERM);
	expect_errno(while_forbidden(MAY_WRITE, try_arm(fd, &c, 0)), EPERM);
	expect_int(chan_info(fd).send_ends, 1);
	expect_idle(fd);
	/* It can be armed after that. */
	must_int(try_rearm(armed, &c), 0);
	expect_recv(fd, 1);
}

static const struct tap_test tests[] = {
	{ "a select of one case", one_case_at_a_time },
	{ "a case among others", among_others },
	{ "an armed select", armed },
};

TAP_MAIN(tests)
