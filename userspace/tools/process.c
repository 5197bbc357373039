// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at a process from outside.
 *
 * The fdinfo of the process tells which descriptors are ends, and of which channels. It
 * also has the number of references on an end's open file, so it shows whether anybody
 * else has the file. (The read of fdinfo does not count.) The arguments of a thread's
 * system call tell what the thread waits for; a select's arguments point to its cases.
 * The fdinfo of an armed select has its cases. The process is not stopped. Its threads
 * are read twice, before the descriptors and after them. If a thread has run in
 * between, its data is ignored.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "process.h"

ssize_t read_text(char *buf, size_t size, const char *fmt, ...)
{
	char path[128];
	va_list args;
	ssize_t len;
	int fd, error;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, buf, size - 1);
	error = errno;
	close(fd);
	if (len >= 0)
		buf[len] = '\0';
	errno = error;
	return len;
}

/* The capacity is the next power of two. */
void *one_more(void *array, size_t *nr, size_t size)
{
	if (!(*nr & (*nr - 1))) {
		array = realloc(array, (*nr ? *nr * 2 : 1) * size);
		if (!array)
			return NULL;
	}
	memset((char *)array + *nr * size, 0, size);
	++*nr;
	return array;
}

/* Calls @see for each entry of a directory that is a number. Returns 0 or an errno. */
static int for_each_number(struct process *process, const char *folder,
			   int (*see)(struct process *process, int number))
{
	struct dirent *entry;
	char path[64];
	DIR *dir;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", process->pid, folder);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? ESRCH : errno;
	while (!ret && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = see(process, atoi(entry->d_name));
	closedir(dir);
	return ret;
}

/* Returns what follows "@key:" and a tab, or NULL. */
static const char *field(const char *text, const char *key)
{
	const size_t len = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, key, len) && text[len] == ':')
			return text + len + 1 + strspn(text + len + 1, " \t");
	}
	return NULL;
}

static unsigned long long number(const char *text, const char *key)
{
	const char *at = field(text, key);

	return at ? strtoull(at, NULL, 10) : 0;
}

/* True if the line of @key contains the word. */
static bool word(const char *text, const char *key, const char *wanted)
{
	const char *at = field(text, key);
	const size_t len = strlen(wanted);

	while (at && *at && *at != '\n') {
		if (!strncmp(at, wanted, len) && !isalpha((unsigned char)at[len]))
			return true;
		at += strcspn(at, " \n");
		at += *at == ' ';
	}
	return false;
}

static struct wait *add_wait(struct process *process, uint64_t channel, bool send)
{
	struct wait *wait;

	wait = one_more(process->waits, &process->nr_waits, sizeof(*wait));
	if (!wait)
		return NULL;
	process->waits = wait;
	wait += process->nr_waits - 1;
	wait->channel = channel;
	wait->send = send;
	wait->ms = -1;
	return wait;
}

/* An armed select that has committed does not wait any more. */
static int see_armed(struct process *process, int fd, const char *text)
{
	unsigned long long channel;
	struct wait *wait;
	char op[8];

	if (!word(text, "kchan-select", "armed"))
		return 0;
	while ((text = field(text, "kchan-case"))) {
		if (sscanf(text, "%*u %7s %llu", op, &channel) != 2)
			continue;
		wait = add_wait(process, channel, !strcmp(op, "send"));
		if (!wait)
			return ENOMEM;
		wait->select = true;
		wait->fd = fd;
	}
	return 0;
}

