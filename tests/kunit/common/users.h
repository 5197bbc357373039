/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KCHAN_TEST_USERS_H
#define _KCHAN_TEST_USERS_H

#include <linux/cred.h>
#include <linux/user_namespace.h>

#include "harness.h"
#include "limits.h"

/* The most bytes and the most channels of a user, and the most bytes of a channel. */
#define KT_USER_BYTES		100000
#define KT_USER_CHANNELS	3
#define KT_CHANNEL_BYTES	80000

/**
 * struct kt_user - a user of the tests, who is no user of the machine
 * @test: the test
 * @counts: the ucounts of the user
 * @ns: the namespace that he has made
 * @as_made: a copy of part of @ns, with the references that it had when it was made
 * @cred: credentials like ours, but with @counts, and without CAP_SYS_RESOURCE
 * @ours: the ucounts that @cred had before
 * @old: the credentials to return to
 */
struct kt_user {
	struct kunit *test;
	struct ucounts counts;
	struct user_namespace ns;
	struct ns_common as_made;
	struct cred *cred;
	struct ucounts *ours;
	const struct cred *old;
};

struct kt_user *kt_user(struct kunit *test, struct kt_user *maker, uid_t uid);
void kt_become(struct kt_user *u);
void kt_return(struct kt_user *u);
size_t kt_charged(struct kt_user *u);
void kt_expect_charged(struct kt_user *u, size_t bytes);

struct kchan *kt_user_alloc(struct kt_user *u);
struct kchan *kt_user_chan(struct kt_user *u, u32 elem_size, u32 capacity);
void kt_user_put(struct kchan *ch);
int kt_user_setup(struct kt_user *u, struct kchan *ch, u32 elem_size, u32 capacity);
int kt_user_resize(struct kt_user *u, struct kchan *ch, u32 capacity);
int kt_user_use(struct kt_user *u, struct kchan *ch);
ssize_t kt_user_send(struct kt_user *u, struct kt_call *call);

size_t kt_ring_charge(size_t slots);
size_t kt_elem_charge(u32 len);
int kt_limits_init(struct kunit *test);
void kt_limits_exit(struct kunit *test);

#endif /* _KCHAN_TEST_USERS_H */
