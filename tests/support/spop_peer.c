/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/spop_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PEER_FRAME_MAX = 16 * 1024 * 1024, READ_TIMEOUT_S = 5 };

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int connect_tcp(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[64] = "";
	int fd;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -1;
	memcpy(host, text, (size_t)(colon - text));
	address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool spop_peer_connect(struct spop_peer *peer, const char *address)
{
	const struct timeval timeout = { .tv_sec = READ_TIMEOUT_S };

	*peer = (struct spop_peer){ .fd = -1 };
	buf_init(&peer->in, 0);
	peer->fd = strncmp(address, "unix:", 5) == 0 ? connect_unix(address + 5)
	                                             : connect_tcp(address + 4);
	if (peer->fd < 0)
		return false;
	setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return true;
}

void spop_peer_close(struct spop_peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	buf_release(&peer->in);
}

bool spop_peer_send(struct spop_peer *peer, struct slice bytes)
{
	while (!slice_is_empty(bytes)) {
		ssize_t n = send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes = slice_from(bytes, (size_t)n);
	}
	return true;
}

static ssize_t receive(struct spop_peer *peer)
{
	ssize_t n;

	if (!buf_reserve(&peer->in, 65536))
		return -1;
	n = recv(peer->fd, peer->in.data + peer->in.len, 65536, 0);
	peer->in.len += n > 0 ? (size_t)n : 0;
	return n;
}

bool spop_peer_read(struct spop_peer *peer, struct frame *out)
{
	size_t bytes;

	buf_consume(&peer->in, peer->taken);
	peer->taken = 0;
	for (;;) {
		enum frame_result result =
		    frame_next(buf_slice(&peer->in), PEER_FRAME_MAX, out, &bytes);

		if (result == FRAME_COMPLETE) {
			peer->taken = bytes;
			return true;
		}
		if (result != FRAME_PARTIAL || receive(peer) <= 0)
			return false;
	}
}

bool spop_peer_reads_end(struct spop_peer *peer)
{
	buf_consume(&peer->in, peer->taken);
	peer->taken = 0;
	return peer->in.len == 0 && receive(peer) == 0;
}

void spop_peer_write_hello(
    struct wire_writer *out, uint32_t max_frame_size, const char *capabilities, bool healthcheck)
{
	unsigned char *begin = frame_begin(out, FRAME_HAPROXY_HELLO, 0, 0);

	frame_write_item(out, SLICE("supported-versions"), typed_string(SLICE("2.0")));
	frame_write_item(out, SLICE("max-frame-size"), typed_uint32(max_frame_size));
	frame_write_item(out, SLICE("capabilities"), typed_string(slice_of_cstr(capabilities)));
	if (healthcheck)
		frame_write_item(out, SLICE("healthcheck"), typed_bool(true));
	frame_end(out, begin);
}

bool spop_peer_greet(struct spop_peer *peer, uint32_t max_frame_size)
{
	char memory[256];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct frame frame;

	spop_peer_write_hello(&writer, max_frame_size, "pipelining,async", false);
	return spop_peer_send(peer, wire_written(&writer)) && spop_peer_read(peer, &frame) &&
	       frame.type == FRAME_AGENT_HELLO;
}

static void write_text(struct wire_writer *out, const char *name, const char *text)
{
	struct typed value =
	    text ? typed_string(slice_of_cstr(text)) : (struct typed){ .type = TYPED_NULL };

	frame_write_item(out, slice_of_cstr(name), value);
}

/* The binary headers are measured first: their length stands before them. */
static void write_headers(struct wire_writer *out, const char *const *headers)
{
	static _Thread_local char memory[256 * 1024];
	struct wire_writer raw = wire_writer_of(memory, sizeof(memory));

	for (size_t i = 0; headers && headers[i]; i++)
		wire_write_string(&raw, slice_of_cstr(headers[i]));
	wire_write_bytes(&raw, SLICE("\0\0"));
	frame_write_item(out, SLICE("hdrs"), typed_bytes(TYPED_BINARY, wire_written(&raw)));
}

void spop_peer_write_check(
    struct wire_writer *out, uint64_t stream_id, uint64_t frame_id, const struct spop_check *check)
{
	unsigned char *begin = frame_begin(out, FRAME_NOTIFY, stream_id, frame_id);

	wire_write_string(out, SLICE("check"));
	wire_write_u8(out, 11);
	write_text(out, "id", check->id);
	write_text(out, "route", check->route);
	frame_write_item(out, SLICE("src"), typed_bytes(TYPED_IPV4, SLICE("\x7f\0\0\x01")));
	write_text(out, "method", check->method);
	write_text(out, "path", check->path);
	write_text(out, "query", check->query);
	write_text(out, "ver", check->version);
	write_headers(out, check->headers);
	frame_write_item(out, SLICE("body"), typed_bytes(TYPED_BINARY, check->body));
	frame_write_item(out, SLICE("cut"), typed_bool(check->cut));
	write_text(out, "cert", NULL);
	frame_end(out, begin);
}

struct typed spop_peer_variable(const struct frame *ack, const char *name)
{
	struct wire_reader reader = wire_reader_of(ack->payload);
	struct ack_action action;

	while (ack->type == FRAME_ACK && ack_next_action(&reader, &action))
		if (action.type == ACK_SET_VAR && slice_eq(action.name, slice_of_cstr(name)))
			return action.value;
	return (struct typed){ .type = TYPED_NULL };
}
