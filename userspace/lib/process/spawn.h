/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a process, of what has been prepared for it.
 *
 * A struct kc_spawn is a copy of all that kc_process_options point to, in the form
 * that the child needs it in, so that it can be used again for the next one. All
 * that takes memory, or a lock, has been done when it exists.
 */
#ifndef LIBKCHAN_PROCESS_SPAWN_H
#define LIBKCHAN_PROCESS_SPAWN_H

#include <sys/types.h>

#include "base/base.h"

/* The first descriptor of an end. */
#define KC_FIRST_END	3

/* Tells a process which end is which. */
#define KC_ENDS_VARIABLE	"KCHAN_FDS"

struct kc_spawn {
	char **argv;		/* NULL: a function */
	char **paths;		/* to execute, in the order to try */
	char **envp;
	char *dir;
	int (*fn)(void *arg);
	void *arg;
	size_t nr_ends;
	kc_chan **ends;		/* held */
	bool has_stdio;
	int stdio[3];
};

/* A process, and a pidfd of it. */
struct kc_child {
	pid_t pid;
	int fd;
};

/* 0 or a negative errno. */
int kc_spawn_prepare(struct kc_spawn **out, const kc_process_options *options);
void kc_spawn_free(struct kc_spawn *spawn);

/* 0 or a negative errno; then there is no process. */
int kc_spawn_start(const struct kc_spawn *spawn, struct kc_child *child);

/*
 * In the child: give it its descriptors and its directory, with no memory and no
 * locks. @tmp has room for one descriptor an end and three more, and @keep is one
 * of this process that it needs for itself: it is another one afterwards. Negative:
 * none. 0 or a negative errno.
 */
int kc_spawn_arrange(const struct kc_spawn *spawn, int *tmp, int *keep);

/* The two ways: a program, and a function. @tmp as above. */
int kc_spawn_program(const struct kc_spawn *spawn, int *tmp,
		     struct kc_child *child);
int kc_spawn_function(const struct kc_spawn *spawn, int *tmp,
		      struct kc_child *child);

/*
 * How a child of ours ended, as waitpid() tells it; @options are those of waitid().
 * 0, or -EAGAIN if it has not, or another negative errno.
 */
int kc_spawn_reap(int pidfd, int options, int *status);

/* As kc_process_start(). */
int kc_process_start_prepared(kc_process **out, const struct kc_spawn *spawn);

#endif /* LIBKCHAN_PROCESS_SPAWN_H */
