/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libinjection, which Debian has inside libmodsecurity3 only. Loaded when the first rule needs it:
 * an agent without such rules neither needs the package nor pays for it (docs/decisions).
 */
#include "spoa/waf/operators/operator_data.h"
#include "spoa/waf/operators/scratch.h"

#include <dlfcn.h>

struct libinjection {
	void *library;
	int (*sqli)(const char *text, size_t len, char fingerprint[]);
	int (*xss)(const char *text, size_t len);
};

static const char library_name[] = "libmodsecurity.so.3";

/* A function pointer out of dlsym()'s object pointer, the way POSIX says. */
static bool bind(void *library, const char *symbol, void *function, size_t size)
{
	void *address = dlsym(library, symbol);
	memcpy(function, &address, size);
	return address != NULL;
}

COMPILE(injection)
{
	struct libinjection *lib = data->injection = arena_new(arena, struct libinjection);
	if (!lib)
		return err_set_at(err, ctx->pos, "no memory for operator '@%s'", data->op->name);
	/* Its C++ run time does not take unloading well. */
	lib->library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!lib->library)
		return err_set_at(err, ctx->pos,
		    "operator '@%s' needs libinjection of the package libmodsecurity3: %s",
		    data->op->name, dlerror());
	if (bind(lib->library, "libinjection_sqli", &lib->sqli, sizeof(lib->sqli)) &&
	    bind(lib->library, "libinjection_xss", &lib->xss, sizeof(lib->xss)))
		return true;
	dlclose(lib->library);
	return err_set_at(
	    err, ctx->pos, "operator '@%s': %s has no libinjection", data->op->name, library_name);
}

RELEASE(injection)
{
	dlclose(data->injection->library);
}

/*
 * One name or one number: a single token, which no fingerprint consists of. Most values of ordinary
 * requests are such, and libinjection takes its time over them.
 */
static bool is_one_token(struct slice s)
{
	bool number = s.len && ascii_is_digit(s.ptr[0]);
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]) &&
		    (number || (!ascii_is_alpha(s.ptr[i]) && s.ptr[i] != '_')))
			return false;
	return true;
}

/* Markup begins with <, and inside a tag what counts is an attribute with a value. */
static bool has_markup(struct slice s)
{
	return slice_find_byte(s, '<') != SIZE_MAX || slice_find_byte(s, '=') != SIZE_MAX;
}

/*
 * Newer versions answer with a negative number when they cannot parse; what they cannot rule out is
 * a match. TX.0 is the fingerprint, which the rules' logdata quotes.
 */
MATCH(detect_sqli)
{
	char *fingerprint = run->scratch->fingerprint;
	(void)argument;
	memset(fingerprint, 0, sizeof(run->scratch->fingerprint));
	if (is_one_token(input) || data->injection->sqli(input.ptr, input.len, fingerprint) == 0)
		return OP_NO_MATCH;
	op_captured(out, slice_of_cstr(fingerprint));
	return op_matched(out, input);
}

MATCH(detect_xss)
{
	(void)argument, (void)run;
	int found = has_markup(input) ? data->injection->xss(input.ptr, input.len) : 0;
	return found ? op_captured(out, input) : OP_NO_MATCH;
}
