/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* syslog: what stands behind the header of a syslog line. Pure. Without a header it is the line. */
#include "common/slice.h"

/*
 * Takes off a header of RFC 5424 ("<134>1 2026-... host app pid msgid - "), of RFC 3164 ("<134>Nov
 * 24 01:49:00 host app[1]: ") or a bare "<134>", then line ends, NULs and blanks at the end.
 */
struct slice syslog_message(struct slice line);
