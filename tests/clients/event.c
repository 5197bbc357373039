// SPDX-License-Identifier: GPL-2.0-only
/*
 * libevent: events on a channel, level- and edge-triggered, and a bufferevent. TAP.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>

#include "client.h"

static struct event_base *base;
static int got, ended;

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char room[4096];
	ssize_t n;

	(void)what;
	while ((n = read(fd, room, sizeof(room))) > 0)
		got += n == 5 && !memcmp(room, "event", 5);
	if (!n) {
		ended = 1;
		event_del(*(struct event **)arg);
	}
}

static int events(short how)
{
	struct client_pair p = client_pair(4096, 4, 1);
	struct event *readable;
	int i;

	got = ended = 0;
	readable = event_new(base, p.recv, EV_READ | EV_PERSIST | how, on_readable,
			     &readable);
	client_must(readable && !event_add(readable, NULL));
	for (i = 0; i < 3; i++) {
		client_must(write(p.send, "event", 5) == 5);
		event_base_loop(base, EVLOOP_ONCE);
	}
	close(p.send);
	event_base_dispatch(base);
	event_free(readable);
	close(p.recv);
	return got == 3 && ended;
}

static int timed_out;

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)arg;
	timed_out = what == EV_TIMEOUT;
}

static int timeout(void)
{
	struct client_pair p = client_pair(4, 1, 0);
	struct timeval soon = { .tv_usec = 20000 };

	client_must(!event_base_once(base, p.recv, EV_READ, on_timeout, NULL, &soon));
	event_base_dispatch(base);
	close(p.recv);
	close(p.send);
	return timed_out;
}

static void on_data(struct bufferevent *b, void *arg)
{
	(void)arg;
	got += evbuffer_get_length(bufferevent_get_input(b));
	evbuffer_drain(bufferevent_get_input(b), 1 << 20);
}

static void on_event(struct bufferevent *b, short what, void *arg)
{
	(void)b;
	(void)arg;
	ended = what & BEV_EVENT_EOF;
	event_base_loopbreak(base);
}

static void on_drained(struct bufferevent *b, void *arg)
{
	(void)arg;
	bufferevent_free(b);
}

/* As many bytes as the channel does not hold at once. */
static int buffered(void)
{
	struct client_pair p = client_pair(1, 64, 0);
	struct bufferevent *in, *out;
	char bytes[1000] = "";

	got = ended = 0;
	in = bufferevent_socket_new(base, p.recv, BEV_OPT_CLOSE_ON_FREE);
	out = bufferevent_socket_new(base, p.send, BEV_OPT_CLOSE_ON_FREE);
	client_must(in && out);
	bufferevent_setcb(in, on_data, NULL, on_event, NULL);
	bufferevent_setcb(out, NULL, on_drained, on_event, NULL);
	bufferevent_enable(in, EV_READ);
	bufferevent_disable(out, EV_READ);
	client_must(!bufferevent_write(out, bytes, sizeof(bytes)));
	event_base_dispatch(base);
	bufferevent_free(in);
	return got == sizeof(bytes) && ended;
}

int main(void)
{
	base = event_base_new();
	client_must(base);
	client_says(events(0), "libevent: an event for each element, and for the end");
	client_says(events(EV_ET), "libevent: the same, edge-triggered");
	client_says(timeout(), "libevent: an event's timeout");
	client_says(buffered(), "libevent: a bufferevent, over elements of one byte");
	event_base_free(base);
	return client_end();
}
