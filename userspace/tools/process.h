/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be seen of another process, and of what it has to do with channels.
 */
#ifndef KCHANCTL_PROCESS_H
#define KCHANCTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kchan/uapi.h>

/* A descriptor of the process that is an end of a channel. */
struct end {
	int fd;
	uint32_t mode;			/* KCHAN_INFO_SEND, KCHAN_INFO_RECV */
	struct kchan_info channel;	/* flags are the channel's alone */
	/*
	 * Those that are one open file are a group, of which the first has the
	 * numbers.
	 */
	bool first;
	unsigned int nr_fds;
	unsigned int nr_calls;		/* of threads, that hold the file */
	unsigned int refs;		/* 0: not known */
};

/*
 * A thread that waits for a channel, or a select that is armed and has none: one for
 * each case of a select.
 */
struct wait {
	uint64_t channel;
	pid_t tid;			/* 0: none */
	struct thread *thread;		/* NULL: none */
	int fd;				/* of what is armed */
	bool send;
	bool select;			/* with other cases besides */
	int64_t ms;			/* for how long; -1: not known */
};

struct thread {
	pid_t tid;
	bool stays;			/* it did not run while we looked */
	bool waits;			/* for channels, and may be for others */
	bool timed;			/* but not for ever */
	bool foreign;			/* for other descriptors, too */
	bool unsure;			/* whether somebody else can wake it */
	char comm[32];
	char call[256];			/* as in /proc/PID/task/TID/syscall */
	unsigned long long switches;	/* how often it was put aside */
};

struct process {
	pid_t pid;
	struct thread *threads;
	size_t nr_threads;
	struct end *ends;		/* by descriptor */
	size_t nr_ends;
	struct wait *waits;
	size_t nr_waits;
	int hidden;			/* why the threads' calls are not known: errno */
};

/*
 * Look at process->pid: 0, or an errno. What there is to be told is of one
 * instant only as far as its threads do not run meanwhile: those that did, wait for
 * nothing.
 */
int process_look(struct process *process);

/* The end that has this descriptor, or NULL. */
struct end *process_end(const struct process *process, int fd);

/* The first end of the same open file. */
struct end *process_file(const struct process *process, int fd);

/*
 * The module's listing, which root may read, knows for how long they have been
 * waiting: filled in where it does.
 */
void listing_look(struct process *process);

/*
 * For a file that is a few lines: how many bytes there are in @buf, with a zero
 * byte behind; or -1, and errno.
 */
ssize_t read_text(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Room for one more of them at *@array: NULL, and errno, if there is none. */
void *one_more(void *array, size_t *nr, size_t size);

#endif /* KCHANCTL_PROCESS_H */
