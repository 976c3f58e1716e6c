/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/auth.h"
#include "spoa/auth/policy.h"

#include <assert.h>

static const struct {
	const char *id; /* upper case */
	unsigned status;
	const char *error, *description;
} rows[AUTH_REASON_COUNT] = {
#define REASON(id, status, error, description) { #id, status, error, description },
#include "spoa/auth/reason.def"
#undef REASON
};

/* The lower-case codes, made by the preprocessor's hand: written once before main() runs. */
static char codes[AUTH_REASON_COUNT][32];

__attribute__((constructor)) static void codes_init(void)
{
	for (size_t i = 0; i < AUTH_REASON_COUNT; i++)
		for (size_t k = 0; rows[i].id[k] && k + 1 < sizeof(codes[i]); k++)
			codes[i][k] = ascii_lower(rows[i].id[k]);
}

unsigned auth_reason_status(enum auth_reason reason)
{
	assert(reason < AUTH_REASON_COUNT);
	return rows[reason].status;
}

const char *auth_reason_code(enum auth_reason reason)
{
	assert(reason < AUTH_REASON_COUNT);
	return codes[reason];
}

struct slice auth_challenge(
    enum auth_reason reason, const struct policy *policy, struct arena *arena)
{
	const char *text;
	if (auth_reason_status(reason) != 401 && auth_reason_status(reason) != 403)
		return (struct slice){ 0 };
	if (reason == AUTH_SCOPE_INSUFFICIENT)
		text = arena_printf(arena, "Bearer scope=\"%.*s\", error=\"%s\"",
		    SLICE_ARG(policy->scopes_joined), rows[reason].error);
	else if (rows[reason].error[0])
		text = arena_printf(arena, "Bearer error=\"%s\", error_description=\"%s\"",
		    rows[reason].error, rows[reason].description);
	else
		text = "Bearer";
	return slice_of_cstr(text);
}
