/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* replay: the numbers of HAProxy's processes go on where the log ends. */
#include "audit/intake.h"
#include "audit/keyring.h"

/*
 * Hands the end of the log to the intake, in order. `next_record` is the journal's, which has just
 * begun the newest segment. What cannot be read is a hole in it.
 */
void replay_log(
    struct intake *intake, const char *folder, struct keyring *keyring, uint64_t next_record);
