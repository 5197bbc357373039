// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a channel and its ends show: to KCHAN_IOC_INFO, and in /proc/PID/fdinfo.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "flight.h"
#include "kchan.h"
#include "mapping.h"

/**
 * kchan_fill_info() - fill in what a channel is and holds
 * @ch: the channel
 * @info: where to; all of it is written, except what depends on the end
 * @ns: the pid namespace of the reader
 *
 * Context: the channel's lock is held.
 */
void kchan_fill_info(struct kchan *ch, struct kchan_info *info,
		     struct pid_namespace *ns)
{
	memset(info, 0, sizeof(*info));
	if (ch->message)
		info->flags |= KCHAN_INFO_MESSAGE;
	if (ch->fixed)
		info->flags |= KCHAN_INFO_FIXED;
	if (ch->closed)
		info->flags |= KCHAN_INFO_CLOSED;
	if (ch->mapped && !ch->mapped->map->dead) {
		info->flags |= KCHAN_INFO_MAPPED;
		info->map_pid = pid_nr_ns(ch->mapped->map->pid, ns);
	}
	if (ch->broken)
		info->flags |= KCHAN_INFO_BROKEN;
	if (ch->held & FMODE_READ)
		info->flags |= KCHAN_INFO_NAMED;
	if (ch->held & FMODE_WRITE)
		info->flags |= KCHAN_INFO_SEND_HOLD;
	info->elem_size = ch->elem_size;
	info->capacity = ch->capacity;
	info->len = ch->stored + ch->nr_put_back;
	info->send_ends = ch->send_ends;
	info->recv_ends = ch->recv_ends;
	info->send_waiters = ch->senders.len;
	info->recv_waiters = ch->receivers.len;
	info->id = ch->id;
	info->in_flight = kchan_in_flight(ch);
	info->leased = ch->leased;
	info->delayed = ch->delayed;
	info->instance = kchan_instance;
	info->taken = ch->seq - ch->lost;
	info->settled = kchan_settled(ch);
	info->dropped = ch->dropped;
	info->returns = ch->returns;
}

/**
 * kchan_get_info() - fill in what a channel is and holds, at one instant
 * @ch: the channel
 * @info: as for kchan_fill_info()
 * @ns: as for kchan_fill_info()
 */
void kchan_get_info(struct kchan *ch, struct kchan_info *info,
		    struct pid_namespace *ns)
{
	kchan_lock(ch);
	kchan_fill_info(ch, info, ns);
	kchan_unlock(ch);
	kchan_tell_broken(ch);
}

static void kchan_get_end_info(struct file *file, struct kchan_info *info,
			       struct pid_namespace *ns)
{
	kchan_get_info(file->private_data, info, ns);
	if (file->f_mode & FMODE_WRITE)
		info->flags |= KCHAN_INFO_SEND;
	if (file->f_mode & FMODE_READ)
		info->flags |= KCHAN_INFO_RECV;
}

/**
 * kchan_end_info() - tell the caller what an end and its channel are, at one instant
 * @file: the end's file
 * @info: where to; all of it is written
 */
void kchan_end_info(struct file *file, struct kchan_info *info)
{
	kchan_get_end_info(file, info, task_active_pid_ns(current));
}

static const struct {
	u32 flag;
	const char *word;
} kchan_flag_words[] = {
	{ KCHAN_INFO_MESSAGE,	"message" },
	{ KCHAN_INFO_FIXED,	"fixed" },
	{ KCHAN_INFO_CLOSED,	"closed" },
	{ KCHAN_INFO_NAMED,	"named" },
	{ KCHAN_INFO_SEND_HOLD,	"send-hold" },
	{ KCHAN_INFO_SEND,	"send" },
	{ KCHAN_INFO_RECV,	"recv" },
	{ KCHAN_INFO_MAPPED,	"mapped" },
	{ KCHAN_INFO_BROKEN,	"broken" },
};

/**
 * kchan_show_flags() - write flags as words
 * @m: where to
 * @flags: ``KCHAN_INFO_*``
 * @between: the character between them
 *
 * If no flag is set, this writes "-".
 */
void kchan_show_flags(struct seq_file *m, u32 flags, char between)
{
	bool first = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kchan_flag_words); i++) {
		if (!(flags & kchan_flag_words[i].flag))
			continue;
		if (!first)
			seq_putc(m, between);
		first = false;
		seq_puts(m, kchan_flag_words[i].word);
	}
	if (first)
		seq_putc(m, '-');
}

/**
 * kchan_show_fdinfo() - show an end and its channel
 * @m: where to
 * @file: the end's file
 *
 * As everywhere in /proc, a process is shown by its pid in the pid namespace for which
 * /proc was mounted.
 */
void kchan_show_fdinfo(struct seq_file *m, struct file *file)
{
	const u32 mode = KCHAN_INFO_SEND | KCHAN_INFO_RECV;
	struct kchan_info info;

	kchan_get_end_info(file, &info, proc_pid_ns(file_inode(m->file)->i_sb));
	seq_printf(m, "kchan-id:\t%llu\n", info.id);
	seq_puts(m, "kchan-mode:\t");
	kchan_show_flags(m, info.flags & mode, ' ');
	seq_puts(m, "\nkchan-flags:\t");
	kchan_show_flags(m, info.flags & ~mode, ' ');
	seq_printf(m, "\nkchan-elem-size:\t%u\n", info.elem_size);
	seq_printf(m, "kchan-capacity:\t%u\n", info.capacity);
	seq_printf(m, "kchan-len:\t%u\n", info.len);
	seq_printf(m, "kchan-in-flight:\t%u\n", info.in_flight);
	seq_printf(m, "kchan-leased:\t%u\n", info.leased);
	seq_printf(m, "kchan-delayed:\t%u\n", info.delayed);
	seq_printf(m, "kchan-send-ends:\t%u\n", info.send_ends);
	seq_printf(m, "kchan-recv-ends:\t%u\n", info.recv_ends);
	seq_printf(m, "kchan-send-waiters:\t%u\n", info.send_waiters);
	seq_printf(m, "kchan-recv-waiters:\t%u\n", info.recv_waiters);
	seq_printf(m, "kchan-taken:\t%llu\n", info.taken);
	seq_printf(m, "kchan-settled:\t%llu\n", info.settled);
	seq_printf(m, "kchan-dropped:\t%llu\n", info.dropped);
	seq_printf(m, "kchan-returns:\t%llu\n", info.returns);
	seq_printf(m, "kchan-map-pid:\t%u\n", info.map_pid);
	/*
	 * For debuggers: how many others could use this end. One reference belongs to
	 * the reader of this file.
	 */
	seq_printf(m, "kchan-debug-file-refs:\t%ld\n", file_count(file) - 1);
}
