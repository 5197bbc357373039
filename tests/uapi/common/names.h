/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filesystems of names, in a mount namespace of the test's own.
 */
#ifndef NAMES_H
#define NAMES_H

#include "params.h"

/* Where they are mounted. */
#define NAMES "/run/kchan.test"
#define OTHERS "/run/kchan.other"

/*
 * A mount namespace of this process's own, in which NAMES and OTHERS are empty
 * directories. Skips the test where that is not allowed.
 */
void mounts_begin(void);
/* Mounts at @where. -1 and errno if it fails; names_mount() ends the test then. */
int try_mount(const char *where, const char *options);
int try_remount(const char *where, const char *options);
void names_mount(const char *where, const char *options);
/* mounts_begin(), and a mount at NAMES. */
void names_begin(void);

/* The options that /proc/self/mountinfo tells of the filesystem at @where. */
void mount_options(const char *where, char *text, size_t room);
/* Whether @word is one of them. */
bool mounted_with(const char *where, const char *word);

/* Ends the test if it fails. The mode is exact: no umask. */
void name_make(const char *path, mode_t mode);
int name_open(const char *path, int flags);
/* A name with elements of 8 bytes, and its end in both directions. */
int name_set_up(const char *path, uint32_t capacity, uint32_t flags);

/* What a name or a directory charges to its maker. */
#define NAME_BYTES 2048

/*
 * What the caller's channels hold and what else is charged to it, in steps of 256
 * bytes: how much less than user_max_bytes is left. Only for who has no capability.
 */
long long charged(void);

#endif /* NAMES_H */
