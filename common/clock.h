/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* clock: the only place that asks for the time. Pure modules are handed it. */
#include <stddef.h>
#include <stdint.h>

int64_t clock_unix_s(void);
int64_t clock_unix_ms(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
uint64_t clock_monotonic_ns(void);

enum { CLOCK_TEXT_MAX = 32 };
/* 2026-11-24T01:49:00.123Z; returns dst. */
char *clock_format_utc(int64_t unix_ms, char dst[CLOCK_TEXT_MAX]);
