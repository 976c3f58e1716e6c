/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * body: request bodies, query strings and cookies taken apart into names and values.
 *
 * Input is a client's: any bytes, cut anywhere. Output lives in the arena; slices point into the
 * input where nothing had to be decoded. Every count and depth is bounded by struct body_limits.
 * A parser that stops early keeps what it found up to there, so that rules still see it, and
 * says why by its result: the caller sets REQBODY_ERROR and REQBODY_ERROR_MSG from it.
 * All slices handed out live as long as both the input and the arena.
 */
#include "common/arena.h"

struct body_limits {
	size_t max_args;         /* names and values of one call, files and parts included */
	unsigned max_depth;      /* nesting of JSON and XML */
	size_t max_name_bytes;   /* of a JSON path; a longer one is BODY_TOO_LONG */
	size_t max_part_headers; /* per multipart part */
	size_t max_header_bytes; /* one header of a part, folded lines included */
};

/* 1000 args, depth 64, names of 4096 bytes, 32 headers of 8192 bytes. */
extern const struct body_limits body_default_limits;

enum body_result {
	BODY_OK,
	BODY_MALFORMED, /* breaks its format's grammar */
	BODY_TRUNCATED, /* ends in the middle */
	BODY_TOO_MANY,  /* max_args or max_part_headers */
	BODY_TOO_DEEP,  /* max_depth */
	BODY_TOO_LONG,  /* max_name_bytes or max_header_bytes */
	BODY_FORBIDDEN, /* well-formed, but not accepted: an XML entity declaration */
	BODY_NO_MEMORY, /* the arena's flag is set too */
};

/* A fixed text for REQBODY_ERROR_MSG, "" for BODY_OK. */
const char *body_result_text(enum body_result result);

struct body_pair {
	struct slice name;
	struct slice value;
};

struct body_list {
	struct body_pair *items;
	size_t count;
	size_t cap;
};

/* ---- application/x-www-form-urlencoded, query strings -------------------- */

/*
 * name=value joined by `separator` (SecArgumentSeparator, default &). + is a space, %XX a byte; a %
 * without two hexadecimal digits stays as it is and sets *bad_encoding (URLENCODED_ERROR). A pair
 * without = has an empty value; an empty pair is dropped. Appends to *out.
 */
enum body_result body_urlencoded(struct slice in, char separator, const struct body_limits *limits,
    struct arena *arena, struct body_list *out, bool *bad_encoding);

/* ---- cookies -------------------- */

/* One Cookie header: name=value joined by ;, blanks before a name dropped, nothing decoded.
 * Appends. */
enum body_result body_cookies(struct slice header, const struct body_limits *limits,
    struct arena *arena, struct body_list *out);

/* ---- multipart/form-data -------------------- */

/* Bits of multipart.flags; each is the MULTIPART_… variable of the same name. */
enum multipart_flag {
	MULTIPART_BOUNDARY_QUOTED = 1 << 0,
	MULTIPART_BOUNDARY_WHITESPACE = 1 << 1,
	MULTIPART_DATA_BEFORE = 1 << 2,
	MULTIPART_DATA_AFTER = 1 << 3,
	MULTIPART_HEADER_FOLDING = 1 << 4,
	MULTIPART_INVALID_HEADER_FOLDING = 1 << 5,
	MULTIPART_LF_LINE = 1 << 6,
	MULTIPART_CRLF_LF_LINES = 1 << 7, /* both kinds of line end occur */
	MULTIPART_MISSING_SEMICOLON = 1 << 8,
	MULTIPART_INVALID_QUOTING = 1 << 9,
	MULTIPART_INVALID_PART = 1 << 10,
	MULTIPART_FILE_LIMIT_EXCEEDED = 1 << 11,
	MULTIPART_UNMATCHED_BOUNDARY = 1 << 12,
	MULTIPART_STRICT_ERROR =
	    1 << 13, /* any of the above as the manual lists them, or a failed parse */
};

struct multipart_flag_name {
	const char *name; /* "MULTIPART_STRICT_ERROR" */
	enum multipart_flag flag;
};
const struct multipart_flag_name *multipart_flag_names(size_t *count);

struct multipart_file {
	struct slice field;    /* FILES_NAMES, MULTIPART_NAME */
	struct slice filename; /* FILES, MULTIPART_FILENAME */
	struct slice content;  /* FILES_TMP_CONTENT, FILES_SIZES */
};

struct multipart {
	unsigned flags;
	struct body_list args; /* parts without a file name */
	struct body_list
	    part_headers; /* name of the part; "Header-Name: value" as it stood (folds joined) */
	struct multipart_file *files;
	size_t file_count;
	size_t file_cap;
	size_t files_combined_bytes;
};

/* `content_type` is the whole header value, where the boundary stands. *out need not be
 * initialised. */
enum body_result body_multipart(struct slice in, struct slice content_type,
    const struct body_limits *limits, struct arena *arena, struct multipart *out);

/* ---- JSON -------------------- */

/*
 * Every scalar becomes a pair, named by its path as ModSecurity v3 does: json.a.b for members,
 * json.list.array_0 for elements. Strings are unescaped to UTF-8, numbers and literals keep their
 * text, null is empty. Duplicate members are all kept. An empty body is BODY_MALFORMED.
 */
enum body_result body_json(
    struct slice in, const struct body_limits *limits, struct arena *arena, struct body_list *out);

/* ---- XML -------------------- */

struct body_xml {
	struct slice text; /* XML:/ *: all character data and CDATA in document order, joined */
	struct body_list attributes; /* XML://@*: one pair per attribute */
};

/*
 * By libxml2's SAX parser: nothing is fetched, no DTD is read; a declaration of an entity is
 * BODY_FORBIDDEN. *out need not be initialised.
 */
enum body_result body_xml(
    struct slice in, const struct body_limits *limits, struct arena *arena, struct body_xml *out);
