/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weaken: a smaller pattern that matches wherever a large one does. Some patterns of CRS 4 (command
 * names behind what may stand before a command, each letter with what a shell allows between) are
 * too large for a database; without one of their two big groups they are not, and still say no to
 * ordinary values. What they say yes to is decided by the pattern itself.
 */
#include "common/arena.h"

/* So many groups of a pattern can be asked for. */
enum { WEAKEN_GROUPS = 2 };

/*
 * `pattern` with ".*" for its largest (which = 0) or next largest (1) group "(?:…)" among those
 * that stand in no other group: with DOTALL it matches wherever `pattern` does. NUL-terminated, in
 * the arena. NULL: there is no such group, or the pattern has something that this does not read
 * (alternatives outside of groups, back references, quoted or extended text), or no memory.
 */
const char *weaken(struct slice pattern, unsigned which, struct arena *arena);
