/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * field: one typed value from outside, for the tables of settings.def and model.def. A value that
 * passes holds no blank, quote, backslash, control or non-ASCII byte unless its check says so, so
 * that what is rendered from it needs no quoting.
 */
#include "common/arena.h"

enum field_type {
	FIELD_TEXT,
	FIELD_ENUM,
	FIELD_UINT,
	FIELD_BOOL,
	FIELD_LIST,
	FIELD_URL,
	FIELD_DATE
};

/* What a change of the field does to a running gateway. */
enum field_change {
	CHANGE_RELOAD,  /* needs a reload of HAProxy */
	CHANGE_RUNTIME, /* goes through a map, by HAProxy's runtime interface */
	CHANGE_AGENT,   /* the agent alone takes it */
	CHANGE_ADDRESS, /* RUNTIME when only port or IP address differ, else RELOAD */
	CHANGE_RECORD,  /* only the registry's own business: nothing to do at run time */
};

struct text_list {
	const char **items;
	size_t count;
};

/* https://host:port/path; no user, no query, no fragment. */
struct url {
	const char *text; /* NULL: not set */
	const char *host; /* lower case; an IPv6 address without its brackets */
	const char *path; /* "" or /like/this, without a slash at the end */
	unsigned port;
	bool https;
	bool is_address; /* the host is an IP address */
	bool is_ipv6;
};

#define FIELD_CTYPE_TEXT const char *
#define FIELD_CTYPE_ENUM unsigned
#define FIELD_CTYPE_UINT uint64_t
#define FIELD_CTYPE_BOOL bool
#define FIELD_CTYPE_LIST struct text_list
#define FIELD_CTYPE_URL  struct url
#define FIELD_CTYPE_DATE int64_t /* Unix seconds; 0: not set */

/* A set of texts: for TEXT the value, for LIST each item. */
struct text_check {
	bool (*ok)(struct slice text);
	const char *allowed; /* for people */
};

struct field {
	const char *name;
	enum field_type type;
	const struct text_check *check; /* TEXT and LIST */
	bool required;
	const char *fallback; /* NULL: stays zero */
	uint64_t min, max;    /* UINT: value; TEXT: bytes; LIST: items */
	const char
	    *allowed; /* ENUM: "a|b|c"; the value stored is the index. LIST: items, when bounded */
	enum field_change change;
	size_t offset;
	const char *doc;
};

enum { FIELD_WHY_MAX = 512 };

/*
 * Parses `value` into the field's place in the struct at `base`; texts live in `arena`. False:
 * `why` says what is wrong and what is allowed, with the nearest right spelling.
 */
bool field_parse(const struct field *field, struct slice value, void *base, struct arena *arena,
    char why[FIELD_WHY_MAX]);

/* The field's value as text, the way field_parse() takes it; "" when not set. In `arena`. */
const char *field_format(const struct field *field, const void *base, struct arena *arena);

/* The text of an ENUM's index, in `arena`. */
const char *field_enum_text(const struct field *field, unsigned index, struct arena *arena);

/* `value` in quotes, cut at 60 bytes, bytes that are no visible ASCII as \xNN. Returns dst. */
enum { FIELD_SHOWN_MAX = 256 };
char *field_show(struct slice value, char dst[FIELD_SHOWN_MAX]);

/* The name in the ARN of a CloudWatch log group; empty when it is none. */
struct slice log_group_name(struct slice arn);

bool url_parse(struct slice text, struct url *out, struct arena *arena);

extern const struct text_check CHECK_VERSION;  /* v1 … v9999 */
extern const struct text_check CHECK_NAME;     /* service and node names */
extern const struct text_check CHECK_PREFIX;   /* /v1/accounts */
extern const struct text_check CHECK_URI_PATH; /* /health?deep=1 */
extern const struct text_check CHECK_SCOPE;    /* RFC 6749 scope-token, without comma */
extern const struct text_check CHECK_WAF_ID;   /* 942100, tag:…, label:… */
extern const struct text_check CHECK_HOST;     /* host name or address */
extern const struct text_check CHECK_FILE;   /* path of visible ASCII without quote and backslash */
extern const struct text_check CHECK_LISTEN; /* address:port, *:port, [v6]:port, unix path */
extern const struct text_check CHECK_NETWORK;   /* address or CIDR block */
extern const struct text_check CHECK_WORD;      /* [A-Za-z0-9._:/+=@-]+ */
extern const struct text_check CHECK_LOG_GROUP; /* ARN of a CloudWatch log group */
extern const struct text_check CHECK_URL_TEXT;  /* http or https URL */
