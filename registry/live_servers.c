/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/live_servers.h"

#include "common/clock.h"
#include "common/strmap.h"
#include "registry/haproxy_cli.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	MOVE_TIMEOUT_MS = 10000,
	POLL_MS = 20,
	COLUMNS_MAX = 80,
	FORCED_MAINTENANCE = 1, /* the bit of srv_admin_state that `set server … state` changes */
};

/* --- tables ----------------------------------------------------------------------------------- */

struct live_server {
	char address[SERVER_ADDRESS_MAX]; /* "": there is no such server */
	unsigned port;
	bool is_on;
	uint64_t requests; /* it works on */
};

enum place { PRIMARY, SPARE, PLACES };
static const char *const PLACE_NAMES[PLACES] = { "primary", "spare" };

struct live_backend {
	char name[SERVER_BACKEND_MAX];
	struct live_server at[PLACES];
};

struct live_servers {
	struct live_backend *items;
	size_t count, max;
	struct strmap by_name;
};

enum { CELLS_MAX = 5 };

/* Columns go by their names in the line that begins with '#', for their number grew over versions.
 */
struct table {
	const char *command;
	const char *columns[CELLS_MAX];
	size_t count;
	bool (*row)(struct live_servers *servers, const struct slice cells[CELLS_MAX]);
};

static size_t split(struct slice line, struct slice words[COLUMNS_MAX])
{
	size_t count = 0;
	for (struct slice rest = slice_trim(line); rest.len > 0 && count < COLUMNS_MAX;)
		slice_cut(rest, ' ', &words[count++], &rest);
	return count;
}

static void read_header(const struct table *table, struct slice line, size_t at[CELLS_MAX])
{
	struct slice words[COLUMNS_MAX];
	size_t count = split(slice_from(line, 2), words);
	for (size_t c = 0; c < table->count; c++)
		for (size_t i = 0; i < count; i++)
			if (slice_eq(words[i], slice_of_cstr(table->columns[c])))
				at[c] = i;
}

static bool read_row(const struct table *table, struct slice line, const size_t at[CELLS_MAX],
    struct live_servers *out)
{
	struct slice words[COLUMNS_MAX], cells[CELLS_MAX];
	size_t count = split(line, words);
	for (size_t c = 0; c < table->count; c++) {
		if (at[c] >= count)
			return true;
		cells[c] = words[at[c]];
	}
	return table->row(out, cells);
}

static bool read_table(
    const char *stats_socket, const struct table *table, struct live_servers *out, struct err *err)
{
	size_t at[CELLS_MAX] = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
	struct buf answer;
	struct slice line;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	bool ok = haproxy_cli(stats_socket, slice_of_cstr(table->command), &answer, err);
	for (struct slice rest = buf_slice(&answer); ok && rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_starts_with(line, SLICE("#")))
			read_header(table, line, at);
		else
			ok = read_row(table, line, at, out) ||
			     err_set(err, "no memory for the servers");
	}
	buf_release(&answer);
	return ok;
}

/* --- rows ------------------------------------------------------------------------------------- */

static struct live_backend *find(const struct live_servers *servers, struct slice name)
{
	/* Numbered from one, for the items move while they grow. */
	size_t number = (size_t)(uintptr_t)strmap_find(&servers->by_name, name);
	return number ? &servers->items[number - 1] : NULL;
}

static struct live_backend *find_or_add(struct live_servers *servers, struct slice name)
{
	struct live_backend *backend = find(servers, name);
	if (backend)
		return backend;
	if (servers->count == servers->max) {
		size_t max = servers->max ? servers->max * 2 : 64;
		struct live_backend *items = realloc(servers->items, max * sizeof(*items));
		if (!items)
			return NULL;
		servers->items = items;
		servers->max = max;
	}
	if (!strmap_put(&servers->by_name, name, (void *)(uintptr_t)(servers->count + 1), NULL))
		return NULL;
	backend = &servers->items[servers->count++];
	*backend = (struct live_backend){ 0 };
	snprintf(backend->name, sizeof(backend->name), "%.*s", SLICE_ARG(name));
	return backend;
}

static struct live_server *place_of(struct live_backend *backend, struct slice name)
{
	for (size_t i = 0; i < PLACES; i++)
		if (slice_eq(name, slice_of_cstr(PLACE_NAMES[i])))
			return &backend->at[i];
	return NULL;
}

static bool add_state(struct live_servers *servers, const struct slice cells[CELLS_MAX])
{
	uint64_t port = 0, admin = 0;
	if (!slice_starts_with(cells[0], SLICE("svc_")))
		return true;
	struct live_backend *backend = find_or_add(servers, cells[0]);
	struct live_server *server = backend ? place_of(backend, cells[1]) : NULL;
	if (server && slice_to_u64(cells[3], 65535, &port) &&
	    slice_to_u64(cells[4], UINT32_MAX, &admin) && cells[2].len < SERVER_ADDRESS_MAX) {
		snprintf(server->address, sizeof(server->address), "%.*s", SLICE_ARG(cells[2]));
		server->port = (unsigned)port;
		server->is_on = !(admin & FORCED_MAINTENANCE);
		server->requests = UINT64_MAX; /* not known yet */
	}
	return backend != NULL;
}

static bool add_connections(struct live_servers *servers, const struct slice cells[CELLS_MAX])
{
	struct slice backend_name, name;
	slice_cut(cells[0], '/', &backend_name, &name);
	struct live_backend *backend = find(servers, backend_name);
	struct live_server *server = backend ? place_of(backend, name) : NULL;
	if (server && !slice_to_u64(cells[1], UINT32_MAX, &server->requests))
		server->requests = UINT64_MAX;
	return true;
}

