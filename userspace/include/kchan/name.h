/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels with a name.
 *
 * A name is a file in a filesystem of the type kchan, which is mounted at /run/kchan.
 * Any process that its mode allows opens it, in any language, and from a shell. The
 * channel lives as long as the name does, so what is queued outlives the processes that
 * use it. It is memory: a reboot empties it. kchan(4) has the rules, and how to mount.
 *
 * kc_create() makes a channel with a name, as mkfifo() does. kc_open() opens one. Nothing
 * else makes a name: a mistyped path is -ENOENT.
 */
#ifndef KCHAN_NAME_H
#define KCHAN_NAME_H

#include <sys/types.h>

#include <kchan/cdefs.h>
#include <kchan/chan.h>

KC_DECLS_BEGIN

/* What the handle of kc_open() can do. */
#define KC_OPEN_RECV	((uint32_t)1 << 0)
#define KC_OPEN_SEND	((uint32_t)1 << 1)

/*
 * Make a handle of the channel whose name is @path. @directions is KC_OPEN_RECV,
 * KC_OPEN_SEND or both. The call does not wait for anybody. The handle has a descriptor
 * of its own. To use it in another direction is -EBADF.
 *
 * If the channel's owner has yet to set it up, wait until that is done: the handle keeps
 * the element size that it finds. A channel of kc_create() is set up when its name
 * appears. The buffer is made at the first use, and the owner of the channel is charged
 * for it. So a call that sends or receives may also return -EDQUOT because of the owner's
 * quota.
 *
 * 0, or
 * -ENOENT	there is no such name
 * -EACCES	this user may not open it in that direction, or may not reach it
 * -ENOTTY	the file is not the name of a channel: for example, it is a FIFO in a
 *		directory where the filesystem is not mounted
 * -ENXIO	nobody is left in that direction, and nobody will be: for example, the
 *		channel has closed by itself, and @directions has KC_OPEN_SEND; or the
 *		name was removed while the call opened it
 * -EINVAL	@directions has none, or an unknown one
 * -EMFILE, -ENFILE, -ENOMEM, -ENAMETOOLONG, -ENOTDIR, -ELOOP
 */
int kc_open(kc_chan **out, const char *path, uint32_t directions) KC_MUST_CHECK;

/*
 * Make a channel with the name @path. *@out is a handle that sends and receives, with
 * one reference. If @opts is NULL, the channel is as the mount's options say. Besides
 * KC_CHAN_MESSAGE and KC_CHAN_NOMAP (a channel with a name is never mapped), the options
 * may have this flag:
 *
 * KC_CHAN_NO_SEND_HOLD	the channel closes with the last handle that can send. Else its
 *			name keeps it open until kc_close().
 *
 * @mode has the name's permission bits, of 0777. The umask does not change them. The
 * name appears when all of this is done: nobody sees a channel that is set up by half.
 * Until then it has another name in the same directory, which begins with ".kchan". It is
 * left over if the process is killed just then.
 *
 * The name stays until it is removed, with unlink() or rm. Only its owner may use
 * kc_close() and kc_resize() on the channel: for others these are -EPERM.
 *
 * 0, or
 * -EEXIST	there is such a file already
 * -ENODEV	the directory of @path is in another kind of filesystem: that of names
 *		is not mounted there
 * -EACCES	this user may not make files there
 * -EROFS	it is mounted read-only
 * -ENOSPC	it has as many names as it may have
 * -EDQUOT	this user's channels would hold more than the administrator allows, or
 *		would be more
 * -EINVAL	@mode has other bits; or as of kc_make_opts()
 * -ENOENT, -ENOTDIR
 *	the directory is not there
 * -E2BIG, -EMFILE, -ENFILE, -ENOMEM, -ENAMETOOLONG, -ELOOP
 */
int kc_create(kc_chan **out, const char *path, const kc_chan_opts *opts,
	      mode_t mode) KC_MUST_CHECK;

KC_DECLS_END

#endif /* KCHAN_NAME_H */
