// SPDX-License-Identifier: GPL-2.0-only
/*
 * The listing of all channels: "kchan/channels" in debugfs, for root.
 *
 * Each channel has one line. The cases that wait there follow, a line each, indented by
 * a tab: first senders, then receivers, the longest-waiting first. Then come the elements
 * that are leased or delayed, in the order of their numbers::
 *
 *	channel id=3 uid=1000 flags=message,fixed elem_size=4096 capacity=16
 *	len=0 in_flight=2 sent=70 received=70 send_waits=2 recv_waits=9 send_ends=2
 *	recv_ends=2 send_waiters=0 recv_waiters=1 polled=0 map_pid=0 leased=1 delayed=1
 *	taken=70 settled=66 dropped=0 returns=2
 *		waiter op=recv tid=815 pid=812 ms=1520 comm=worker\0402
 *		lease number=66 returns=0 left_ms=29000 read=1
 *		delayed number=68 returns=2 left_ms=-
 *
 * (The first four are one line.) A line begins with a word that says what it
 * describes. Pairs of key=value follow, separated by single spaces. A later version may
 * add keys. comm comes last; white space and backslashes in it are octal, as in
 * /proc/mounts.
 *
 * These are as in &struct kchan_info: flags (message, fixed, closed, named, send-hold,
 * mapped, broken; "-" for none), elem_size, capacity, len, in_flight, leased, delayed,
 * taken, settled, dropped, returns, ends and waiters. The others of a channel:
 *
 * - uid: the user who opened the channel and is charged for it
 * - sent, received: how many elements were sent and received; an element that was put
 *   back counts as received once it is handed out again
 * - send_waits, recv_waits: how many cases had to wait so far
 * - polled: 1 when somebody's poll or epoll waits for the channel
 * - map_pid: the process that has mapped the channel, as the initial namespace has it;
 *   0 when it is not mapped
 * - name: only with a name: the filesystem's device number and the name's inode number,
 *   as in /proc/PID/mountinfo and as stat tells them: 0:45:17
 *
 * Those of a waiter:
 *
 * - tid, pid: its thread and process, as the initial namespace has them; 0 for an armed
 *   select, which has none
 * - ms: how long it has waited
 *
 * Those of a leased or delayed element:
 *
 * - number, returns: as in &struct kchan_commit
 * - left_ms: when it comes back by itself; "-" for never
 * - read: its receiver has read it as a whole
 *
 * A channel is shown with its waiters and elements as it was at one instant. Different
 * channels are shown at different instants. /proc/PID/fdinfo shows who holds an end, and
 * who holds the lease of an element with this number.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "flight.h"
#include "party.h"

/**
 * struct kchan_seen - a waiter, as the reader saw it
 * @since: &kchan_waiter.since
 * @op: ``KCHAN_OP_SEND`` or ``KCHAN_OP_RECV``
 * @tid: its thread, or 0
 * @pid: its process, or 0
 * @comm: its thread's name
 */
