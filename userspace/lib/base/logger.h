/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_LOG_H
#define LIBKCHAN_LOG_H

/* Log a message, which ends without a newline. */
void kc_log(const char *text);

#endif /* LIBKCHAN_LOG_H */
