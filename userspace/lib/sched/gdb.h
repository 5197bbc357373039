/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What programs that hold the static library bring for gdb: the script that knows
 * the library, whole, in a section that gdb looks for and nobody else does.
 *
 * By the name of the shared library gdb finds the script where it was installed. Of a
 * program's name it knows nothing, and the name of a file in the section would be
 * wrong wherever that is not installed, or another version of it. What is in the
 * section gdb runs only if it is told to trust the program: see libkchan(7).
 *
 * To be included by one file, without which no program has goroutines. The section
 * is no part of what is loaded, and strip takes it away.
 */
#ifndef LIBKCHAN_SCHED_GDB_H
#define LIBKCHAN_SCHED_GDB_H

#ifdef KC_GDB_SCRIPT
/* A byte that says that the text is here; a name, in a line; the text; and its end. */
__asm__(
"	.pushsection .debug_gdb_scripts, \"MS\", %progbits, 1\n"
"	.byte	4\n"
"	.ascii	\"libkchan-gdb.py\\n\"\n"
"	.incbin	\"" KC_GDB_SCRIPT "\"\n"
"	.byte	0\n"
"	.popsection\n"
);
#endif

#endif /* LIBKCHAN_SCHED_GDB_H */
