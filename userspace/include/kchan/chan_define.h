/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels of one element type, checked by the compiler.
 *
 * KC_CHAN_DEFINE(int_chan, int), at file level, declares the type int_chan, which is
 * only used through pointers, and functions for it:
 *
 *	int_chan *c;
 *	int v;
 *
 *	int_chan_make(&c, 4);
 *	int_chan_send(c, 42);
 *	while (int_chan_recv(c, &v) > 0)
 *		...
 *	int_chan_unref(c);
 *
 * The type of the elements may be any that can be assigned: a number, a structure, or a
 * pointer, as in KC_CHAN_DEFINE(error_chan, kc_error *). Put an array into a structure.
 * The macro also names the element type: int_chan_elem.
 *
 * The functions that send take the element by value. The functions for a select's cases
 * take its address, and those for several elements (int_chan_send_n()) take the address of
 * the first. All return what the kc_ calls of chan.h and select.h return.
 * int_chan_chan() returns the plain handle, for all other calls. int_chan_from() makes
 * a typed handle of a plain one, and takes over the reference. It returns -EINVAL if
 * the elements of the channel do not have the size of the type.
 */
#ifndef KCHAN_CHAN_DEFINE_H
#define KCHAN_CHAN_DEFINE_H

#include <errno.h>
#include <sys/types.h>

#include <kchan/chan.h>
#include <kchan/context.h>
#include <kchan/select.h>

#define KC_CHAN_DEFINE(name, T)						\
	typedef struct name name;					\
	typedef __typeof__(T) name##_elem;				\
	/* Elements are passed by value, so T is no array. */		\
	typedef name##_elem name##_by_value_(void);			\
									\
	KC_MAYBE_UNUSED static inline kc_chan *name##_chan(name *c)	\
	{								\
		return (kc_chan *)c;					\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_from(name **out, kc_chan *c)		\
	{								\
		if (!c || kc_is_message(c) ||				\
		    kc_elem_size(c) != (int)sizeof(name##_elem))	\
			return -EINVAL;					\
		*out = (name *)c;					\
		return 0;						\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_make(name **out, size_t cap)		\
	{								\
		kc_chan *made;						\
		int ret = kc_make(&made, sizeof(name##_elem), cap);	\
									\
		if (!ret)						\
			*out = (name *)made;				\
		return ret;						\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_make_pair(name **recv, name **send,	\
					   size_t cap)			\
	{								\
		kc_chan *in, *out;					\
		int ret = kc_make_pair(&in, &out, sizeof(name##_elem),	\
				       cap);				\
									\
		if (ret)						\
			return ret;					\
		*recv = (name *)in;					\
		*send = (name *)out;					\
		return 0;						\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_recv_only(name **out, name *c)		\
	{								\
		kc_chan *made;						\
		int ret = kc_recv_only(&made, (kc_chan *)c);		\
									\
		if (!ret)						\
			*out = (name *)made;				\
		return ret;						\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_send_only(name **out, name *c)		\
	{								\
		kc_chan *made;						\
		int ret = kc_send_only(&made, (kc_chan *)c);		\
									\
		if (!ret)						\
			*out = (name *)made;				\
		return ret;						\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_send(name *c, name##_elem elem)	\
	{								\
		return kc_send((kc_chan *)c, &elem);			\
	}								\
									\
	KC_MAYBE_UNUSED							\
	static inline int name##_try_send(name *c, name##_elem elem)	\
	{								\
		return kc_try_send((kc_chan *)c, &elem);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_send_timeout(name *c,			\
					      name##_elem elem,		\
					      int64_t timeout)		\
	{								\
		return kc_send_timeout((kc_chan *)c, &elem, timeout);	\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_recv(name *c, name##_elem *elem)	\
	{								\
		return kc_recv((kc_chan *)c, elem);			\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_try_recv(name *c, name##_elem *elem)	\
	{								\
		return kc_try_recv((kc_chan *)c, elem);			\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_recv_timeout(name *c,			\
					      name##_elem *elem,	\
					      int64_t timeout)		\
	{								\
		return kc_recv_timeout((kc_chan *)c, elem, timeout);	\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_send_ctx(kc_ctx *ctx, name *c,		\
					  name##_elem elem)		\
	{								\
		return kc_send_ctx(ctx, (kc_chan *)c, &elem);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK					\
	static inline int name##_recv_ctx(kc_ctx *ctx, name *c,		\
					  name##_elem *elem)		\
	{								\
		return kc_recv_ctx(ctx, (kc_chan *)c, elem);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_send_n(name *c, const name##_elem *elems, size_t n)	\
	{								\
		return kc_send_n((kc_chan *)c, elems, n);		\
	}								\
									\
	KC_MAYBE_UNUSED static inline ssize_t				\
	name##_try_send_n(name *c, const name##_elem *elems, size_t n)	\
	{								\
		return kc_try_send_n((kc_chan *)c, elems, n);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_send_n_timeout(name *c, const name##_elem *elems,	\
			      size_t n, int64_t timeout)		\
	{								\
		return kc_send_n_timeout((kc_chan *)c, elems, n,	\
					 timeout);			\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_recv_n(name *c, name##_elem *elems, size_t n)		\
	{								\
		return kc_recv_n((kc_chan *)c, elems, n);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_try_recv_n(name *c, name##_elem *elems, size_t n)	\
	{								\
		return kc_try_recv_n((kc_chan *)c, elems, n);		\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_recv_n_timeout(name *c, name##_elem *elems, size_t n,	\
			      int64_t timeout)				\
	{								\
		return kc_recv_n_timeout((kc_chan *)c, elems, n,	\
					 timeout);			\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_send_n_ctx(kc_ctx *ctx, name *c,				\
			  const name##_elem *elems, size_t n)		\
	{								\
		return kc_send_n_ctx(ctx, (kc_chan *)c, elems, n);	\
	}								\
									\
	KC_MAYBE_UNUSED KC_MUST_CHECK static inline ssize_t		\
	name##_recv_n_ctx(kc_ctx *ctx, name *c, name##_elem *elems,	\
			  size_t n)					\
	{								\
		return kc_recv_n_ctx(ctx, (kc_chan *)c, elems, n);	\
	}								\
									\
	KC_MAYBE_UNUSED static inline kc_case				\
	name##_case_send(name *c, const name##_elem *elem)		\
	{								\
		return kc_case_send((kc_chan *)c, elem);		\
	}								\
									\
	KC_MAYBE_UNUSED static inline kc_case				\
	name##_case_recv(name *c, name##_elem *elem)			\
	{								\
		return kc_case_recv((kc_chan *)c, elem);		\
	}								\
									\
	KC_MAYBE_UNUSED static inline int name##_close(name *c)		\
	{								\
		return kc_close((kc_chan *)c);				\
	}								\
									\
	KC_MAYBE_UNUSED static inline int name##_len(name *c)		\
	{								\
		return kc_len((kc_chan *)c);				\
	}								\
									\
	KC_MAYBE_UNUSED static inline int name##_cap(name *c)		\
	{								\
		return kc_cap((kc_chan *)c);				\
	}								\
									\
	KC_MAYBE_UNUSED static inline name *name##_ref(name *c)		\
	{								\
		return (name *)kc_ref((kc_chan *)c);			\
	}								\
									\
	KC_MAYBE_UNUSED static inline void name##_unref(name *c)	\
	{								\
		kc_unref((kc_chan *)c);					\
	}								\
									\
	/* Takes the semicolon that follows the macro. */		\
	struct name

#endif /* KCHAN_CHAN_DEFINE_H */