struct kchan_seen {
	unsigned long since;
	u32 op;
	pid_t tid;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct kchan_seen_elem - a leased or delayed element, as the reader saw it
 * @number: its number
 * @left: nanoseconds until it comes back by itself; negative for never
 * @returns: how often it has come back
 * @leased: it is leased, and not delayed
 * @read: its receiver has read it
 */
struct kchan_seen_elem {
	u64 number;
	s64 left;
	u32 returns;
	bool leased;
	bool read;
};

/**
 * struct kchan_walk - a reader of the listing
 * @place: in the list of all channels, behind the one that was seen last
 * @held: the fields below describe the channel that is shown next
 * @polled: somebody is in its wait queues
 * @uid: its user
 * @dev: the filesystem that has its name
 * @ino: the inode of its name
 * @info: what it is and holds
 * @sent: elements sent
 * @received: elements received, and not put back
 * @send_waits: cases that have waited to send
 * @recv_waits: cases that have waited to receive
 * @when: when it was seen, in jiffies
 * @nr: how many waiters are in @waiters
 * @room: how many fit there
 * @waiters: the waiters; owned
 * @nr_elems: how many elements are in @elems
 * @elem_room: how many fit there
 * @elems: the leased and delayed elements; owned
 */
struct kchan_walk {
	struct kchan_entry place;
	bool held;
	bool polled;
	kuid_t uid;
	dev_t dev;
	unsigned long ino;
	struct kchan_info info;
	u64 sent;
	u64 received;
	u64 send_waits;
	u64 recv_waits;
	unsigned long when;
	unsigned int nr;
	unsigned int room;
	struct kchan_seen *waiters;
	unsigned int nr_elems;
	unsigned int elem_room;
	struct kchan_seen_elem *elems;
};

/*
 * All channels, and among them the places of readers. A reader goes on from its place,
 * so it needs no reference on a channel. A channel is in the list until it is freed.
 * The lock is taken to open and to free a channel; kchan.lock nests inside it.
 */
static LIST_HEAD(kchan_all);
static DEFINE_SPINLOCK(kchan_all_lock);

static struct dentry *kchan_dir;

/**
 * kchan_debug_add() - list a channel
 * @ch: the channel
 */
void kchan_debug_add(struct kchan *ch)
{
	ch->entry.ch = ch;
	spin_lock(&kchan_all_lock);
	list_add_tail(&ch->entry.node, &kchan_all);
	spin_unlock(&kchan_all_lock);
}

/**
 * kchan_debug_del() - take a channel out of the list
 * @ch: the channel, about to be freed
 */
void kchan_debug_del(struct kchan *ch)
{
	spin_lock(&kchan_all_lock);
	list_del(&ch->entry.node);
	spin_unlock(&kchan_all_lock);
}

/*
 * The lock is held. So the owner of each waiter in the queue is still in its call: it
 * takes all its waiters out, under the lock, before it returns. The waiter that was
 * served is not in the queue: its server took it out before the owner was told.
 */
static void kchan_see_waiters(struct kchan_walk *walk,
			      const struct kchan_waitq *q)
{
	const struct kchan_waiter *w;

	list_for_each_entry(w, &q->list, node) {
		const struct task_struct *task = w->party->task;
		struct kchan_seen *seen = &walk->waiters[walk->nr++];

		memset(seen, 0, sizeof(*seen));
		seen->op = q->op;
		seen->since = w->since;
		if (!task)
			continue;
		seen->tid = task->pid;
		seen->pid = task->tgid;
		/*
		 * Copied as in a tracepoint: it may be torn while the task is
		 * renamed.
		 */
		memcpy(seen->comm, task->comm, sizeof(seen->comm));
		seen->comm[sizeof(seen->comm) - 1] = '\0';
	}
}

/*
 * The lock is held: so each leased and delayed element is in the tree. A lease belongs to
 * its element as long as the element is leased.
 */
static void kchan_see_elems(struct kchan_walk *walk, const struct kchan *ch)
{
	const ktime_t now = ktime_get();
	struct rb_node *node;

	walk->nr_elems = 0;
	for (node = rb_first_cached(&ch->kept); node; node = rb_next(node)) {
		const struct kchan_elem *elem = rb_entry(node, struct kchan_elem, by_number);
		const ktime_t due = kchan_due(elem);
		struct kchan_seen_elem *seen;

		if (elem->state == KCHAN_ELEM_QUEUED)
			continue;
		seen = &walk->elems[walk->nr_elems++];
		seen->number = elem->seq;
		seen->returns = elem->returns;
		seen->left = due ? max(ktime_sub(due, now), 0LL) : -1;
		seen->leased = elem->state == KCHAN_ELEM_LEASED;
		seen->read = seen->leased && elem->lease->read;
	}
}

static bool kchan_polled(struct kchan *ch)
{
	/* No barrier is needed: this is only shown. */
	return waitqueue_active(&ch->rd_wait) | waitqueue_active(&ch->wr_wait);
}

/*
 * Sees a channel, if all that it has to show fits. Returns whether it did. If it did not,
 * the two numbers say how many there are.
 */
static bool kchan_see(struct kchan_walk *walk, struct kchan *ch, unsigned int *nr,
		      unsigned int *nr_elems)
{
	bool fits;

	kchan_lock(ch);
	*nr = ch->senders.len + ch->receivers.len;
	*nr_elems = ch->leased + ch->delayed;
	fits = *nr <= walk->room && *nr_elems <= walk->elem_room;
	if (fits) {
		kchan_fill_info(ch, &walk->info, &init_pid_ns);
		walk->uid = kchan_user_uid(ch->user);
		walk->dev = ch->dev;
		walk->ino = ch->ino;
		walk->polled = kchan_polled(ch);
		walk->sent = kchan_sent(ch);
		walk->received = ch->seq - ch->nr_put_back;
		walk->send_waits = ch->senders.waits;
		walk->recv_waits = ch->receivers.waits;
		walk->when = jiffies;
		walk->nr = 0;
		kchan_see_waiters(walk, &ch->senders);
		kchan_see_waiters(walk, &ch->receivers);
		kchan_see_elems(walk, ch);
	}
	kchan_unlock(ch);
	return fits;
}

/* The first channel behind a reader's place. The list's lock is held. */
static struct kchan *kchan_walk_next(struct kchan_walk *walk)
{
	struct kchan_entry *entry = &walk->place;

