// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl top: the whole of a terminal.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kchanctl.h"
#include "top.h"

#ifdef KCHANCTL_NCURSES

#include <ncurses.h>

#define CTRL_L	('L' & 0x1f)

/* Lines that are no rows: the sums, the head, and the keys. */
#define OTHER_LINES	3

static void draw_sums(const struct top *top)
{
	unsigned long long len = 0, in_flight = 0, waiters = 0;
	const struct row *row;

	for (row = top->now.rows; row != top->now.rows + top->now.nr; row++) {
		len += row->info.len;
		in_flight += row->info.in_flight;
		waiters += row->info.send_waiters + row->info.recv_waiters;
	}
	mvprintw(0, 0, "%zu channels: %llu queued, %llu in flight, %llu calls wait",
		 top->now.nr, len, in_flight, waiters);
	clrtoeol();
}

/* A line ends at the right side of the terminal. */
static void draw_line(int y, const char *line)
{
	mvaddnstr(y, 0, line, COLS);
	if (strlen(line) < (size_t)COLS)
		clrtoeol();
}

static void draw_head(void)
{
	char line[4352];

	top_head(line, sizeof(line), COLS);
	attron(A_REVERSE);
	mvprintw(1, 0, "%-*.*s", COLS, COLS, line);
	attroff(A_REVERSE);
}

static void draw_keys(const struct top *top)
{
	const struct column *column;
	char text[256], *at = text;

	at += snprintf(at, sizeof(text), "q ends. Sort:");
	for (column = columns; column->letter; column++)
		at += snprintf(at, text + sizeof(text) - at, " %c %s%s", column->letter,
			       column->name, column->letter != top->sort ? "" :
			       top->reverse ? "^" : "*");
	draw_line(LINES - 1, text);
}

static void draw(const struct top *top, size_t first)
{
	char line[4352];
	size_t i;
	int y;

	draw_sums(top);
	draw_head();
	for (y = 2, i = first; y < LINES - 1; y++, i++) {
		line[0] = '\0';
		if (i < top->now.nr)
			top_line(line, sizeof(line), COLS, &top->now.rows[i]);
		draw_line(y, line);
	}
	draw_keys(top);
	refresh();
}

/* Where the first row is after a key. */
static size_t scroll_by(const struct top *top, size_t first, int key)
{
	const size_t page = LINES > OTHER_LINES ? LINES - OTHER_LINES : 1;
	const size_t last = top->now.nr > page ? top->now.nr - page : 0;

	switch (key) {
	case KEY_DOWN:
		first++;
		break;
	case KEY_UP:
		first -= first > 0;
		break;
	case KEY_NPAGE:
		first += page;
		break;
	case KEY_PPAGE:
		first -= first > page ? page : first;
		break;
	case KEY_HOME:
		first = 0;
		break;
	case KEY_END:
		first = last;
		break;
	}
	return first > last ? last : first;
}

static void sort_by(struct top *top, int key)
{
	const struct column *column;

	for (column = columns; column->letter; column++)
		if (key == column->letter)
			top_sort(top, column->letter);
}

/* Handles keys until it is time for the next look. Returns false at the end. */
static bool handle_keys(struct top *top, size_t *first)
{
	int64_t left;
	int key;

	for (;;) {
		left = top->now.time + top->delay - kc_now();
		if (left <= 0)
			return true;
		timeout((int)(left / KC_MILLISECOND) + 1);
		key = getch();
		if (key == 'q' || key == 'Q')
			return false;
		/* The terminal is gone, if it is no timeout. */
		if (key == ERR && top->now.time + top->delay > kc_now() &&
		    !isatty(STDIN_FILENO))
			return false;
		if (key == ERR)
			continue;
		/* All is written anew. */
		if (key == KEY_RESIZE || key == CTRL_L)
			clearok(curscr, true);
		sort_by(top, key);
		*first = scroll_by(top, *first, key);
		draw(top, *first);
	}
}

/* The first look was before the screen was there. */
static void loop(struct top *top)
{
	size_t first = 0;

	draw(top, first);
	while (handle_keys(top, &first)) {
		/* What is there may change, so a failure does not end this. */
		top_look(top, true);
		first = scroll_by(top, first, 0);
		draw(top, first);
	}
}

int screen_run(struct top *top)
{
	SCREEN *screen;
	int status;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return fail("top: this is no terminal: say --once");
	if (top->delay < 0)
		top->delay = KC_SECOND;
	/* What cannot be read is told before the screen is there. */
	status = top_look(top, false);
	if (status && !top->now.nr)
		return status;
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return fail("top: the terminal is not known (TERM): say --once");
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	loop(top);
	endwin();
	delscreen(screen);
	return STATUS_OK;
}

#else

int screen_run(struct top *top)
{
	(void)top;
	return fail("top: this kchanctl was built without ncurses, so it can only write the table: say --once");
}

#endif