static int see_end(struct process *process, int fd, const char *text)
{
	struct kchan_info *info;
	struct end *end;

	end = one_more(process->ends, &process->nr_ends, sizeof(*end));
	if (!end)
		return ENOMEM;
	process->ends = end;
	end += process->nr_ends - 1;
	end->fd = fd;
	if (word(text, "kchan-mode", "send"))
		end->mode |= KCHAN_INFO_SEND;
	if (word(text, "kchan-mode", "recv"))
		end->mode |= KCHAN_INFO_RECV;
	info = &end->channel;
	info->id = number(text, "kchan-id");
	if (word(text, "kchan-flags", "message"))
		info->flags |= KCHAN_INFO_MESSAGE;
	if (word(text, "kchan-flags", "closed"))
		info->flags |= KCHAN_INFO_CLOSED;
	if (word(text, "kchan-flags", "mapped"))
		info->flags |= KCHAN_INFO_MAPPED;
	if (word(text, "kchan-flags", "broken"))
		info->flags |= KCHAN_INFO_BROKEN;
	info->map_pid = number(text, "kchan-map-pid");
	if (word(text, "kchan-flags", "named"))
		info->flags |= KCHAN_INFO_NAMED;
	info->elem_size = number(text, "kchan-elem-size");
	info->capacity = number(text, "kchan-capacity");
	info->len = number(text, "kchan-len");
	info->send_ends = number(text, "kchan-send-ends");
	info->recv_ends = number(text, "kchan-recv-ends");
	info->send_waiters = number(text, "kchan-send-waiters");
	info->recv_waiters = number(text, "kchan-recv-waiters");
	info->in_flight = number(text, "kchan-in-flight");
	/* This line may be missing. */
	end->refs = number(text, "kchan-debug-file-refs");
	return 0;
}

static int see_fd(struct process *process, int fd)
{
	char text[8192];	/* it has a line for each case */

	/* The descriptor may have been closed. */
	if (read_text(text, sizeof(text), "/proc/%d/fdinfo/%d", process->pid,
		      fd) < 0)
		return errno == ENOENT ? 0 : errno;
	if (field(text, "kchan-id"))
		return see_end(process, fd, text);
	return see_armed(process, fd, text);
}

static int by_fd(const void *a, const void *b)
{
	const struct end *one = a, *other = b;

	return (one->fd > other->fd) - (one->fd < other->fd);
}

struct end *process_end(const struct process *process, int fd)
{
	const struct end key = { .fd = fd };

	if (!process->nr_ends)
		return NULL;
	return bsearch(&key, process->ends, process->nr_ends, sizeof(key), by_fd);
}

static bool same_file(const struct process *process, const struct end *a,
		      const struct end *b)
{
	return a->channel.id == b->channel.id && a->mode == b->mode &&
	       !syscall(SYS_kcmp, process->pid, process->pid, KCMP_FILE,
			(unsigned long)a->fd, (unsigned long)b->fd);
}

struct end *process_file(const struct process *process, int fd)
{
	struct end *end = process_end(process, fd), *each;

	if (!end || end->first)
		return end;
	for (each = process->ends; each != end; each++)
		if (each->first && same_file(process, each, end))
			return each;
	return end;
}

static void count_fds(struct process *process)
{
	struct end *end, *each;

	for (end = process->ends; end != process->ends + process->nr_ends; end++) {
		for (each = process->ends; each != end; each++)
			if (each->first && same_file(process, each, end))
				break;
		end->first = each == end;
		each->nr_fds++;
	}
}

static unsigned long long count_switches(const struct process *process, pid_t tid)
{
	char text[16384];	/* it has the CPU masks, which are long on a large machine */

	if (read_text(text, sizeof(text), "/proc/%d/task/%d/status", process->pid,
		      tid) < 0)
		return 0;
	return number(text, "voluntary_ctxt_switches") +
	       number(text, "nonvoluntary_ctxt_switches");
}

static ssize_t read_call(const struct process *process, pid_t tid,
			 char call[static 256])
{
	return read_text(call, 256, "/proc/%d/task/%d/syscall", process->pid, tid);
}

static int see_thread(struct process *process, int tid)
{
	struct thread *thread;
	ssize_t len;

	thread = one_more(process->threads, &process->nr_threads, sizeof(*thread));
	if (!thread)
		return ENOMEM;
	process->threads = thread;
	thread += process->nr_threads - 1;
	thread->tid = tid;
	thread->switches = count_switches(process, tid);
	len = read_text(thread->comm, sizeof(thread->comm),
			"/proc/%d/task/%d/comm", process->pid, tid);
	thread->comm[len > 0 ? len - 1 : 0] = '\0';
	if (read_call(process, tid, thread->call) >= 0)
		return 0;
	thread->call[0] = '\0';
	/* The thread may have ended. */
	if (errno != ENOENT && errno != ESRCH)
		process->hidden = errno;
	return 0;
}

