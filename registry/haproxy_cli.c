/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/haproxy_cli.h"

#include "common/clock.h"
#include "common/file.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RELOAD_ANSWER_MS = 100 };

static int open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int reason = errno;
		close(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

bool haproxy_is_running(const char *socket_path)
{
	int fd = open_socket(socket_path);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* HAProxy closes the connection behind its answer. */
static bool read_answer(int fd, unsigned timeout_ms, struct buf *answer)
{
	uint64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
	char chunk[16384];
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		if (now_ms >= deadline_ms) {
			errno = ETIMEDOUT;
			return false;
		}
		if (poll(&waiting, 1, (int)(deadline_ms - now_ms)) <= 0)
			continue;
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got == 0)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (got > 0)
			buf_append(answer, chunk, (size_t)got);
	}
}

static bool ask(const char *socket_path, struct slice command, unsigned timeout_ms,
    struct buf *answer, struct err *err)
{
	int fd = open_socket(socket_path);
	if (fd < 0)
		return err_set(err, "%s: %s", socket_path, strerror(errno));
	/* The master's socket stays open for more unless this end is closed. */
	bool ok = file_write_all(fd, command) && file_write_all(fd, SLICE("\n")) &&
	          shutdown(fd, SHUT_WR) == 0 && read_answer(fd, timeout_ms, answer);
	if (!ok)
		err_set(err, "%s: %s", socket_path, strerror(errno));
	close(fd);
	return ok && (!buf_failed(answer) || err_set(err, "%s: answer too large", socket_path));
}

bool haproxy_cli(const char *socket_path, struct slice command, struct buf *answer, struct err *err)
{
	return ask(socket_path, command, CLI_TIMEOUT_MS, answer, err);
}

