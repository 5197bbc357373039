// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the caller that is not present. For the kernel's memory see alloc_test.c.
 */
#include <kunit/test.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "harness.h"
#include "memory.h"

/* A size for each way in which elements are stored and staged. */
static const u32 fault_sizes[] = { 8, 200, PAGE_SIZE + 8 };

static void fault_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bytes", *size);
}

KUNIT_ARRAY_PARAM(fault_size, fault_sizes, fault_size_desc);

/* A call with a buffer in user memory, in a thread of its own. */
static struct kt_call *fault_call(struct kunit *test, struct kchan *ch,
				  bool send, unsigned long addr, size_t len)
{
	struct kt_call *call = kt_call(test, ch, send, len);

	call->ubuf = addr;
	return call;
}

static ssize_t fault_run(struct kt_call *call)
{
	kt_start(call);
	return kt_join(call);
}

/* A send from, and a receive to, user memory that was never touched. */
static void fault_first_touch(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long from = kt_user_pages(test, 4);
	unsigned long to = kt_user_pages(test, 4);
	struct kchan *ch = kt_chan(test, size, 2);
	void *buf = kunit_kzalloc(test, 3 * size, GFP_KERNEL);
	void *got = kunit_kzalloc(test, 3 * size, GFP_KERNEL);
	struct kt_call *call;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, got);
	/* The pages are read as zeros. */
	call = fault_call(test, ch, true, from, 2 * size);
	KUNIT_EXPECT_EQ(test, fault_run(call), 2 * size);
	call = fault_call(test, ch, false, to, 3 * size);
	KUNIT_EXPECT_EQ(test, fault_run(call), 2 * size);

	/* The pages hold data, and a receiver waits. */
	kt_fill(buf, 3 * size, size);
	KUNIT_ASSERT_EQ(test, 0,
			copy_to_user((void __user *)from, buf, 3 * size));
	call = fault_call(test, ch, false, to, size);
	kt_park(call);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, from, 3 * size)),
			3 * size);
	KUNIT_EXPECT_EQ(test, kt_join(call), size);
	call = fault_call(test, ch, false, to + size, 2 * size);
	KUNIT_EXPECT_EQ(test, fault_run(call), 2 * size);
	KUNIT_ASSERT_EQ(test, 0,
			copy_from_user(got, (void __user *)to, 3 * size));
	KUNIT_EXPECT_EQ(test, memcmp(buf, got, 3 * size), 0);
	kt_check(test, ch);
}

/* A bad buffer is found before anything waits. */
static void fault_before_waiting(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, size, 0);
	unsigned int i;

	/* All of the buffer is bad, or only its last byte. */
	for (i = 0; i < 2; i++) {
		unsigned long addr = i && size < PAGE_SIZE ?
				     end - size + 1 : end;

		KUNIT_EXPECT_EQ(test,
				fault_run(fault_call(test, ch, false, addr,
						     size)), -EFAULT);
		KUNIT_EXPECT_EQ(test,
				fault_run(fault_call(test, ch, true, addr,
						     size)), -EFAULT);
	}
	kt_check(test, ch);
}

/* A send that faults moves nothing, and a receiver that waits goes on waiting. */
static void fault_send(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, size, 2);
	struct kt_call *recv = kt_park_recv(test, ch, size);
	struct kt_call *send = kt_call(test, ch, true, size);

	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, end - 4, size)),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, ch->receivers.len, 1);
	KUNIT_EXPECT_FALSE(test, kt_returned(recv));
	kt_fill(send->buf, size, 5);
	KUNIT_EXPECT_EQ(test, fault_run(send), size);
	KUNIT_EXPECT_EQ(test, kt_join(recv), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(recv->buf, size, 5));
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, end - 4, size)),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
}

/*
 * A fault in the middle of a batch: the call returns what was sent. The next call
 * fails with the fault.
 */
static void fault_send_batch(struct kunit *test)
{
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, 8, 8);
	static const u64 in[2] = { 1, 2 };

	KUNIT_ASSERT_EQ(test, 0,
			copy_to_user((void __user *)(end - 20), in, 16));
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, end - 20, 40)),
			16);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, end - 4, 24)),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), -EAGAIN);
	kt_check(test, ch);
}

/* A receive that faults leaves the element, whole, where it was in the order. */
static void fault_recv(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, size, 2);
	struct kt_call *buf = kt_call(test, ch, true, size);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		kt_fill(buf->buf, size, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
	}
	for (i = 0; i < 3; i++) {
		struct kt_call *call;

		/* Also for a receive that does not wait. */
		call = fault_call(test, ch, false, end - 4, size);
		call->wait.nonblock = i % 2;
		KUNIT_EXPECT_EQ(test, fault_run(call), -EFAULT);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 2);
	}
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, i));
	}
	kt_check(test, ch);
}

