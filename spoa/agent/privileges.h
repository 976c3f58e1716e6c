/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* privileges: giving up root, and the way back to it. */
#include "common/err.h"

/*
 * Becomes `user` with its groups when started as root; `user` NULL or "" stays what it is. Always
 * sets no_new_privs. An error when the user is unknown or cannot be had. Call before any thread
 * starts.
 */
bool privileges_drop(const char *user, struct err *err);
