/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* process: runs a program to its end and keeps what it printed. No shell. */
#include "common/buf.h"
#include "common/err.h"

enum { PROCESS_OUTPUT_MAX_BYTES = 1 << 20 };

/*
 * argv[0] is looked up in PATH. `output`, when given, takes standard output and error together.
 * True when it ran to its end within the time; *exit_code is then 0…255, or 128 + the signal's
 * number.
 */
bool process_run(const char *const *argv, unsigned timeout_ms, struct buf *output, int *exit_code,
    struct err *err);