static bool command(const char *socket_path, struct buf *answer, struct err *err, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

static bool command(
    const char *socket_path, struct buf *answer, struct err *err, const char *fmt, ...)
{
	struct buf text;
	va_list args;
	buf_init(&text, 0);
	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	bool ok = haproxy_cli(socket_path, buf_slice(&text), answer, err);
	buf_release(&text);
	return ok;
}

/* get map prints key="revision", value="12-5f3a9c", type=… */
bool haproxy_revision(const char *stats_socket, char out[REVISION_NAME_MAX], struct err *err)
{
	struct buf answer;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	out[0] = 0;
	bool ok = command(stats_socket, &answer, err, "get map gateway.map revision");
	struct slice marker = SLICE("value=\"");
	size_t at = ok ? slice_find(buf_slice(&answer), marker) : SIZE_MAX;
	if (at != SIZE_MAX) {
		struct slice value = slice_from(buf_slice(&answer), at + marker.len), rest;
		slice_cut(value, '"', &value, &rest);
		snprintf(out, REVISION_NAME_MAX, "%.*s", SLICE_ARG(value));
	}
	buf_release(&answer);
	return ok;
}

/*
 * Before 2.7 the master executes itself anew without a word, and later ones answer when the new
 * workers are ready: an answer is worth a short wait only, for the caller sees for itself.
 */
bool haproxy_reload(const char *master_socket, struct err *err)
{
	struct buf answer;
	struct err quiet = { 0 };
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	bool ok = haproxy_is_running(master_socket) ||
	          err_set(err, "%s: the master does not answer", master_socket);
	if (ok)
		ask(master_socket, SLICE("reload"), RELOAD_ANSWER_MS, &answer, &quiet);
	if (ok && slice_starts_with(buf_slice(&answer), SLICE("Success=0")))
		ok = err_set(err, "HAProxy refused to reload: %.*s",
		    SLICE_ARG(slice_sub(buf_slice(&answer), 0, 500)));
	buf_release(&answer);
	return ok;
}

bool haproxy_failed_reloads(const char *master_socket, uint64_t *count)
{
	struct buf answer;
	struct slice marker = SLICE("[failed: "), number, rest;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	bool ok = command(master_socket, &answer, NULL, "show proc");
	size_t at = ok ? slice_find(buf_slice(&answer), marker) : SIZE_MAX;
	if (at != SIZE_MAX)
		slice_cut(slice_from(buf_slice(&answer), at + marker.len), ']', &number, &rest);
	ok = at != SIZE_MAX && slice_to_u64(number, UINT32_MAX, count);
	buf_release(&answer);
	return ok;
}

/* --- maps ------------------------------------------------------------------------------------- */

static bool next_line(struct slice *rest, struct slice *line)
{
	while (rest->len > 0) {
		slice_cut(*rest, '\n', line, rest);
		*line = slice_trim(*line);
		if (line->len > 0 && line->ptr[0] != '#')
			return true;
	}
	return false;
}

/* An answer with anything but blanks is a complaint. */
static bool expect_silence(const char *map, struct buf *answer, struct err *err)
{
	struct slice text = slice_trim(buf_slice(answer));
	bool ok =
	    text.len == 0 || err_set(err, "map %s: %.*s", map, SLICE_ARG(slice_sub(text, 0, 300)));
	buf_reset(answer);
	return ok;
}

static bool add_lines(const char *stats_socket, const char *map, uint64_t version,
    struct slice lines, struct buf *answer, struct err *err)
{
	struct slice rest = lines, line;
	struct buf payload;
	bool ok = true, more = next_line(&rest, &line);
	buf_init(&payload, 0);
	while (ok && more) {
		buf_reset(&payload);
		buf_printf(&payload, "add map @%llu %s <<\n", (unsigned long long)version, map);
		while (more && payload.len + line.len + 2 < CLI_PAYLOAD_MAX_BYTES) {
			buf_append_slice(&payload, line);
			buf_append_byte(&payload, '\n');
			more = next_line(&rest, &line);
		}
		ok = haproxy_cli(stats_socket, buf_slice(&payload), answer, err) &&
		     expect_silence(map, answer, err);
	}
	buf_release(&payload);
	return ok;
}

static bool prepare(const char *stats_socket, const char *map, uint64_t *version,
    struct buf *answer, struct err *err)
{
	struct slice marker = SLICE("created: ");
	if (!command(stats_socket, answer, err, "prepare map %s", map))
		return false;
	size_t at = slice_find(buf_slice(answer), marker);
	struct slice number =
	    at == SIZE_MAX ? SLICE("") : slice_trim(slice_from(buf_slice(answer), at + marker.len));
	if (!slice_to_u64(number, UINT32_MAX, version))
		return expect_silence(map, answer, err) &&
		       err_set(err, "map %s: no version was created", map);
	buf_reset(answer);
	return true;
}

bool haproxy_replace_map(
    const char *stats_socket, const char *map, struct slice lines, struct err *err)
{
	struct buf answer;
	uint64_t version;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	bool ok = prepare(stats_socket, map, &version, &answer, err) &&
	          add_lines(stats_socket, map, version, lines, &answer, err) &&
	          command(stats_socket, &answer, err, "commit map @%llu %s",
	              (unsigned long long)version, map) &&
	          expect_silence(map, &answer, err);
	buf_release(&answer);
	return ok;
}

static int compare_lines(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Each line is "0x55d0c0a8 key value". */
bool haproxy_show_map(const char *stats_socket, const char *map, struct buf *lines, struct err *err)
{
	struct buf answer;
	buf_init(&answer, CLI_ANSWER_MAX_BYTES);
	bool ok = command(stats_socket, &answer, err, "show map %s", map);
	if (ok && slice_starts_with(buf_slice(&answer), SLICE("Unknown map")))
		ok = err_set(err, "map %s: no rule uses it", map);
	struct slice rest = buf_slice(&answer), line, address;
	size_t count = 0;
	for (struct slice counting = rest; next_line(&counting, &line);)
		count++;
	struct slice *sorted = calloc(count + 1, sizeof(*sorted));
	count = 0;
	while (ok && sorted && next_line(&rest, &line)) {
		slice_cut(line, ' ', &address, &line);
		sorted[count++] = line;
	}
	if (sorted)
		qsort(sorted, count, sizeof(*sorted), compare_lines);
	for (size_t i = 0; sorted && i < count; i++) {
		buf_append_slice(lines, sorted[i]);
		buf_append_byte(lines, '\n');
	}
	ok = ok && (sorted || err_set(err, "no memory for map %s", map));
	free(sorted);
	buf_release(&answer);
	return ok;
}
