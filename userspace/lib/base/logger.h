/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCHAN_BASE_LOGGER_H
#define LIBKCHAN_BASE_LOGGER_H

/* Logs a message. @text does not end with a newline. */
void kc_log(const char *text);

#endif /* LIBKCHAN_BASE_LOGGER_H */
