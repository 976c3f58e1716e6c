/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* systemd: the few lines of sd_notify(3) and sd_watchdog_enabled(3) that daemons need. */
#include <stdbool.h>
#include <stdint.h>

/*
 * One datagram to NOTIFY_SOCKET, such as "READY=1". False when there is no such socket or it does
 * not take it; nothing depends on that.
 */
bool systemd_notify(const char *text);

/* RELOADING=1 with the time that systemd asks for. */
bool systemd_notify_reloading(void);

/* How often systemd wants to hear WATCHDOG=1, at least; 0: never. */
uint64_t systemd_watchdog_us(void);
