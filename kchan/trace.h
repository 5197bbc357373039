/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints.
 *
 * chan is kchan_info.id. elem is the number of an element in its channel; the first one
 * that was sent is 0. kchan_send and kchan_receive have the same number for the same
 * element, so the time between them is what it spent in the channel. An element that a
 * receiver could not take comes back with kchan_put_back, and is received again.
 *
 * Events come in the order in which they happen, with the channel's lock held, in the
 * context of the task that makes them happen. When a receiver takes a parked sender's
 * element, both events come from the receiver. tid is the task that sends or receives
 * the element. It is 0 for an armed select, which has no task.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kchan

#if !defined(_KCHAN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KCHAN_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

#include "call.h"

/* For the hot path: the arguments are evaluated only if the event is enabled. */
#define kchan_trace(event, ...)						\
	do {								\
		if (trace_kchan_##event##_enabled())			\
			trace_kchan_##event(__VA_ARGS__);		\
	} while (0)

#define show_kchan_op(op)						\
	__print_symbolic(op, { KCHAN_OP_SEND, "send" },			\
			 { KCHAN_OP_RECV, "recv" }, { KCHAN_OP_POLL, "poll" })

/* An element, and the task that sends or receives it. */
DECLARE_EVENT_CLASS(kchan_element,
	TP_PROTO(const struct kchan *ch, u64 elem, u32 len,
		 const struct task_struct *task),
	TP_ARGS(ch, elem, len, task),
	TP_STRUCT__entry(
		__field(u64, chan)
		__field(u64, elem)
		__field(u32, len)
		__field(pid_t, tid)
	),
	TP_fast_assign(
		__entry->chan = ch->id;
		__entry->elem = elem;
		__entry->len = len;
		__entry->tid = task ? task->pid : 0;
	),
	TP_printk("chan=%llu elem=%llu len=%u tid=%d",
		  __entry->chan, __entry->elem, __entry->len, __entry->tid)
);

/* An element has entered the buffer, or goes to a receiver directly. */
DEFINE_EVENT(kchan_element, kchan_send,
	TP_PROTO(const struct kchan *ch, u64 elem, u32 len,
		 const struct task_struct *task),
	TP_ARGS(ch, elem, len, task)
);

/* An element has been handed out. */
DEFINE_EVENT(kchan_element, kchan_receive,
	TP_PROTO(const struct kchan *ch, u64 elem, u32 len,
		 const struct task_struct *task),
	TP_ARGS(ch, elem, len, task)
);

/* An element has come back. */
DEFINE_EVENT(kchan_element, kchan_put_back,
	TP_PROTO(const struct kchan *ch, u64 elem, u32 len,
		 const struct task_struct *task),
	TP_ARGS(ch, elem, len, task)
);

/* A case parks; a select does so once for each case that has a channel. */
TRACE_EVENT(kchan_block,
	TP_PROTO(const struct kchan_waitq *q, const struct task_struct *task),
	TP_ARGS(q, task),
	TP_STRUCT__entry(
		__field(u64, chan)
		__field(u32, op)
		__field(pid_t, tid)
	),
	TP_fast_assign(
		__entry->chan = kchan_of_waitq(q)->id;
		__entry->op = q->op;
		__entry->tid = task ? task->pid : 0;
	),
	TP_printk("chan=%llu op=%s tid=%d", __entry->chan,
		  show_kchan_op(__entry->op), __entry->tid)
);

/*
 * A parked case is completed, and its task will be woken. error is 0 when its element
 * moved.
 */
TRACE_EVENT(kchan_wake,
	TP_PROTO(const struct kchan_waitq *q, const struct task_struct *task,
		 int error),
	TP_ARGS(q, task, error),
	TP_STRUCT__entry(
		__field(u64, chan)
		__field(u32, op)
		__field(pid_t, tid)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->chan = kchan_of_waitq(q)->id;
		__entry->op = q->op;
		__entry->tid = task ? task->pid : 0;
		__entry->error = error;
	),
	TP_printk("chan=%llu op=%s tid=%d error=%d", __entry->chan,
		  show_kchan_op(__entry->op), __entry->tid, __entry->error)
);

/* The current task stops waiting, for a signal or its deadline. */
TRACE_EVENT(kchan_give_up,
	TP_PROTO(int error),
	TP_ARGS(error),
	TP_STRUCT__entry(
		__field(int, error)
	),
	TP_fast_assign(
		__entry->error = error;
	),
	TP_printk("error=%d", __entry->error)
);

/* A channel closes, by a call or because no end is left that can send. */
TRACE_EVENT(kchan_close,
	TP_PROTO(const struct kchan *ch),
	TP_ARGS(ch),
	TP_STRUCT__entry(
		__field(u64, chan)
		__field(u32, len)
		__field(u32, send_ends)
	),
	TP_fast_assign(
		__entry->chan = ch->id;
		__entry->len = ch->stored + ch->nr_put_back;
		__entry->send_ends = ch->send_ends;
	),
	TP_printk("chan=%llu len=%u send_ends=%u", __entry->chan, __entry->len,
		  __entry->send_ends)
);

/*
 * A select returns, or the outcome of an armed one is collected. With ret 0 the case of
 * that index has committed. chan is 0 if the case has no channel.
 */
TRACE_EVENT(kchan_select,
	TP_PROTO(const struct kchan_call *call, int ret),
	TP_ARGS(call, ret),
	TP_STRUCT__entry(
		__field(u64, chan)
		__field(u32, cases)
		__field(int, ret)
		__field(u32, index)
		__field(u32, op)
		__field(u32, status)
	),
	TP_fast_assign(
		const struct kchan_branch *b = NULL;

		if (!ret)
			b = &call->branches[call->chosen];
		__entry->chan = b && b->ch ? b->ch->id : 0;
		__entry->cases = call->nr;
		__entry->ret = ret;
		__entry->index = b ? call->chosen : 0;
		__entry->op = b ? b->op : 0;
		__entry->status = b ? call->status : 0;
	),
	TP_printk("cases=%u ret=%d index=%u chan=%llu op=%s status=%u",
		  __entry->cases, __entry->ret, __entry->index, __entry->chan,
		  show_kchan_op(__entry->op), __entry->status)
);

#endif /* _KCHAN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
