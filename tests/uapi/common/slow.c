// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slow pages by userfaultfd, see slow.h.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "slow.h"

void slow_page_make(struct slow_page *p)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	p->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (p->uffd < 0 || ioctl(p->uffd, UFFDIO_API, &api))
		tap_skip("no userfaultfd here");
	p->mem = map_pages(page_size());
	reg.range.start = (uintptr_t)p->mem;
	reg.range.len = page_size();
	must_int(ioctl(p->uffd, UFFDIO_REGISTER, &reg), 0);
}

void slow_page_wait(struct slow_page *p)
{
	struct pollfd wait_for = { .fd = p->uffd, .events = POLLIN };
	struct uffd_msg msg;

	must_int(poll(&wait_for, 1, (int)tap_patience() * 1000), 1);
	must_int(read(p->uffd, &msg, sizeof(msg)), sizeof(msg));
	must_int(msg.event, UFFD_EVENT_PAGEFAULT);
}

void slow_page_fill(struct slow_page *p)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)p->mem, page_size() },
	};

	must_int(ioctl(p->uffd, UFFDIO_ZEROPAGE, &zero), 0);
}

void slow_page_again(struct slow_page *p)
{
	must_int(madvise(p->mem, page_size(), MADV_DONTNEED), 0);
}

void slow_page_fail(struct slow_page *p)
{
	struct uffdio_range range = { (uintptr_t)p->mem, page_size() };

	must_int(mprotect(p->mem, page_size(), PROT_NONE), 0);
	must_int(ioctl(p->uffd, UFFDIO_UNREGISTER, &range), 0);
	close(p->uffd);
}
