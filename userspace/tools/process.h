/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be seen of another process and its channels.
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
	struct kchan_info channel;	/* its flags are those of the channel only */
	/*
	 * Descriptors with the same open file form a group. The first one of a group
	 * has these numbers.
	 */
	bool first;
	unsigned int nr_fds;
	unsigned int nr_calls;		/* the number of calls of threads that hold the file */
	unsigned int refs;		/* 0: not known */
};

/*
 * A thread that waits for a channel, or an armed select, which has no thread. A select
 * has one for each case.
 */
struct wait {
	uint64_t channel;
	pid_t tid;			/* 0: none */
	struct thread *thread;		/* NULL: it has no thread */
	int fd;				/* the descriptor of an armed select */
	bool send;
	bool select;			/* it also has other cases */
	int64_t ms;			/* how long it has waited; -1: not known */
};

struct thread {
	pid_t tid;
	bool stays;			/* it did not run while we looked */
	bool waits;			/* for channels, and perhaps for other things */
	bool timed;			/* its wait has a timeout */
	bool foreign;			/* it also waits for other descriptors */
	bool unsure;			/* it is not known whether another process can wake it */
	char comm[32];
	char call[256];			/* the text of /proc/PID/task/TID/syscall */
	unsigned long long switches;	/* how often it was switched out */
};

struct process {
	pid_t pid;
	struct thread *threads;
	size_t nr_threads;
	struct end *ends;		/* sorted by descriptor */
	size_t nr_ends;
	struct wait *waits;
	size_t nr_waits;
	int hidden;			/* the errno that explains why the threads' calls are
					 * not known */
};

/*
 * Looks at process->pid. Returns 0 or an errno. The data of a thread is consistent only
 * if the thread did not run meanwhile. A thread that did run is shown as not waiting.
 */
int process_look(struct process *process);

/* The end with this descriptor, or NULL. */
struct end *process_end(const struct process *process, int fd);

/* The first end with the same open file. */
struct end *process_file(const struct process *process, int fd);

/*
 * Reads a short file. Returns the number of bytes in @buf, and adds a zero byte; or
 * returns -1 and sets errno.
 */
ssize_t read_text(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Makes room for one more element at *@array. Returns NULL and sets errno if there is
 * no memory.
 */
void *one_more(void *array, size_t *nr, size_t size);

#endif /* KCHANCTL_PROCESS_H */