	list_for_each_entry_continue(entry, &kchan_all, node)
		if (entry->ch)
			return entry->ch;
	return NULL;
}

/* Makes room for @nr in an array whose content does not matter. */
static int kchan_walk_room(void **array, unsigned int *room, unsigned int nr, size_t size)
{
	void *more;

	if (nr <= *room)
		return 0;
	/* There may be more at the next look. */
	nr += nr / 4 + 16;
	more = kvmalloc_array(nr, size, GFP_KERNEL);
	if (!more)
		return -ENOMEM;
	kvfree(*array);
	*array = more;
	*room = nr;
	return 0;
}

static int kchan_walk_grow(struct kchan_walk *walk, unsigned int nr, unsigned int nr_elems)
{
	int ret;

	ret = kchan_walk_room((void **)&walk->waiters, &walk->room, nr,
			      sizeof(*walk->waiters));
	if (!ret)
		ret = kchan_walk_room((void **)&walk->elems, &walk->elem_room, nr_elems,
				      sizeof(*walk->elems));
	return ret;
}

/* Sees the next channel. Returns the reader, NULL at the end, or an error. */
static struct kchan_walk *kchan_walk_on(struct kchan_walk *walk)
{
	unsigned int nr, nr_elems;
	struct kchan *ch;
	int ret;

	for (;;) {
		spin_lock(&kchan_all_lock);
		ch = kchan_walk_next(walk);
		if (!ch) {
			spin_unlock(&kchan_all_lock);
			return NULL;
		}
		/* It may have lost its last reference, but it is not freed yet. */
		walk->held = kchan_see(walk, ch, &nr, &nr_elems);
		if (walk->held)
			list_move(&walk->place.node, &ch->entry.node);
		spin_unlock(&kchan_all_lock);

		if (walk->held)
			return walk;
		ret = kchan_walk_grow(walk, nr, nr_elems);
		if (ret)
			return ERR_PTR(ret);
	}
}

static void *kchan_list_start(struct seq_file *m, loff_t *pos)
{
	struct kchan_walk *walk = m->private;

	if (!*pos) {
		walk->held = false;
		spin_lock(&kchan_all_lock);
		list_move(&walk->place.node, &kchan_all);
		spin_unlock(&kchan_all_lock);
	}
	/*
	 * A channel that did not fit into the last read is shown as it was seen then.
	 */
	return walk->held ? walk : kchan_walk_on(walk);
}

static void *kchan_list_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct kchan_walk *walk = m->private;

	++*pos;
	walk->held = false;
	return kchan_walk_on(walk);
}

static void kchan_list_stop(struct seq_file *m, void *v)
{
}

static void kchan_show_waiter(struct seq_file *m, const struct kchan_walk *walk,
			      const struct kchan_seen *seen)
{
	seq_printf(m, "\twaiter op=%s tid=%d pid=%d ms=%llu comm=",
		   seen->op == KCHAN_OP_SEND ? "send" : "recv",
		   seen->tid, seen->pid,
		   jiffies64_to_msecs(walk->when - seen->since));
	seq_escape(m, seen->comm, " \t\n\\");
	seq_putc(m, '\n');
}