static void fault_recv_batch(struct kunit *test)
{
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, 8, 8);
	u64 out[2];
	u64 n;

	for (n = 0; n < 4; n++)
		KUNIT_EXPECT_EQ(test, kt_send_n(ch, n), 0);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, false, end - 20, 32)),
			16);
	KUNIT_ASSERT_EQ(test, 0,
			copy_from_user(out, (void __user *)(end - 20), 16));
	KUNIT_EXPECT_EQ(test, out[0], 0);
	KUNIT_EXPECT_EQ(test, out[1], 1);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 2);
	KUNIT_EXPECT_EQ(test, kt_recv_n(ch), 3);
	kt_check(test, ch);
}

/*
 * A receive from a sender that waits: the sender goes on waiting. But a sender of an
 * element over a page was claimed. It has sent the element, and the element is put
 * back.
 */
static void fault_recv_from_sender(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_chan(test, size, 0);
	struct kt_call *send = kt_call(test, ch, true, size);
	struct kt_call *recv = kt_call(test, ch, false, size);

	kt_fill(send->buf, size, 8);
	kt_park(send);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, false, end - 4, size)),
			-EFAULT);
	if (size > PAGE_SIZE) {
		KUNIT_EXPECT_EQ(test, kt_join(send), size);
		KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	} else {
		KUNIT_EXPECT_FALSE(test, kt_returned(send));
		KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	}
	KUNIT_EXPECT_EQ(test, fault_run(recv), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(recv->buf, size, 8));
	KUNIT_EXPECT_EQ(test, kt_join(send), size);
	kt_check(test, ch);
}

/*
 * The buffer was good when the receiver parked. It is gone when the receiver has been
 * handed an element. The element goes to the receiver that waits next, or else waits
 * for the next one to come.
 */
static void fault_after_hand_over(struct kunit *test)
{
	const u32 size = *(const u32 *)test->param_value;
	unsigned long addr = kt_user_pages(test, 2);
	struct kchan *ch = kt_chan(test, size, 1);
	struct kt_call *gone[2], *next;
	struct kt_call *buf = kt_call(test, ch, true, size);
	unsigned int i;

	gone[0] = fault_call(test, ch, false, addr, size);
	kt_park(gone[0]);
	next = kt_park_recv(test, ch, size);
	gone[1] = fault_call(test, ch, false, addr, size);
	kt_park(gone[1]);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, 2 * PAGE_SIZE));
	for (i = 0; i < 2; i++) {
		kt_fill(buf->buf, size, i);
		KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
		KUNIT_EXPECT_EQ(test, kt_join(gone[i]), -EFAULT);
	}
	KUNIT_EXPECT_EQ(test, kt_join(next), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(next->buf, size, 0));
	/*
	 * It was sent before, so it is received before, and it does not count for the
	 * capacity.
	 */
	KUNIT_EXPECT_EQ(test, ch->stored, 0);
	KUNIT_EXPECT_EQ(test, ch->nr_put_back, 1);
	kt_fill(buf->buf, size, 2);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
		KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, i));
	}
	kt_check(test, ch);
}

/* A message that cannot be copied out is no shorter afterwards. */
static void fault_message(struct kunit *test)
{
	unsigned long end = kt_user_pages(test, 1) + PAGE_SIZE;
	struct kchan *ch = kt_message_chan(test, 64, 2);
	u8 buf[64];

	kt_fill(buf, 33, 1);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf, 33), 33);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, false, end - 32, 64)),
			-EFAULT);
	/* The message fits before the end of the memory. */
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, false, end - 33, 64)),
			33);
	KUNIT_EXPECT_EQ(test,
			fault_run(fault_call(test, ch, true, end - 32, 33)),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 0);
	kt_check(test, ch);
}

/*
 * A process that is being killed will never use what it receives through kernel
 * memory: that is put back.
 */
static void fault_fatal_signal(struct kunit *test)
{
	const u32 size = PAGE_SIZE + 8;
	struct kchan *ch = kt_chan(test, size, 2);
	struct kt_call *buf = kt_call(test, ch, true, size);
	struct kt_call *recv = kt_call(test, ch, false, size);

	kt_fill(buf->buf, size, 4);
	KUNIT_EXPECT_EQ(test, kt_try_send(ch, buf->buf, size), size);
	recv->pending = SIGKILL;
	KUNIT_EXPECT_EQ(test, fault_run(recv), -EINTR);
	KUNIT_EXPECT_EQ(test, kt_len(ch), 1);
	KUNIT_EXPECT_EQ(test, kt_try_recv(ch, buf->buf, size), size);
	KUNIT_EXPECT_TRUE(test, kt_filled(buf->buf, size, 4));
	kt_check(test, ch);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE_PARAM(fault_first_touch, fault_size_gen_params),
	KUNIT_CASE_PARAM(fault_before_waiting, fault_size_gen_params),
	KUNIT_CASE_PARAM(fault_send, fault_size_gen_params),
	KUNIT_CASE(fault_send_batch),
	KUNIT_CASE_PARAM(fault_recv, fault_size_gen_params),
	KUNIT_CASE(fault_recv_batch),
	KUNIT_CASE_PARAM(fault_recv_from_sender, fault_size_gen_params),
	KUNIT_CASE_PARAM(fault_after_hand_over, fault_size_gen_params),
	KUNIT_CASE(fault_message),
	KUNIT_CASE(fault_fatal_signal),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "kchan_fault",
	.test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