static const struct table STATE = {
	"show servers state",
	{ "be_name", "srv_name", "srv_addr", "srv_port", "srv_admin_state" },
	5,
	add_state,
};
static const struct table CONNECTIONS = {
	"show servers conn",
	{ "bkname/svname", "used_cur" },
	2,
	add_connections,
};

static void release(struct live_servers *servers)
{
	strmap_release(&servers->by_name);
	free(servers->items);
}

static bool load(const char *stats_socket, struct live_servers *out, struct err *err)
{
	*out = (struct live_servers){ 0 };
	strmap_init(&out->by_name);
	if (read_table(stats_socket, &STATE, out, err) &&
	    read_table(stats_socket, &CONNECTIONS, out, err))
		return true;
	release(out);
	return false;
}

/* --- moving ----------------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
	return server_same_address(slice_of_cstr(text), slice_of_cstr(text));
}

static bool complete(const struct live_servers *servers, struct server_move *move)
{
	const struct live_backend *backend = find(servers, slice_of_cstr(move->backend));
	if (!backend || backend->at[PRIMARY].is_on == backend->at[SPARE].is_on)
		return false;
	enum place from = backend->at[PRIMARY].is_on ? PRIMARY : SPARE;
	const struct live_server *now = &backend->at[from], *next = &backend->at[!from];
	if (!*move->address)
		snprintf(move->address, sizeof(move->address), "%s", now->address);
	move->from = PLACE_NAMES[from];
	move->to = PLACE_NAMES[!from];
	return is_address(move->address) && is_address(next->address) && next->requests == 0;
}

bool live_servers_complete(const char *stats_socket, struct server_moves *moves)
{
	struct live_servers servers;
	struct err ignored = { 0 };
	if (!load(stats_socket, &servers, &ignored))
		return false;
	bool ok = true;
	for (size_t i = 0; ok && i < moves->count; i++)
		ok = complete(&servers, &moves->items[i]);
	release(&servers);
	return ok;
}

static bool is_at(const struct live_server *server, const char *address, unsigned port)
{
	return server->port == port &&
	       server_same_address(slice_of_cstr(server->address), slice_of_cstr(address));
}

static bool has_moved(const struct live_servers *servers, const struct server_move *move)
{
	const struct live_backend *backend = find(servers, slice_of_cstr(move->backend));
	if (!backend)
		return false;
	enum place to = strcmp(move->to, PLACE_NAMES[SPARE]) == 0 ? SPARE : PRIMARY;
	return is_at(&backend->at[to], move->address, move->port) && backend->at[to].is_on &&
	       !backend->at[!to].is_on;
}

static bool have_all_moved(
    const char *stats_socket, const struct server_moves *moves, bool *moved, struct err *err)
{
	struct live_servers servers;
	if (!load(stats_socket, &servers, err))
		return false;
	*moved = true;
	for (size_t i = 0; *moved && i < moves->count; i++)
		*moved = has_moved(&servers, &moves->items[i]);
	release(&servers);
	return true;
}

/* The new one before the old one goes, so that there is always one. Answers are in words of each
 * version's own: what counts is seen afterwards. */
static bool move_one(
    const char *stats_socket, const struct server_move *move, struct buf *answer, struct err *err)
{
	char commands[512];
	snprintf(commands, sizeof(commands),
	    "set server %s/%s addr %s port %u; set server %s/%s state ready; "
	    "set server %s/%s state maint",
	    move->backend, move->to, move->address, move->port, move->backend, move->to,
	    move->backend, move->from);
	buf_reset(answer);
	return haproxy_cli(stats_socket, slice_of_cstr(commands), answer, err);
}

bool live_servers_move(const char *stats_socket, const struct server_moves *moves, struct err *err)
{
	uint64_t deadline_ms = clock_monotonic_ms() + MOVE_TIMEOUT_MS;
	struct buf answer;
	bool ok = true, moved = moves->count == 0;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	for (size_t i = 0; ok && i < moves->count; i++)
		ok = move_one(stats_socket, &moves->items[i], &answer, err);
	while (ok && !moved && clock_monotonic_ms() < deadline_ms) {
		ok = have_all_moved(stats_socket, moves, &moved, err);
		if (ok && !moved)
			usleep(POLL_MS * 1000);
	}
	if (ok && !moved)
		ok = err_set(err, "HAProxy does not take a server's new address: %.*s",
		    SLICE_ARG(slice_sub(slice_trim(buf_slice(&answer)), 0, 200)));
	buf_release(&answer);
	return ok;
}

/* --- drift ------------------------------------------------------------------------------------ */

static void compare(
    const struct live_backend *backend, const struct server_line *line, struct buf *lines)
{
	for (size_t i = 0; i < PLACES; i++) {
		const struct live_server *server = &backend->at[i];
		if (!server->is_on ||
		    (server->port == line->port &&
		        (!line->is_address ||
		            server_same_address(line->host, slice_of_cstr(server->address)))))
			continue;
		buf_printf(lines,
		    "server %s/%s was changed at run time: %s port %u instead of %.*s port %u\n",
		    backend->name, PLACE_NAMES[i], server->address, server->port,
		    SLICE_ARG(line->host), line->port);
	}
}

void live_servers_drift(const char *stats_socket, struct slice config, struct buf *lines)
{
	struct live_servers servers;
	struct server_line line;
	struct err ignored = { 0 };
	if (!load(stats_socket, &servers, &ignored))
		return;
	for (struct server_cursor cursor = { .rest = config }; server_next(&cursor, &line);) {
		const struct live_backend *backend = find(&servers, line.backend);
		if (backend)
			compare(backend, &line, lines);
	}
	release(&servers);
}
