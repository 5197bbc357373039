# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build kchan._libkchan, which calls libkchan.

It is cffi in its API mode, and not ctypes or the ABI mode: the compiler checks each
declaration below against the headers, so that a change of libkchan ends the build, and
not the program. The extension uses the limited API: one build serves all versions of
Python.
"""

from cffi import FFI

ffi = FFI()

ffi.cdef("""
typedef ... kc_chan;
typedef int... mode_t;

typedef struct kc_chan_opts {
	uint32_t flags;
	size_t elem_size;
	size_t cap;
	...;
} kc_chan_opts;

#define KC_CHAN_MESSAGE ...
#define KC_CHAN_NOMAP ...
#define KC_CHAN_NO_SEND_HOLD ...
#define KC_OPEN_RECV ...
#define KC_OPEN_SEND ...

int kc_make_opts(kc_chan **out, const kc_chan_opts *opts);
int kc_make_pair_opts(kc_chan **recv, kc_chan **send, const kc_chan_opts *opts);
int kc_recv_only(kc_chan **out, kc_chan *c);
int kc_send_only(kc_chan **out, kc_chan *c);
int kc_from_fd(kc_chan **out, int fd);
int kc_inherit(kc_chan **out, const char *name);
int kc_open(kc_chan **out, const char *path, uint32_t directions);
int kc_create(kc_chan **out, const char *path, const kc_chan_opts *opts, mode_t mode);
void kc_unref(kc_chan *c);

int kc_try_send(kc_chan *c, const void *elem);
int kc_try_recv(kc_chan *c, void *elem);
ssize_t kc_try_send_n(kc_chan *c, const void *elems, size_t n);
ssize_t kc_try_recv_n(kc_chan *c, void *elems, size_t n);
int kc_send_timeout(kc_chan *c, const void *elem, int64_t timeout);
int kc_recv_timeout(kc_chan *c, void *elem, int64_t timeout);
ssize_t kc_send_n_timeout(kc_chan *c, const void *elems, size_t n, int64_t timeout);
ssize_t kc_recv_n_timeout(kc_chan *c, void *elems, size_t n, int64_t timeout);
int kc_try_send_msg(kc_chan *c, const void *msg, size_t len);
ssize_t kc_try_recv_msg(kc_chan *c, void *buf, size_t size);

int kc_close(kc_chan *c);
int kc_len(kc_chan *c);
int kc_cap(kc_chan *c);
int kc_elem_size(kc_chan *c);
int kc_is_message(kc_chan *c);
int kc_resize(kc_chan *c, size_t cap);
int kc_fd(kc_chan *c);

typedef struct kc_case {
	int status;
	uint32_t revents;
	bool ok;
	size_t len;
	...;
} kc_case;

kc_case kc_case_send(kc_chan *c, const void *elem);
kc_case kc_case_recv(kc_chan *c, void *elem);
kc_case kc_case_send_msg(kc_chan *c, const void *msg, size_t len);
kc_case kc_case_recv_msg(kc_chan *c, void *buf, size_t size);
kc_case kc_case_fd(int fd, uint32_t events);
kc_case kc_case_after(int64_t duration);
int kc_select(kc_case *cases, size_t n);
int kc_try_select(kc_case *cases, size_t n);
int kc_select_deadline(kc_case *cases, size_t n, int64_t deadline);

typedef ... kc_lease;

#define KC_LEASE_TAIL ...
#define KC_LEASE_UNCOUNTED ...

int kc_lease_make(kc_lease **out, kc_chan *c, int64_t limit);
int kc_lease_from_fd(kc_lease **out, int fd);
void kc_lease_unref(kc_lease *lease);
int kc_lease_try_recv(kc_lease *lease);
int kc_lease_ack(kc_lease *lease);
int kc_lease_return(kc_lease *lease, uint32_t flags, int64_t delay);
int kc_lease_extend(kc_lease *lease, int64_t limit);
void *kc_lease_elem(const kc_lease *lease, size_t *len);
uint64_t kc_lease_number(const kc_lease *lease);
uint32_t kc_lease_returns(const kc_lease *lease);
int kc_lease_arm(kc_lease *lease);
int kc_lease_disarm(kc_lease *lease);
int kc_lease_fd(const kc_lease *lease);

const char *kc_strerror(int code);
const char *kc_version(void);

/* What libkchan leaves to event loops: see the uapi header. */
#define KCHAN_OP_SEND ...
#define KCHAN_OP_RECV ...
#define KCHAN_INFO_CLOSED ...
#define KCHAN_INFO_SEND ...
#define KCHAN_INFO_RECV ...
#define KCHAN_INFO_MAPPED ...
#define KCHAN_INFO_NAMED ...
#define KCHAN_MAX_CASES ...

struct kchan_info {
	uint32_t flags;
	uint32_t len;
	uint32_t in_flight;
	uint32_t send_ends;
	uint32_t recv_ends;
	uint32_t send_waiters;
	uint32_t recv_waiters;
	uint64_t id;
	...;
};

struct kchan_case {
	int32_t fd;
	uint32_t op;
	uint64_t addr;
	uint32_t len;
	...;
};

struct kchan_commit {
	uint32_t index;
	uint32_t status;
	uint32_t len;
	...;
};

int kcpy_info(int fd, struct kchan_info *info);
int kcpy_arm(int fd, const struct kchan_case *cases, uint32_t n);
int kcpy_disarm(int fd);
void kcpy_init_opts(kc_chan_opts *opts);
""")

ffi.set_source("kchan._libkchan", r"""
#include <errno.h>
#include <sys/ioctl.h>

#include <kchan/kchan.h>
#include <kchan/uapi.h>

static void kcpy_init_opts(kc_chan_opts *opts)
{
	*opts = (kc_chan_opts)KC_CHAN_OPTS_INIT;
}

static int kcpy_info(int fd, struct kchan_info *info)
{
	return ioctl(fd, KCHAN_IOC_INFO, info) < 0 ? -errno : 0;
}

/* A new descriptor that holds the cases, or a negative errno. */
static int kcpy_arm(int fd, const struct kchan_case *cases, uint32_t n)
{
	struct kchan_arm arm = {
		.cases = (uintptr_t)cases,
		.nr_cases = n,
		.case_size = sizeof(*cases),
		.flags = KCHAN_ARM_CLOEXEC | KCHAN_ARM_NONBLOCK,
		.commit_size = sizeof(struct kchan_commit),
	};
	const int ret = ioctl(fd, KCHAN_IOC_ARM, &arm);

	return ret < 0 ? -errno : ret;
}

static int kcpy_disarm(int fd)
{
	return ioctl(fd, KCHAN_IOC_DISARM) < 0 ? -errno : 0;
}
""", libraries=["kchan"])

if __name__ == "__main__":
	ffi.compile(verbose=True)
