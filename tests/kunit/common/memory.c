// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the tests: the user's memory, which may be missing or late, and the
 * kernel's memory, whose allocation may fail.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "memory.h"

/**
 * kt_user_pages() - make user memory, followed by a page that is not accessible
 * @test: the test
 * @nr: pages
 *
 * Return: its address, in the current task's memory; the test is skipped where there
 * is no user memory.
 */
unsigned long kt_user_pages(struct kunit *test, unsigned int nr)
{
	bool attached = current->mm;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, (nr + 1) * PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	/*
	 * KUnit attaches the memory by kthread_use_mm(), and the end of the thread
	 * detaches it. That drops the thread's use of the memory, but not the
	 * reference that kthread_unuse_mm() would drop.
	 */
	if (!attached && current->mm)
		mmdrop(current->mm);
	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no user memory");
	/* Do not leave a hole: the next call of this function would fill it. */
	KUNIT_ASSERT_EQ(test, addr + nr * PAGE_SIZE,
			vm_mmap(NULL, addr + nr * PAGE_SIZE, PAGE_SIZE,
				PROT_NONE,
				MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0));
	return addr;
}

static int kt_slow_mmap(struct file *file, struct vm_area_struct *vma);

static vm_fault_t kt_slow_fault(struct vm_fault *vmf)
{
	struct kt_slow *slow = vmf->vma->vm_private_data;

	complete_all(&slow->touched);
	if (!wait_for_completion_timeout(&slow->go, KT_PATIENCE) || slow->bad)
		return VM_FAULT_SIGBUS;
	get_page(slow->page);
	vmf->page = slow->page;
	return 0;
}

static const struct vm_operations_struct kt_slow_ops = {
	.fault = kt_slow_fault,
};

static const struct file_operations kt_slow_fops = {
	.owner = THIS_MODULE,
	.mmap = kt_slow_mmap,
};

static int kt_slow_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &kt_slow_ops;
	return 0;
}

static void kt_free_slow(void *arg)
{
	struct kt_slow *slow = arg;

	put_page(slow->page);
	kfree(slow);
}

/**
 * kt_slow() - put a page that comes late into user memory
 * @test: the test
 * @addr: where, of kt_user_pages()
 *
 * A task that waits for the page holds the memory's lock. Until the page comes, the
 * test must not make other user memory.
 *
 * Return: the page.
 */
struct kt_slow *kt_slow(struct kunit *test, unsigned long addr)
{
	struct kt_slow *slow = kzalloc(sizeof(*slow), GFP_KERNEL);
	struct file *file;
	unsigned long at;

	KUNIT_ASSERT_NOT_NULL(test, slow);
	slow->test = test;
	init_completion(&slow->touched);
	init_completion(&slow->go);
	slow->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!slow->page)
		kfree(slow);
	KUNIT_ASSERT_NOT_NULL(test, slow->page);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, kt_free_slow, slow));
	file = anon_inode_getfile("[kt-slow]", &kt_slow_fops, slow, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	at = vm_mmap(file, addr, PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, 0);
	fput(file);
	KUNIT_ASSERT_EQ(test, at, addr);
	return slow;
}

/**
 * kt_slow_wait() - wait until a task waits for a page
 * @slow: the page
 */
void kt_slow_wait(struct kt_slow *slow)
{
	if (!wait_for_completion_timeout(&slow->touched, KT_PATIENCE))
		KUNIT_FAIL_AND_ABORT(slow->test, "nobody touches the page");
}

/**
 * kt_slow_go() - let the tasks that wait for a page go on
 * @slow: the page
 * @bad: the page never comes
 */
void kt_slow_go(struct kt_slow *slow, bool bad)
{
	slow->bad = bad;
	complete_all(&slow->go);
}

/* Writes a character to a file of debugfs. */
static int kt_write_file(struct kunit *test, const char *path, char c)
{
	unsigned long addr;
	struct file *file;
	loff_t pos = 0;
	int ret = -EFAULT;

	addr = kt_user_pages(test, 1);
	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (!put_user(c, (char __user *)addr))
		ret = file->f_op->write(file, (char __user *)addr, 1, &pos);
	fput(file);
	return ret == 1 ? 0 : ret;
}

#define FAILSLAB "/sys/kernel/debug/failslab/"

/**
 * kt_failslab() - let allocations that may sleep fail, too, without a message
 * @test: the test, which is skipped where the kernel cannot do this
 * @on: whether to
 */
void kt_failslab(struct kunit *test, bool on)
{
	if (!IS_ENABLED(CONFIG_FAILSLAB))
		kunit_skip(test, "no failslab");
	if (kt_write_file(test, FAILSLAB "ignore-gfp-wait", on ? 'N' : 'Y') ||
	    kt_write_file(test, FAILSLAB "verbose", on ? '0' : '2'))
		kunit_skip(test, "no debugfs");
}

/**
 * kt_fail_nth() - make an allocation of the current task fail
 * @nth: which one, counted from 1; 0 for none
 *
 * Return: what is left of the count of the one before.
 */
unsigned int kt_fail_nth(unsigned int nth)
{
	unsigned int left = 0;

#ifdef CONFIG_FAULT_INJECTION
	left = current->fail_nth;
	WRITE_ONCE(current->fail_nth, nth);
#endif
	return left;
}
