// SPDX-License-Identifier: GPL-2.0-only
/*
 * libuv: a channel as a pipe (uv_pipe_t), which is a stream of bytes; and with uv_poll_t,
 * which keeps messages apart. TAP.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "client.h"

static char text[256];
static size_t text_len;
static int ended, messages;

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
	static char room[65536];

	(void)handle;
	(void)wanted;
	*buf = uv_buf_init(room, sizeof(room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0) {
		memcpy(text + text_len, buf->base, n);
		text_len += n;
		return;
	}
	if (!n)
		return;
	ended = n == UV_EOF;
	uv_close((uv_handle_t *)stream, NULL);
}

static void on_written(uv_write_t *request, int status)
{
	client_must(!status);
	uv_close((uv_handle_t *)request->handle, NULL);
}

/* Two ends of one channel in one loop: a write, and a read to the end of the stream. */
static int pipes(void)
{
	struct client_pair p = client_pair(4096, 4, 1);
	uv_buf_t bufs = uv_buf_init("from libuv", 10);
	uv_pipe_t reader, writer;
	uv_write_t request;
	uv_loop_t loop;

	text_len = 0;
	ended = 0;
	client_must(!uv_loop_init(&loop));
	client_must(!uv_pipe_init(&loop, &reader, 0));
	client_must(!uv_pipe_init(&loop, &writer, 0));
	client_must(!uv_pipe_open(&reader, p.recv));
	client_must(!uv_pipe_open(&writer, p.send));
	client_must(!uv_read_start((uv_stream_t *)&reader, give_room, on_read));
	client_must(!uv_write(&request, (uv_stream_t *)&writer, &bufs, 1, on_written));
	uv_run(&loop, UV_RUN_DEFAULT);
	client_must(!uv_loop_close(&loop));
	return ended && text_len == 10 && !memcmp(text, "from libuv", 10);
}

/* More than the channel holds: the loop waits until there is room. */
static uv_pipe_t many_reader;
static uv_write_t many[100];
static int written;

static void on_one_written(uv_write_t *request, int status)
{
	client_must(!status);
	if (++written == 100)
		uv_close((uv_handle_t *)request->handle, NULL);
}

static size_t many_bytes;

static void on_many(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n >= 0) {
		many_bytes += n;
		return;
	}
	ended = n == UV_EOF;
	uv_close((uv_handle_t *)stream, NULL);
}

static int back_pressure(void)
{
	struct client_pair p = client_pair(8, 2, 0);
	uv_buf_t buf = uv_buf_init("8 bytes.", 8);
	uv_pipe_t writer;
	uv_loop_t loop;
	int i;

	ended = 0;
	client_must(!uv_loop_init(&loop));
	client_must(!uv_pipe_init(&loop, &many_reader, 0));
	client_must(!uv_pipe_init(&loop, &writer, 0));
	client_must(!uv_pipe_open(&many_reader, p.recv));
	client_must(!uv_pipe_open(&writer, p.send));
	client_must(!uv_read_start((uv_stream_t *)&many_reader, give_room, on_many));
	for (i = 0; i < 100; i++)
		client_must(!uv_write(&many[i], (uv_stream_t *)&writer, &buf, 1,
				      on_one_written));
	uv_run(&loop, UV_RUN_DEFAULT);
	client_must(!uv_loop_close(&loop));
	return ended && many_bytes == 800;
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
	char room[4096];
	ssize_t n;
	uv_os_fd_t fd;

	client_must(!status && (events & (UV_READABLE | UV_DISCONNECT)));
	client_must(!uv_fileno((uv_handle_t *)handle, &fd));
	while ((n = read(fd, room, sizeof(room))) > 0) {
		client_must(n == 3 && room[2] == '0' + messages);
		messages++;
	}
	if (!n)
		uv_close((uv_handle_t *)handle, NULL);
}

static int polled(void)
{
	struct client_pair p = client_pair(4096, 4, 1);
	uv_poll_t handle;
	uv_loop_t loop;

	client_must(write(p.send, "no0", 3) == 3 && write(p.send, "no1", 3) == 3);
	close(p.send);
	client_must(!uv_loop_init(&loop));
	client_must(!uv_poll_init(&loop, &handle, p.recv));
	client_must(!uv_poll_start(&handle, UV_READABLE, on_ready));
	uv_run(&loop, UV_RUN_DEFAULT);
	client_must(!uv_loop_close(&loop));
	close(p.recv);
	return messages == 2;
}

int main(void)
{
	client_says(pipes(), "libuv: a pipe handle reads and writes, and sees the end");
	client_says(back_pressure(), "libuv: a pipe handle waits for room");
	client_says(polled(), "libuv: a poll handle keeps messages apart");
	return client_end();
}