static void kchan_show_elem(struct seq_file *m, const struct kchan_seen_elem *seen)
{
	seq_printf(m, "\t%s number=%llu returns=%u left_ms=",
		   seen->leased ? "lease" : "delayed", seen->number, seen->returns);
	if (seen->left < 0)
		seq_putc(m, '-');
	else
		seq_printf(m, "%lld", div_s64(seen->left, NSEC_PER_MSEC));
	if (seen->leased)
		seq_printf(m, " read=%d", seen->read);
	seq_putc(m, '\n');
}

static int kchan_list_show(struct seq_file *m, void *v)
{
	const struct kchan_walk *walk = v;
	const struct kchan_info *info = &walk->info;
	unsigned int i;

	seq_printf(m, "channel id=%llu uid=%u flags=", info->id,
		   from_kuid_munged(seq_user_ns(m), walk->uid));
	kchan_show_flags(m, info->flags, ',');
	seq_printf(m, " elem_size=%u capacity=%u len=%u in_flight=%u",
		   info->elem_size, info->capacity, info->len, info->in_flight);
	seq_printf(m, " sent=%llu received=%llu send_waits=%llu recv_waits=%llu",
		   walk->sent, walk->received, walk->send_waits,
		   walk->recv_waits);
	seq_printf(m, " send_ends=%u recv_ends=%u send_waiters=%u recv_waiters=%u",
		   info->send_ends, info->recv_ends, info->send_waiters,
		   info->recv_waiters);
	seq_printf(m, " polled=%d map_pid=%u leased=%u delayed=%u", walk->polled,
		   info->map_pid, info->leased, info->delayed);
	seq_printf(m, " taken=%llu settled=%llu dropped=%llu returns=%llu",
		   info->taken, info->settled, info->dropped, info->returns);
	if (info->flags & KCHAN_INFO_NAMED)
		seq_printf(m, " name=%u:%u:%lu", MAJOR(walk->dev), MINOR(walk->dev),
			   walk->ino);
	seq_putc(m, '\n');

	for (i = 0; i < walk->nr && !seq_has_overflowed(m); i++)
		kchan_show_waiter(m, walk, &walk->waiters[i]);
	for (i = 0; i < walk->nr_elems && !seq_has_overflowed(m); i++)
		kchan_show_elem(m, &walk->elems[i]);
	return 0;
}

static const struct seq_operations kchan_list_ops = {
	.start	= kchan_list_start,
	.next	= kchan_list_next,
	.stop	= kchan_list_stop,
	.show	= kchan_list_show,
};

static int kchan_list_open(struct inode *inode, struct file *file)
{
	struct kchan_walk *walk;

	walk = __seq_open_private(file, &kchan_list_ops, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	spin_lock(&kchan_all_lock);
	list_add(&walk->place.node, &kchan_all);
	spin_unlock(&kchan_all_lock);
	return 0;
}

static int kchan_list_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct kchan_walk *walk = m->private;

	spin_lock(&kchan_all_lock);
	list_del(&walk->place.node);
	spin_unlock(&kchan_all_lock);
	kvfree(walk->waiters);
	kvfree(walk->elems);
	return seq_release_private(inode, file);
}

static const struct file_operations kchan_list_fops = {
	.owner		= THIS_MODULE,
	.open		= kchan_list_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= kchan_list_release,
};

/**
 * kchan_debug_init() - let root see the listing
 *
 * The module works without it, so a failure is not reported.
 */
void kchan_debug_init(void)
{
	kchan_dir = debugfs_create_dir("kchan", NULL);
	debugfs_create_file("channels", 0400, kchan_dir, NULL,
			    &kchan_list_fops);
}

/**
 * kchan_debug_exit() - take the listing away
 *
 * Nobody has it open, because whoever has it open holds the module.
 */
void kchan_debug_exit(void)
{
	debugfs_remove(kchan_dir);
}