static int waits_for(struct process *process, struct thread *thread,
		     const struct end *end, bool send, bool select)
{
	struct wait *wait = add_wait(process, end->channel.id, send);

	if (!wait)
		return ENOMEM;
	wait->tid = thread->tid;
	wait->thread = thread;
	wait->select = select;
	return 0;
}

/* A call holds the file of each of its descriptors. */
static void hold(const struct process *process, int fd)
{
	struct end *file = process_file(process, fd);

	if (file && process->nr_threads > 1)
		file->nr_calls++;
}

static bool copy_in(const struct process *process, void *to, uint64_t from,
		    size_t len)
{
	const struct iovec local = { to, len };
	const struct iovec remote = { (void *)(uintptr_t)from, len };

	return process_vm_readv(process->pid, &local, 1, &remote, 1, 0) ==
	       (ssize_t)len;
}

static int see_select(struct process *process, struct thread *thread,
		      uint64_t addr)
{
	struct kchan_case cases[KCHAN_MAX_CASES] = { 0 };
	struct kchan_select sel = { 0 };
	unsigned int i, nr = 0;
	const struct end *end;
	int ret = 0;

	if (!copy_in(process, &sel, addr, sizeof(sel)) ||
	    sel.nr_cases > KCHAN_MAX_CASES || sel.case_size != sizeof(cases[0]) ||
	    !copy_in(process, cases, sel.cases, sel.nr_cases * sizeof(cases[0]))) {
		thread->foreign = true;
		return 0;
	}
	thread->timed = sel.flags & KCHAN_SELECT_DEADLINE;
	for (i = 0; i < sel.nr_cases; i++)
		nr += cases[i].fd >= 0;
	for (i = 0; i < sel.nr_cases && !ret; i++) {
		hold(process, cases[i].fd);
		end = process_end(process, cases[i].fd);
		if (cases[i].op == KCHAN_OP_POLL || !end)
			thread->foreign |= cases[i].fd >= 0;
		else
			ret = waits_for(process, thread, end,
					cases[i].op == KCHAN_OP_SEND, nr > 1);
	}
	return ret;
}

static bool is_select(unsigned long request)
{
	return _IOC_TYPE(request) == KCHAN_IOC_TYPE &&
	       _IOC_NR(request) == _IOC_NR(KCHAN_IOC_SELECT);
}

/* Finds out what the thread waits for, from its line in /proc. */
static int see_call(struct process *process, struct thread *thread)
{
	unsigned long long args[3];
	const struct end *end;
	bool send;
	long nr;

	if (sscanf(thread->call, "%ld %llx %llx %llx", &nr, &args[0], &args[1],
		   &args[2]) != 4)
		return 0;
	end = process_end(process, args[0]);
	if (!end)
		return 0;
	hold(process, end->fd);
	send = nr == SYS_write || nr == SYS_writev;
	if (send || nr == SYS_read || nr == SYS_readv) {
		thread->waits = true;
		return waits_for(process, thread, end, send, false);
	}
	if (nr != SYS_ioctl || !is_select(args[1]))
		return 0;
	thread->waits = true;
	return see_select(process, thread, args[2]);
}

/* If the number of switches is the same as before, the thread has not run. */
static void look_again(const struct process *process, struct thread *thread)
{
	char call[sizeof(thread->call)];

	thread->stays = thread->call[0] &&
			read_call(process, thread->tid, call) >= 0 &&
			!strcmp(call, thread->call) &&
			count_switches(process, thread->tid) == thread->switches;
}

int process_look(struct process *process)
{
	struct thread *thread;
	size_t i;
	int ret;

	ret = for_each_number(process, "task", see_thread);
	if (!ret)
		ret = for_each_number(process, "fd", see_fd);
	if (ret)
		return ret;
	if (process->nr_ends)
		qsort(process->ends, process->nr_ends, sizeof(process->ends[0]),
		      by_fd);
	count_fds(process);
	for (i = 0; i < process->nr_threads && !ret; i++) {
		thread = &process->threads[i];
		look_again(process, thread);
		if (thread->stays)
			ret = see_call(process, thread);
	}
	return ret;
}
