// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit callers: the same structures, the same numbers. The calls enter the
 * kernel by its 32-bit gate, with memory that 32 bits can name.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "chan.h"

#ifdef __x86_64__

enum { NR32_READ = 3, NR32_WRITE = 4, NR32_IOCTL = 54, NR32_GETPID = 20 };

static long call32(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a" (ret)
			 : "a" (nr), "b" (a), "c" (b), "d" (c)
			 : "memory", "r8", "r9", "r10", "r11");
	if (ret < 0 && ret > -4096) {
		errno = -ret;
		return -1;
	}
	return ret;
}

static void no_gate(int sig)
{
	(void)sig;
	tap_skip("no 32-bit calls in this kernel");
}

/* Memory of the first 2 GiB. */
static char *begin(void)
{
	char *low = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	must(low != MAP_FAILED);
	must(signal(SIGSEGV, no_gate) != SIG_ERR);
	if (call32(NR32_GETPID, 0, 0, 0) != getpid())
		no_gate(0);
	must(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	return low;
}

static long low_of(void *p)
{
	must((uintptr_t)p < 1UL << 32);
	return (long)(uintptr_t)p;
}

static void structures(void)
{
	char *low = begin();
	struct kchan_setup *setup = (void *)low;
	struct kchan_resize *resize = (void *)(low + 64);
	struct kchan_info *info = (void *)(low + 128);
	int fd = chan_open();

	*setup = (struct kchan_setup){ .elem_size = 8, .capacity = 3 };
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_SETUP,
			  low_of(setup)), 0);
	*resize = (struct kchan_resize){ .capacity = 5 };
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_RESIZE,
			  low_of(resize)), 0);
	memset(info, POISON, sizeof(*info));
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_INFO,
			  low_of(info)), 0);
	expect_int(info->elem_size, 8);
	expect_int(info->capacity, 5);
	expect_int(info->id, chan_info(fd).id);
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_CLOSE, 0), 0);
	expect_errno(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_CLOSE, 0),
		     EALREADY);
	expect_errno(call32(NR32_IOCTL, fd, 0xc71f, 0), ENOTTY);
}

static void select32(void)
{
	char *low = begin();
	struct one_case *o = (void *)low;
	uint64_t *v = (void *)(low + 1024);
	int fd = chan_make(0, 8, 2);

	*v = 123456789012345;
	one_case(o, fd, KCHAN_OP_SEND, v, 8, 0, 0);
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_SELECT,
			  low_of(&o->s)), 0);
	expect_int(o->s.index, 0);
	expect_int(o->s.status, 0);
	expect_int(o->s.len, 8);
	*v = 0;
	one_case(o, fd, KCHAN_OP_RECV, v, 8, KCHAN_SELECT_DEADLINE, 1);
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_SELECT,
			  low_of(&o->s)), 0);
	expect_int(*v, 123456789012345);
	one_case(o, fd, KCHAN_OP_RECV, v, 8, KCHAN_SELECT_DEADLINE,
		 tap_now_ns() + 1000000);
	expect_errno(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_SELECT,
			    low_of(&o->s)), ETIMEDOUT);
	expect(tap_now_ns() >= (long long)o->s.deadline);
}

static void read_write(void)
{
	char *low = begin();
	int fd = chan_make(0, 8, 2);

	fill(low, 16, 1);
	expect_int(call32(NR32_WRITE, fd, low_of(low), 16), 16);
	memset(low, POISON, 16);
	expect_int(call32(NR32_READ, fd, low_of(low), 100), 16);
	expect(filled(low, 16, 1));
	expect_errno(call32(NR32_WRITE, fd, low_of(low), 12), EINVAL);
	expect_errno(call32(NR32_READ, fd, low_of(low), 7), EINVAL);
}

static void armed32(void)
{
	char *low = begin();
	struct kchan_arm *a = (void *)low;
	struct kchan_case *c = (void *)(low + 256);
	struct { struct kchan_commit commit; uint64_t value; } *got;
	int fd = chan_make(0, 8, 2), armed;
	int *bytes = (void *)(low + 512);

	got = (void *)(low + 1024);
	*c = (struct kchan_case){ .fd = fd, .op = KCHAN_OP_RECV, .len = 8 };
	*a = (struct kchan_arm){
		.cases = (uintptr_t)c,
		.nr_cases = 1,
		.case_size = sizeof(*c),
		.flags = KCHAN_ARM_NONBLOCK,
		.commit_size = sizeof(got->commit),
	};
	armed = (int)call32(NR32_IOCTL, fd, (long)KCHAN_IOC_ARM, low_of(a));
	must(armed >= 0);
	expect_errno(call32(NR32_READ, armed, low_of(got), sizeof(*got)), EAGAIN);
	expect_errno(call32(NR32_IOCTL, armed, (long)KCHAN_IOC_ARM, low_of(a)),
		     EINVAL);
	a->flags = 0;
	expect_errno(call32(NR32_IOCTL, armed, (long)KCHAN_IOC_ARM, low_of(a)),
		     EBUSY);
	send_u64(fd, 123456789012345);
	send_u64(fd, 1);
	expect_errno(call32(NR32_IOCTL, armed, (long)KCHAN_IOC_DISARM, 0),
		     EALREADY);
	memset(got, POISON, sizeof(*got));
	expect_int(call32(NR32_READ, armed, low_of(got), sizeof(*got)),
		   sizeof(*got));
	expect_int(got->commit.size, sizeof(got->commit));
	expect_int(got->commit.index, 0);
	expect_int(got->commit.status, 0);
	expect_int(got->commit.len, 8);
	expect_int(got->value, 123456789012345);
	*bytes = 0;
	expect_int(call32(NR32_IOCTL, fd, FIONREAD, low_of(bytes)), 0);
	expect_int(*bytes, 8);
}

static void mapped32(void)
{
	char *low = begin();
	struct kchan_map *map = (void *)low;
	int fd = chan_make(0, 8, 2);

	memset(map, 0, sizeof(*map));
	expect_errno(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_MAP, low_of(map)),
		     EOPNOTSUPP);
	expect(!(chan_info(fd).flags & KCHAN_INFO_MAPPED));
	memset(map, 0, sizeof(*map));
	expect(ioctl(fd, KCHAN_IOC_MAP, map) >= 0);
	expect_int(call32(NR32_IOCTL, fd, (long)KCHAN_IOC_KICK, 0), 0);
}

static const struct tap_test tests[] = {
	{ "structures of 32-bit callers", structures },
	{ "armed selects and FIONREAD of 32-bit callers", armed32 },
	{ "select of 32-bit callers", select32 },
	{ "read and write of 32-bit callers", read_write },
	{ "mapped channels and 32-bit callers", mapped32 },
};

#else

static void none(void)
{
	tap_skip("written for x86-64 only");
}

static const struct tap_test tests[] = {
	{ "32-bit callers", none },
};

#endif

TAP_MAIN(tests)
