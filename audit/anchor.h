/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * anchor: a checkpoint as text to be kept elsewhere, so that nobody who owns the log's machine can
 * go back behind it:
 * {"anchor":1,"log":"…","records":N,"time":"…","segment":N,"checkpoint":"base64"}. Only
 * "checkpoint" counts; the rest is for people.
 */
#include "audit/checkpoint.h"
#include "common/err.h"

enum { ANCHOR_MAX_BYTES = 4096 };

/* Appends the JSON, without a line end. False: no memory. */
bool anchor_write(const struct checkpoint *checkpoint, struct buf *out);
bool anchor_parse(
    struct slice text, const char *name, struct checkpoint *checkpoint, struct err *err);
