/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/policy.h"

#include "common/arena.h"
#include "common/buf.h"
#include "spoa/auth/chars.h"
#include "spoa/auth/keyset.h"
#include "spoa/auth/keyset_refresh.h"

#include <assert.h>
#include <stdlib.h>

static struct arena *memory_new(void)
{
	struct arena *arena = malloc(sizeof(*arena));
	if (arena)
		arena_init(arena, 0);
	return arena;
}

static void memory_free(struct arena *arena)
{
	if (!arena)
		return;
	arena_release(arena);
	free(arena);
}

static struct slice *copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
	struct slice *copies = arena_array(arena, struct slice, count);
	for (size_t i = 0; copies && i < count; i++)
		copies[i] = arena_dup(arena, slice_of_cstr(texts[i]));
	return copies;
}

static bool read_algorithms(const struct authorizer_config *config, alg_set *out, struct err *err)
{
	static const char *const fallback[] = { "RS256" };
	const char *const *names = config->algorithm_count ? config->algorithms : fallback;
	size_t count = config->algorithm_count ? config->algorithm_count : 1;
	*out = 0;
	for (size_t i = 0; i < count; i++) {
		const struct alg *alg = alg_find(slice_of_cstr(names[i]));
		if (!alg)
			return err_set(
			    err, "authorizer '%s': unknown algorithm '%s'", config->name, names[i]);
		*out |= alg_bit(alg);
	}
	return true;
}

bool authorizer_check(const struct authorizer_config *config, struct err *err)
{
	if (!config->issuer || !config->issuer[0])
		return err_set(err, "authorizer '%s': no issuer", config->name);
	if (config->audience_count == 0 || config->audience_count > POLICY_AUDIENCES_MAX)
		return err_set(err, "authorizer '%s': 1 to %d audiences are needed", config->name,
		    POLICY_AUDIENCES_MAX);
	if (config->leeway_s > POLICY_LEEWAY_MAX_S)
		return err_set(
		    err, "authorizer '%s': a leeway above %d s", config->name, POLICY_LEEWAY_MAX_S);
	return true;
}

struct authorizer *authorizer_new(const struct authorizer_config *config, struct key_source *keys,
    struct keyset *fixed, struct err *err)
{
	alg_set algorithms;
	assert(!keys != !fixed);
	if (!authorizer_check(config, err) || !read_algorithms(config, &algorithms, err))
		return NULL;
	struct authorizer *a = calloc(1, sizeof(*a));
	struct arena *memory = memory_new();
	if (!a || !memory) {
		free(a);
		memory_free(memory);
		err_set(err, "authorizer '%s': no memory", config->name);
		return NULL;
	}
	*a = (struct authorizer){
		.name = arena_dup(memory, slice_of_cstr(config->name)),
		.issuer = arena_dup(memory, slice_of_cstr(config->issuer)),
		.audiences = copy_texts(memory, config->audiences, config->audience_count),
		.audience_count = config->audience_count,
		.algorithms = algorithms,
		.token_use = config->token_use,
		.typ = config->typ,
		.leeway_s = config->leeway_s,
		.max_lifetime_s = config->max_lifetime_s,
		.kid_optional = config->kid_optional,
		.single_decoder = config->single_decoder,
		.keys = keys ? key_source_ref(keys) : NULL,
		.fixed = fixed ? keyset_ref(fixed) : NULL,
		.memory = memory,
	};
	atomic_init(&a->refs, 1);
	if (arena_failed(memory)) {
		authorizer_unref(a);
		err_set(err, "authorizer '%s': no memory", config->name);
		return NULL;
	}
	return a;
}

struct authorizer *authorizer_ref(struct authorizer *authorizer)
{
	atomic_fetch_add_explicit(&authorizer->refs, 1, memory_order_relaxed);
	return authorizer;
}

void authorizer_unref(struct authorizer *authorizer)
{
	if (!authorizer ||
	    atomic_fetch_sub_explicit(&authorizer->refs, 1, memory_order_acq_rel) != 1)
		return;
	key_source_unref(authorizer->keys);
	keyset_unref(authorizer->fixed);
	memory_free(authorizer->memory);
	free(authorizer);
}

bool policy_scope_check(const char *scope, struct err *err)
{
	return (scope[0] && chars_are_scope(slice_of_cstr(scope))) ||
	       err_set(err, "'%s' is not a scope", scope);
}

static bool check_scopes(const char *const *scopes, size_t count, struct err *err)
{
	if (count > POLICY_SCOPES_MAX)
		return err_set(err, "more than %d scopes", POLICY_SCOPES_MAX);
	for (size_t i = 0; i < count; i++)
		if (!policy_scope_check(scopes[i], err))
			return false;
	return true;
}

static struct slice join(struct arena *arena, const struct slice *texts, size_t count)
{
	size_t size = 1, at = 0;
	for (size_t i = 0; i < count; i++)
		size += texts[i].len + 1;
	char *joined = arena_alloc(arena, size);
	if (!joined)
		return (struct slice){ 0 };
	for (size_t i = 0; i < count; i++) {
		if (i)
			joined[at++] = ' ';
		memcpy(joined + at, texts[i].ptr, texts[i].len);
		at += texts[i].len;
	}
	return slice_of(joined, at);
}

struct policy *policy_new(struct authorizer *authorizer, const char *const *scopes,
    size_t scope_count, bool all_scopes, enum mtls_mode mtls, struct err *err)
{
	if (!check_scopes(scopes, scope_count, err))
		return NULL;
	struct policy *p = calloc(1, sizeof(*p));
	struct arena *memory = memory_new();
	struct slice *copies = memory ? copy_texts(memory, scopes, scope_count) : NULL;
	if (p && memory && !arena_failed(memory)) {
		*p = (struct policy){
			.authorizer = authorizer_ref(authorizer),
			.scopes = copies,
			.scope_count = scope_count,
			.all_scopes = all_scopes,
			.mtls = mtls,
			.scopes_joined = join(memory, copies, scope_count),
			.memory = memory,
		};
		if (!arena_failed(memory))
			return p;
		policy_free(p);
	} else {
		free(p);
		memory_free(memory);
	}
	err_set(err, "no memory");
	return NULL;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	authorizer_unref(policy->authorizer);
	memory_free(policy->memory);
	free(policy);
}
