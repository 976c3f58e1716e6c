/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The transformation functions, by the file they stand in; transform.c has the table. */
#include "spoa/waf/transforms/transform.h"

#define TRANSFORM(name)                                                                            \
	struct slice transform_##name(                                                             \
	    struct slice in, const struct transform_env *env, struct arena *arena)

/* text.c */
TRANSFORM(none);
TRANSFORM(lowercase);
TRANSFORM(uppercase);
TRANSFORM(trim);
TRANSFORM(trim_left);
TRANSFORM(trim_right);
TRANSFORM(remove_nulls);
TRANSFORM(replace_nulls);
TRANSFORM(remove_whitespace);
TRANSFORM(compress_whitespace);

/* comment.c */
TRANSFORM(replace_comments);
TRANSFORM(remove_comments);
TRANSFORM(remove_comments_char);
TRANSFORM(cmd_line);

/* url.c */
TRANSFORM(url_decode);
TRANSFORM(url_decode_uni);
TRANSFORM(url_encode);

/* escape.c */
TRANSFORM(html_entity_decode);
TRANSFORM(js_decode);
TRANSFORM(css_decode);
TRANSFORM(escape_seq_decode);
TRANSFORM(utf8_to_unicode);

/* path.c */
TRANSFORM(normalize_path);
TRANSFORM(normalize_path_win);

/* encode.c */
TRANSFORM(length);
TRANSFORM(base64_decode);
TRANSFORM(base64_decode_ext);
TRANSFORM(base64_encode);
TRANSFORM(hex_decode);
TRANSFORM(hex_encode);
TRANSFORM(sql_hex_decode);
TRANSFORM(md5);
TRANSFORM(sha1);
TRANSFORM(parity_even_7bit);
TRANSFORM(parity_odd_7bit);
TRANSFORM(parity_zero_7bit);

/* unicode_map.c: the byte for a code unit, or -1. */
int unicode_map_find(const struct unicode_map *map, unsigned code);
