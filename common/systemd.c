/* SPDX-License-Identifier: Apache-2.0 */
#include "common/systemd.h"

#include "common/clock.h"
#include "common/slice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool systemd_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	socklen_t size;
	ssize_t sent;
	int fd;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return false;
	memcpy(address.sun_path, path, len);
	/* '@' stands for an abstract name, which is not NUL-terminated. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	sent =
	    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
	close(fd);
	return sent >= 0;
}

bool systemd_notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_us());
	return systemd_notify(text);
}

uint64_t systemd_watchdog_us(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, owner;

	if (!usec || !slice_to_u64(slice_of_cstr(usec), UINT64_MAX, &us))
		return 0;
	if (pid &&
	    (!slice_to_u64(slice_of_cstr(pid), INT32_MAX, &owner) || (pid_t)owner != getpid()))
		return 0;
	return us;
}
