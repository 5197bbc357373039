// SPDX-License-Identifier: GPL-2.0-only
#include "forbid.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "common.h"

void forbid(const int *calls, size_t nr)
{
	struct sock_filter code[16];
	struct sock_fprog program = { 0, code };
	size_t i;

	must(nr + 3 <= ARRAY_SIZE(code));
	code[program.len++] = (struct sock_filter)
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 0; i < nr; i++)
		code[program.len++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], nr - i, 0);
	code[program.len++] = (struct sock_filter)
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[program.len++] = (struct sock_filter)
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	must_int(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	must_int(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}
