// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl top, on a terminal.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kchan/uapi.h>

#include "common.h"

/* A program, and what it has written to its terminal. */
struct terminal {
	pid_t pid;
	int fd;
	size_t len;
	char text[1 << 16];
};

static struct terminal terminal;

static void start_top(const char *type, unsigned short columns)
{
	struct winsize size = { .ws_row = 24, .ws_col = columns };

	if (access("/sys/kernel/debug/kchan/channels", R_OK))
		tap_skip("the listing cannot be read");
	if (system("kchanctl --version >/dev/null 2>&1"))
		tap_skip("there is no kchanctl");
	memset(&terminal, 0, sizeof(terminal));
	terminal.pid = forkpty(&terminal.fd, NULL, NULL, &size);
	if (terminal.pid < 0) {
		/* A guest may have nothing there. */
		mkdir("/dev/pts", 0755);
		mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=666");
		terminal.pid = forkpty(&terminal.fd, NULL, NULL, &size);
	}
	if (terminal.pid < 0)
		tap_skip("no pseudo-terminals here");
	if (!terminal.pid) {
		setenv("TERM", type, 1);
		execlp("kchanctl", "kchanctl", "top", "-d", "100ms", (char *)NULL);
		_exit(127);
	}
}

/* Reads what is there, and waits a little if there is nothing. False at the end. */
static bool read_some(void)
{
	struct pollfd fd = { .fd = terminal.fd, .events = POLLIN };
	ssize_t len;

	if (poll(&fd, 1, 20) <= 0)
		return true;
	must(terminal.len < sizeof(terminal.text) - 1);
	len = read(terminal.fd, terminal.text + terminal.len,
		   sizeof(terminal.text) - 1 - terminal.len);
	if (len <= 0)
		return false;
	terminal.len += (size_t)len;
	terminal.text[terminal.len] = '\0';
	return true;
}

static bool shows(const char *text)
{
	return read_some() && strstr(terminal.text, text);
}

static void expect_shown(const char *text)
{
	tap_about("%s", text);
	until(shows(text));
}

/* What was written so far does not count. */
static void forget(void)
{
	terminal.len = 0;
	terminal.text[0] = '\0';
}

static void press(const char *keys)
{
	must_int(write(terminal.fd, keys, strlen(keys)), (long long)strlen(keys));
}

/*
 * A number that has changed a little is not written as a whole, unless the user asks for
 * all.
 */
static bool shows_anew(const char *text)
{
	if (shows(text))
		return true;
	forget();
	press("\f");
	return false;
}

/* A terminal of another size is drawn anew, as a whole. */
static void resize(unsigned short columns)
{
	struct winsize size = { .ws_row = 10, .ws_col = columns };

	forget();
	must(!ioctl(terminal.fd, TIOCSWINSZ, &size));
}

static int end_status(void)
{
	int status;

	while (read_some())
		;
	must_int(waitpid(terminal.pid, &status, 0), terminal.pid);
	return status;
}

static unsigned long long id_of(kc_chan *c)
{
	struct kchan_info info;

	must(!ioctl(kc_fd(c), KCHAN_IOC_INFO, &info));
	return info.id;
}

static void test_top(void)
{
	/*
	 * There may be other channels. So this one has numbers of its own, which are
	 * written as a whole: between numbers the cursor may be moved.
	 */
	static uint64_t elems[23456];
	kc_chan *c = make(8, 47110);
	char channel[32];

	if (access("/usr/share/terminfo/l/linux", R_OK) &&
	    access("/lib/terminfo/l/linux", R_OK))
		tap_skip("no terminal is known here");
	must_int(kc_send_n(c, elems, ARRAY_SIZE(elems)), ARRAY_SIZE(elems));
	start_top("linux", 80);
	snprintf(channel, sizeof(channel), "channel %llu", id_of(c));
	expect_shown(channel);
	expect_shown(" channels: ");
	expect_shown("23456");
	expect_shown("47110");
	expect_shown("l LEN*");
	send_now(c, 3);
	/* Where there is more room, there are more columns. */
	must(!strstr(terminal.text, "WSEND"));
	resize(160);
	until(shows_anew("23457"));
	expect_shown("WSEND");
	expect_shown(channel);
	/* Another column, and its other order. */
	press("n");
	resize(80);
	until(shows_anew("n NAME*"));
	press("n");
	resize(100);
	until(shows_anew("n NAME^"));
	/* It scrolls no further than its last row. */
	press("\033[B\033[6~");
	resize(90);
	expect_shown(channel);
	press("q");
	expect_int(end_status(), 0);
}

static void test_unknown(void)
{
	start_top("no-such-terminal", 80);
	expect_shown("kchanctl: top: the terminal is not known (TERM): say --once");
	expect_int(end_status(), 1 << 8);
}

/* The terminal goes. */
static void test_gone(void)
{
	if (access("/usr/share/terminfo/l/linux", R_OK) &&
	    access("/lib/terminfo/l/linux", R_OK))
		tap_skip("no terminal is known here");
	start_top("linux", 80);
	expect_shown("q ends.");
	close(terminal.fd);
	terminal.fd = -1;
	until(waitpid(terminal.pid, NULL, WNOHANG) == terminal.pid);
}

static const struct tap_test tests[] = {
	{ "kchanctl top: a live view", test_top },
	{ "kchanctl top: an unknown terminal", test_unknown },
	{ "kchanctl top: it ends with its terminal", test_gone },
};

TAP_MAIN(tests)
