/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a process from a prepared description.
 *
 * A struct kc_spawn is a copy of all that kc_process_options point to, in the form that
 * the child needs. It can be used for several processes, one after another. All that
 * needs memory or a lock is done when it is made.
 */
#ifndef LIBKCHAN_PROCESS_SPAWN_H
#define LIBKCHAN_PROCESS_SPAWN_H

#include <sys/types.h>

#include "base/base.h"

/* The descriptor of the first end. */
#define KC_FIRST_END	3

/* The environment variable that tells the process which descriptor is which end. */
#define KC_ENDS_VARIABLE	"KCHAN_FDS"

struct kc_spawn {
	char **argv;		/* NULL: it calls a function */
	char **paths;		/* the paths to execute, in the order in which they are tried */
	char **envp;
	char *dir;
	int (*fn)(void *arg);
	void *arg;
	size_t nr_ends;
	kc_chan **ends;		/* references */
	bool has_stdio;
	int stdio[3];
};

/* A process, and its pidfd. */
struct kc_child {
	pid_t pid;
	int fd;
};

/* Returns 0 or a negative errno. */
int kc_spawn_prepare(struct kc_spawn **out, const kc_process_options *options);
void kc_spawn_free(struct kc_spawn *spawn);

/* Returns 0, or a negative errno; then there is no process. */
int kc_spawn_start(const struct kc_spawn *spawn, struct kc_child *child);

/*
 * Called in the child. Sets up its descriptors and its directory, without memory and
 * without locks. @tmp has room for three descriptors and one for each end. *@keep is a
 * descriptor that the child needs for itself, or negative. Its number may change.
 * Returns 0 or a negative errno.
 */
int kc_spawn_arrange(const struct kc_spawn *spawn, int *tmp, int *keep);

/* Start a program, and a function. @tmp is as above. */
int kc_spawn_program(const struct kc_spawn *spawn, int *tmp,
		     struct kc_child *child);
int kc_spawn_function(const struct kc_spawn *spawn, int *tmp,
		      struct kc_child *child);

/*
 * Gets the status of a child that has ended, as waitpid() returns it. @options are
 * those of waitid(). Returns 0, -EAGAIN if it has not ended, or another negative errno.
 */
int kc_spawn_reap(int pidfd, int options, int *status);

/* As kc_process_start(). */
int kc_process_start_prepared(kc_process **out, const struct kc_spawn *spawn);

#endif /* LIBKCHAN_PROCESS_SPAWN_H */
