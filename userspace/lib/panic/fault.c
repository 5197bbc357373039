// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Faults. A stack overflow is reported before the program ends. A fault in code that
 * has asked for it becomes a panic.
 *
 * A panic must not jump out of a signal handler. So the handler takes the backtrace,
 * which passes the signal frame, and changes the interrupted context: when the handler
 * returns, the thread continues in raise_fault() on the interrupted stack, below all
 * that may be in use. This looks as if the faulting code had called a function.
 */
#include <gnu/libc-version.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fork.h"
#include "base/interrupted.h"
#include "panic/fault.h"
#include "panic/panicking.h"
#include "panic/report.h"

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE };

#define NR_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

/* The actions before ours. */
static struct sigaction before[NR_SIGNALS];

/* The code whose faults become panics. Ranges are only added. */
#define MAX_RANGES	64

struct range {
	uintptr_t start;
	uintptr_t end;
};

static struct range ranges[MAX_RANGES];
static unsigned int nr_ranges;
static uint32_t lock;		/* protects the adding of ranges */

static void lock_ranges(void)
{
	kc_lock(&lock);
}

static void unlock_ranges(void)
{
	kc_unlock(&lock);
}

KC_AT_FORK(.order = KC_FORK_FAULT, .lock = lock_ranges, .unlock = unlock_ranges)

/* What the panic's text is made of. It is copied to the stack that faulted. */
struct fault {
	int signal;
	int code;
	uintptr_t addr;
	uintptr_t pc;
	struct kc_trace trace;
};

static bool in_ranges(uintptr_t pc)
{
	unsigned int i, nr = __atomic_load_n(&nr_ranges, __ATOMIC_ACQUIRE);

	for (i = 0; i < nr; i++)
		if (pc >= ranges[i].start && pc < ranges[i].end)
			return true;
	return false;
}

/*
 * True for a stack overflow: in a stack of the library's, only the guard is
 * inaccessible. Threads that are not the library's have no alternate stack to run the
 * handler on.
 */
static bool is_overflow(const struct kc_g *g, const siginfo_t *info,
			uintptr_t pc)
{
	const uintptr_t addr = (uintptr_t)info->si_addr;

	/*
	 * If the address is the program counter, the thread jumped to an address that
	 * is no code.
	 */
	return info->si_signo == SIGSEGV && info->si_code == SEGV_ACCERR && g &&
	       addr >= g->stack_low && addr < g->stack_high && addr != pc;
}

static const char *describe(const struct fault *fault)
{
	if (fault->signal != SIGFPE)
		return "invalid memory address or nil pointer dereference";
	if (fault->code == FPE_INTDIV)
		return "integer divide by zero";
	if (fault->code == FPE_INTOVF)
		return "integer overflow";
	return "floating point error";
}

KC_NORETURN static void raise_fault(const void *data)
{
	const struct fault *fault = data;
	char *text;

	if (asprintf(&text, "runtime error: %s\n[signal SIG%s code=%#x addr=%#lx pc=%#lx]",
		     describe(fault), sigabbrev_np(fault->signal), fault->code,
		     (unsigned long)fault->addr, (unsigned long)fault->pc) < 0)
		text = NULL;
	kc_raise(kc_g_self(), kc_panicked_make(text, NULL, NULL, &fault->trace));
}

bool kc_call_handler(const struct sigaction *old, int signal, siginfo_t *info,
		     void *context)
{
	if (old->sa_flags & SA_SIGINFO)
		old->sa_sigaction(signal, info, context);
	else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
		old->sa_handler(signal);
	else
		return false;
	return true;
}

static void pass_on(unsigned int i, int signal, siginfo_t *info, void *context)
{
	const struct sigaction *old = &before[i];

	if (kc_call_handler(old, signal, info, context))
		return;
	if (info->si_code <= 0 && old->sa_handler == SIG_IGN)
		return;
	/*
	 * After a fault, the instruction is executed again, which now is fatal. A
	 * signal that was sent must be raised again.
	 */
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	if (info->si_code <= 0)
		raise(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	const uintptr_t pc = kc_interrupted_pc(context);
	const int error = errno;
	struct fault fault = {
		.signal = signal,
		.code = info->si_code,
		.addr = (uintptr_t)info->si_addr,
		.pc = pc,
	};
	unsigned int i = 0;

	if (is_overflow(kc_g_current, info, pc)) {
		fault.trace = kc_trace_take_in_handler(pc + 1);
		kc_report_error("stack overflow", kc_g_current, &fault.trace);
	}
	/* If si_code is not positive, another process or thread sent the signal. */
	if (info->si_code > 0 && in_ranges(pc)) {
		fault.trace = kc_trace_take_in_handler(pc + 1);
		kc_interrupted_go_on(context, raise_fault, &fault, sizeof(fault));
	} else {
		while (signals[i] != signal)
			i++;
		pass_on(i, signal, info, context);
	}
	errno = error;
}

/*
 * If the program has installed another handler since, ours is installed over it, and
 * passes on to it what is not ours.
 */
static void handle(unsigned int i)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	struct sigaction now;

	sigaction(signals[i], NULL, &now);
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault)
		return;
	before[i] = now;
	sigemptyset(&action.sa_mask);
	sigaction(signals[i], &action, NULL);
}

void kc_fault_setup(void)
{
	struct sigaction now;

	kc_lock(&lock);
	if (!sigaction(SIGSEGV, NULL, &now) && !(now.sa_flags & SA_SIGINFO) &&
	    now.sa_handler == SIG_DFL)
		handle(0);
	kc_unlock(&lock);
}

/* The data of visit(). */
struct search {
	uintptr_t code;
	int ret;
	unsigned int nr;
};

static bool holds(const struct dl_phdr_info *info, uintptr_t addr)
{
	uintptr_t start;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && addr >= start &&
		    addr - start < info->dlpi_phdr[i].p_memsz)
			return true;
	}
	return false;
}

static int add_ranges(const struct dl_phdr_info *info, unsigned int *nr)
{
	const ElfW(Phdr) *phdr;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		phdr = &info->dlpi_phdr[i];
		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		if (*nr == MAX_RANGES)
			return -ENOSPC;
		ranges[*nr].start = info->dlpi_addr + phdr->p_vaddr;
		ranges[*nr].end = ranges[*nr].start + phdr->p_memsz;
		++*nr;
	}
	return 0;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *search = data;

	(void)size;
	if (!holds(info, search->code))
		return 0;
	/* The address of a string in libc identifies libc. */
	if (holds(info, (uintptr_t)kc_fault_setup) ||
	    holds(info, (uintptr_t)gnu_get_libc_version()))
		search->ret = -EOPNOTSUPP;
	else
		search->ret = add_ranges(info, &search->nr);
	return 1;
}

int kc_panic_on_fault(void (*code)(void))
{
	struct search search = { (uintptr_t)code, -EINVAL, 0 };
	unsigned int i;

	if (!KC_HAVE_INTERRUPTED)
		return -EOPNOTSUPP;
	kc_g_self();
	kc_lock(&lock);
	search.nr = nr_ranges;
	if (in_ranges(search.code))
		search.ret = 0;
	else
		dl_iterate_phdr(visit, &search);
	if (!search.ret) {
		__atomic_store_n(&nr_ranges, search.nr, __ATOMIC_RELEASE);
		for (i = 0; i < NR_SIGNALS; i++)
			handle(i);
	}
	kc_unlock(&lock);
	return search.ret;
}
