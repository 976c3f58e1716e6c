/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spoa_minimal: about the smallest agent that HAProxy talks to, as the floor for measurements of a
 * round trip: one thread, one read and one write per batch, every NOTIFY answered by the same two
 * variables, nothing looked at, nothing checked. Never for anything else.   spoa_minimal
 * /PATH/OF/SOCKET
 */
#include "spoa/spop/ack.h"
#include "spoa/spop/hello.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { IN_BYTES = 262144, EVENTS = 64, FDS = 4096 };

struct peer {
	size_t len;
	char in[IN_BYTES];
};

static struct peer *peers[FDS];
static char answers[IN_BYTES * 8];

static void answer(const struct frame *frame, struct wire_writer *out)
{
	unsigned char *begin;

	if (frame->type == FRAME_HAPROXY_HELLO) {
		struct hello hello;
		struct hello_reply reply;

		if (hello_decode(frame, &hello) == SPOP_OK &&
		    hello_negotiate(&hello, 131068, &reply) == SPOP_OK)
			hello_encode(out, &reply);
		return;
	}
	if (frame->type != FRAME_NOTIFY)
		return;
	begin = ack_begin(out, frame->stream_id, frame->frame_id);
	ack_set(out, ACK_TXN, SLICE("verdict"), typed_uint32(200));
	ack_set(out, ACK_TXN, SLICE("auth"), typed_string(SLICE("off")));
	frame_end(out, begin);
}

static bool serve(int fd)
{
	struct peer *peer = peers[fd];
	struct wire_writer out = wire_writer_of(answers, sizeof(answers));
	ssize_t n = read(fd, peer->in + peer->len, sizeof(peer->in) - peer->len);
	struct slice rest;
	struct frame frame;
	size_t bytes;

	if (n <= 0)
		return false;
	peer->len += (size_t)n;
	rest = slice_of(peer->in, peer->len);
	while (frame_next(rest, IN_BYTES - 4, &frame, &bytes) == FRAME_COMPLETE) {
		answer(&frame, &out);
		rest = slice_from(rest, bytes);
	}
	memmove(peer->in, rest.ptr, rest.len);
	peer->len = rest.len;
	return send(fd, out.start, (size_t)(out.at - out.start), MSG_NOSIGNAL) >= 0;
}

static void watch(int poller, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void take_peer(int poller, int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	if (fd >= FDS || (!peers[fd] && !(peers[fd] = malloc(sizeof(**peers))))) {
		close(fd);
		return;
	}
	peers[fd]->len = 0;
	watch(poller, fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), poller = epoll_create1(0);
	struct epoll_event events[EVENTS];

	if (argc != 2)
		return 64;
	strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
	unlink(argv[1]);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1024) != 0) {
		perror(argv[1]);
		return 1;
	}
	watch(poller, listener);
	for (;;) {
		int n = epoll_wait(poller, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take_peer(poller, listener);
			else if (!serve(events[i].data.fd))
				close(events[i].data.fd);
		}
	}
}
