/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* --- lines ------------------------------------------------------------------------------------ */

static bool parse_address(struct slice text, unsigned char out[16], int *family)
{
	char buffer[SERVER_ADDRESS_MAX];
	if (text.len == 0 || text.len >= sizeof(buffer))
		return false;
	snprintf(buffer, sizeof(buffer), "%.*s", SLICE_ARG(text));
	*family = strchr(buffer, ':') ? AF_INET6 : AF_INET;
	return inet_pton(*family, buffer, out) == 1;
}

bool server_same_address(struct slice a, struct slice b)
{
	unsigned char left[16] = { 0 }, right[16] = { 0 };
	int left_family, right_family;
	return parse_address(a, left, &left_family) && parse_address(b, right, &right_family) &&
	       left_family == right_family && memcmp(left, right, sizeof(left)) == 0;
}

/* host:port or [address]:port */
static bool cut_authority(struct slice text, struct server_line *out)
{
	unsigned char address[16];
	uint64_t port;
	int family;
	size_t colon = text.len;
	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0 || !slice_to_u64(slice_from(text, colon), 65535, &port))
		return false;
	out->host = slice_sub(text, 0, colon - 1);
	if (slice_starts_with(out->host, SLICE("[")) && slice_ends_with(out->host, SLICE("]")))
		out->host = slice_sub(out->host, 1, out->host.len - 2);
	out->port = (unsigned)port;
	out->is_address = parse_address(out->host, address, &family);
	return true;
}

/* A backend that is no service's has no server lines for us. */
static void enter_section(struct slice line, struct slice *backend)
{
	struct slice word, rest;
	if (line.len == 0 || ascii_is_space(line.ptr[0]) || line.ptr[0] == '#')
		return;
	slice_cut(line, ' ', &word, &rest);
	*backend = SLICE("");
	if (slice_eq(word, SLICE("backend")) && slice_starts_with(rest, SLICE("svc_")))
		slice_cut(rest, ' ', backend, &rest);
}

static bool parse_line(struct slice line, struct slice backend, struct server_line *out)
{
	struct slice text = slice_trim(line), authority, start = SLICE("server primary ");
	if (backend.len == 0 || !slice_starts_with(text, start))
		return false;
	slice_cut(slice_from(text, start.len), ' ', &authority, &out->rest);
	out->backend = backend;
	return cut_authority(authority, out);
}

bool server_next(struct server_cursor *cursor, struct server_line *out)
{
	struct slice line;
	while (cursor->rest.len > 0) {
		slice_cut(cursor->rest, '\n', &line, &cursor->rest);
		enter_section(line, &cursor->backend);
		if (parse_line(line, cursor->backend, out))
			return true;
	}
	return false;
}

/* --- moves ------------------------------------------------------------------------------------ */

static bool add(struct server_moves *moves, const struct server_line *to, bool new_address)
{
	if (moves->count == moves->cap) {
		size_t cap = moves->cap ? moves->cap * 2 : 16;
		struct server_move *items = realloc(moves->items, cap * sizeof(*items));
		if (!items)
			return false;
		moves->items = items;
		moves->cap = cap;
	}
	struct server_move *move = &moves->items[moves->count++];
	*move = (struct server_move){ .port = to->port };
	if (new_address)
		snprintf(move->address, sizeof(move->address), "%.*s", SLICE_ARG(to->host));
	snprintf(move->backend, sizeof(move->backend), "%.*s", SLICE_ARG(to->backend));
	return to->backend.len < sizeof(move->backend);
}

/* Two lines that differ, of the same backend. */
static bool is_move(
    struct slice from, struct slice to, struct slice backend, struct server_moves *out)
{
	struct server_line old, new;
	if (!parse_line(from, backend, &old) || !parse_line(to, backend, &new) ||
	    !slice_eq(old.rest, new.rest))
		return false;
	bool same_host = slice_eq(old.host, new.host);
	return (same_host || (old.is_address && new.is_address)) && add(out, &new, new.is_address);
}

bool server_moves_only(struct slice from, struct slice to, struct server_moves *out)
{
	struct slice old, new, backend = SLICE("");
	bool ok = true;
	*out = (struct server_moves){ 0 };
	while (ok && from.len > 0 && to.len > 0) {
		slice_cut(from, '\n', &old, &from);
		slice_cut(to, '\n', &new, &to);
		enter_section(old, &backend);
		ok = slice_eq(old, new) || is_move(old, new, backend, out);
	}
	ok = ok && from.len == 0 && to.len == 0;
	if (!ok)
		server_moves_release(out);
	return ok;
}

void server_moves_release(struct server_moves *moves)
{
	free(moves->items);
	*moves = (struct server_moves){ 0 };
}
