/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts the gdb script of the library into programs that link the static library. The
 * whole script is in a section that only gdb reads.
 *
 * For the shared library, gdb finds the installed script by the library's file name. A
 * program's file name tells gdb nothing. The section could name a script file, but the
 * file may be missing on another machine, or be of another version. gdb runs a script
 * from the section only if it is told to trust the program: see libkchan(7).
 *
 * One file includes this header. Every program with goroutines links that file. The
 * section is not loaded into memory, and strip removes it.
 */
#ifndef LIBKCHAN_SCHED_GDB_H
#define LIBKCHAN_SCHED_GDB_H

#ifdef KC_GDB_SCRIPT
/*
 * A type byte for "script text", a line with the script's name, the text, a zero byte.
 */
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
