// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A TCP echo server. Its accept loop is one select over a socket, a channel that stops
 * it, and a ticker. It needs no timeouts, no self-pipe, and no thread to kill.
 */
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "example.h"

struct server {
	int socket;
	kc_chan *stop;		/* closed to stop it */
	kc_waitgroup connections;
	int ticks, accepted;
};

static void echo(void *arg)
{
	const int socket = *(int *)arg;
	char buf[4096];
	ssize_t len;

	while ((len = read(socket, buf, sizeof(buf))) > 0)
		if (write(socket, buf, len) != len)
			break;
	close(socket);
}

static void accept_one(struct server *s)
{
	/* Readiness is a hint: the client may have disconnected. */
	const int socket = accept4(s->socket, NULL, NULL, SOCK_CLOEXEC);

	if (socket < 0)
		return;
	s->accepted++;
	CHECK(kc_waitgroup_go_copy(&s->connections, echo, &socket, sizeof(socket)));
}

static void serve(void *arg)
{
	struct server *s = arg;
	kc_ticker *ticker;

	CHECK(kc_ticker_make(&ticker, 10 * KC_MILLISECOND));
	for (;;) {
		kc_case cases[] = {
			kc_case_fd(s->socket, EPOLLIN),
			kc_case_recv(s->stop, NULL),
			kc_case_recv(kc_ticker_chan(ticker), NULL),
		};

		switch (CHECK(kc_select(cases, 3))) {
		case 0:
			accept_one(s);
			continue;
		case 1:
			break;
		case 2:
			s->ticks++;
			continue;
		}
		break;
	}
	kc_waitgroup_wait(&s->connections);
	kc_ticker_unref(ticker);
}

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

/* A client. */
static void talk(const struct sockaddr_in *to, const char *text)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buf[100];
	ssize_t len;

	must(!connect(s, (const struct sockaddr *)to, sizeof(*to)), "connect");
	must(write(s, text, strlen(text)) > 0, "write");
	len = read(s, buf, sizeof(buf));
	must(len > 0, "read");
	printf("echo: %.*s\n", (int)len, buf);
	close(s);
}

int main(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct server server = { .connections = KC_WAITGROUP_INIT };
	kc_waitgroup wg = KC_WAITGROUP_INIT;
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.socket = socket(AF_INET,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(!bind(server.socket, (struct sockaddr *)&addr, len), "bind");
	must(!listen(server.socket, 10), "listen");
	must(!getsockname(server.socket, (struct sockaddr *)&addr, &len), "name");
	CHECK(kc_make(&server.stop, 0, 0));
	CHECK(kc_waitgroup_go(&wg, serve, &server));

	talk(&addr, "hello");
	kc_sleep(100 * KC_MILLISECOND);
	talk(&addr, "bye");
	kc_close(server.stop);
	kc_waitgroup_wait(&wg);
	printf("stopped: %d connections, and the ticker ticked: %s\n",
	       server.accepted, server.ticks ? "yes" : "no");
	close(server.socket);
	kc_unref(server.stop);
	return 0;
}
