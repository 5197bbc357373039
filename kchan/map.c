// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped channels as files: the file whose memory a process maps.
 *
 * The file is no end, so a mapping never keeps a channel open. It is a file of its own
 * because a shared mapping that can be written needs a file that was opened to read and
 * to write, and an end may have one direction only. The ring is dead when the maker's
 * mapping goes, or when the file goes before it was mapped. The memory lives on until the
 * file goes. The mappings of children hold the file.
 */
#include <linux/anon_inodes.h>
#include <linux/atomic.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "map.h"
#include "mapping.h"

/* The size of the structure's first published form. */
#define KCHAN_MAP_SIZE_V0	16
static_assert(sizeof(struct kchan_map) == KCHAN_MAP_SIZE_V0);

/*
 * A page for a process that is not the one that made the channel: a child after fork().
 * It is a page of its own. In the first one both positions are frozen, so the child goes
 * by the kernel.
 */
static vm_fault_t kchan_map_foreign_fault(struct vm_fault *vmf)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	struct kchan_shared *mem;

	if (!page)
		return VM_FAULT_OOM;
	if (!vmf->pgoff) {
		mem = page_address(page);
		mem->head = KCHAN_SHARED_FROZEN;
		mem->tail = KCHAN_SHARED_FROZEN;
	}
	vmf->page = page;
	return 0;
}

/*
 * Pages are only ever given here, never at mmap(). fork() copies none of them, and the
 * child faults.
 */
static vm_fault_t kchan_map_fault(struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vmf->vma;
	struct kchan_mapping *map = vma->vm_file->private_data;

	if (vmf->pgoff >= map->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	if (vma->vm_mm != map->ch->mm)
		return kchan_map_foreign_fault(vmf);
	vmf->page = vmalloc_to_page((void *)map->mem + (vmf->pgoff << PAGE_SHIFT));
	get_page(vmf->page);
	return 0;
}

static int kchan_map_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

/*
 * A mapping in the address space of the maker is being moved: the new one is there
 * before the old one goes. A child's copy does not count.
 */
static void kchan_map_vma_open(struct vm_area_struct *vma)
{
	struct kchan_mapping *map = vma->vm_file->private_data;

	if (vma->vm_mm == map->ch->mm)
		atomic_inc(&map->nr_vmas);
}

/*
 * The maker does not have the ring mapped any more: it has unmapped it, or it ends, or
 * it has called exec. The file may live on, in a child's mapping or as an fd.
 */
static void kchan_map_vma_close(struct vm_area_struct *vma)
{
	struct kchan_mapping *map = vma->vm_file->private_data;

	if (vma->vm_mm == map->ch->mm && atomic_dec_and_test(&map->nr_vmas))
		kchan_unmap(map->ch, map);
}

static const struct vm_operations_struct kchan_map_vm_ops = {
	.open		= kchan_map_vma_open,
	.close		= kchan_map_vma_close,
	.fault		= kchan_map_fault,
	.may_split	= kchan_map_may_split,
};

static int kchan_map_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kchan_mapping *map = file->private_data;

	if (vma->vm_mm != map->ch->mm)
		return -EPERM;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff ||
	    vma->vm_end - vma->vm_start != map->size)
		return -EINVAL;
	/* Once. The mmap_lock is held, so nobody else of this process is here. */
	if (atomic_read(&map->nr_vmas) || READ_ONCE(map->dead))
		return -EBUSY;
	atomic_set(&map->nr_vmas, 1);
	/*
	 * A child after fork() never gets the pages, whatever else makes fork() copy them,
	 * such as a userfaultfd that write-protects.
	 */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_WIPEONFORK);
	vma->vm_ops = &kchan_map_vm_ops;
	return 0;
}

static int kchan_map_release(struct inode *inode, struct file *file)
{
	struct kchan_mapping *map = file->private_data;
	struct kchan *ch;

	/* The file of an ioctl that failed has none. */
	if (!map)
		return 0;
	ch = map->ch;
	kchan_unmap(ch, map);
	kchan_mapping_put(map);
	kchan_put(ch);
	return 0;
}

static const struct file_operations kchan_map_fops = {
	.owner		= THIS_MODULE,
	.mmap		= kchan_map_mmap,
	.release	= kchan_map_release,
	.llseek		= noop_llseek,
};

/* Whether user memory and the kernel's mapping of it can be used side by side. */
static bool kchan_can_map(void)
{
	return IS_ENABLED(CONFIG_64BIT) && !in_compat_syscall() &&
	       !cpu_dcache_is_aliasing();
}

/* Maps the channel, and makes @file the one for mmap(). */
static int kchan_map_file(struct kchan *ch, struct file *file, struct kchan_map *args,
			  void __user *uarg, size_t usize)
{
	const size_t size = kchan_mapping_bytes(ch->elem_size, ch->capacity);
	const size_t known = min(usize, sizeof(*args));
	struct kchan_mapping *map;

	/*
	 * A channel is mapped only once. So find a bad address first, and change nothing
	 * there: after an error the caller can try again with the same structure.
	 */
	if (copy_to_user(uarg, args, known))
		return -EFAULT;
	map = kchan_map(ch, size);
	if (IS_ERR(map))
		return PTR_ERR(map);
	/* The file holds the mapping and the channel. */
	kref_get(&ch->ref);
	file->private_data = map;
	args->size = size;
	return copy_to_user(uarg, args, known) ? -EFAULT : 0;
}

/**
 * kchan_ioctl_map() - KCHAN_IOC_MAP
 * @ch: the channel
 * @uarg: the caller's &struct kchan_map
 * @usize: its size
 *
 * Return: a new fd for mmap(); see the uapi header for the errors.
 */
long kchan_ioctl_map(struct kchan *ch, void __user *uarg, size_t usize)
{
	struct kchan_map args;
	struct file *file;
	int fd, ret;

	if (usize < KCHAN_MAP_SIZE_V0)
		return -EINVAL;
	ret = copy_struct_from_user(&args, sizeof(args), uarg, usize);
	if (ret)
		return ret;
	if ((args.flags & ~KCHAN_MAP_CLOEXEC) || args.reserved || args.size)
		return -EINVAL;
	if (!kchan_can_map())
		return -EOPNOTSUPP;
	if (current->mm != ch->mm)
		return -EPERM;
	ret = kchan_use(ch);
	if (ret)
		return ret;

	fd = get_unused_fd_flags(args.flags & KCHAN_MAP_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[kchan-map]", &kchan_map_fops, NULL, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	ret = kchan_map_file(ch, file, &args, uarg, usize);
	if (ret) {
		put_unused_fd(fd);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	return fd;
}
