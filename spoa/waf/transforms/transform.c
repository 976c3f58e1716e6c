/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/transform.h"

#include "spoa/waf/transforms/families.h"

// clang-format off
/* Sets of bytes as constants: one bit per byte, the words by rising value. */
#define BIT(c)              (UINT64_C(1) << ((c) & 63))
#define RANGE(from, to)     ((UINT64_MAX >> (63 - ((to) & 63))) & (UINT64_MAX << ((from) & 63)))
#define SET(w0, w1, w2, w3) { { (w0), (w1), (w2), (w3) } }

#define SPACES      (RANGE('\t', '\r') | BIT(' '))
#define NO_BYTE     SET(0, 0, 0, 0)
#define NUL_BYTE    SET(BIT(0), 0, 0, 0)
#define SPACE_BYTES SET(SPACES, 0, 0, 0)
/* With Latin-1's no-break space. */
#define BLANK_BYTES   SET(SPACES, 0, BIT(0xa0), 0)
#define UPPER_BYTES   SET(0, RANGE('A', 'Z'), 0, 0)
#define LOWER_BYTES   SET(0, RANGE('a', 'z'), 0, 0)
#define URL_BYTES     SET(BIT('%') | BIT('+'), 0, 0, 0)
#define AMPERSAND     SET(BIT('&'), 0, 0, 0)
#define BACKSLASH     SET(0, BIT('\\'), 0, 0)
#define HIGH_BYTES    SET(0, 0, UINT64_MAX, UINT64_MAX)
#define SLASH         SET(BIT('/'), 0, 0, 0)
#define PATH_BYTES    SET(BIT('/') | BIT('.'), 0, 0, 0)
#define PATH_BYTES_W  SET(BIT('/') | BIT('.'), BIT('\\'), 0, 0)
#define COMMENT_BYTES SET(BIT('/') | BIT('-') | BIT('<') | BIT('#'), 0, 0, 0)
/* Closing marks are taken out too, but not without one of these. */
#define MARK_BYTES SET(BIT('/') | BIT('*') | BIT('-') | BIT('<') | BIT('#'), 0, 0, 0)
/* What cmdLine deletes, turns into blanks, or lowers. */
#define COMMAND_BYTES \
	SET(BIT('"') | BIT('\'') | BIT(',') | BIT(';') | BIT('\t') | BIT('\r') | BIT('\n') | BIT(' '), \
	    BIT('\\') | BIT('^') | RANGE('A', 'Z'), 0, 0)
#define SQL_HEX_BYTES SET(0, BIT('x') | BIT('X'), 0, 0)

#define ROW(name, function, only_if, growth, manual) \
	{ name, transform_##function, only_if, false, growth, manual }
#define ALWAYS(name, function, growth, manual) \
	{ name, transform_##function, NO_BYTE, true, growth, manual }

static const struct transform table[] = {
	ALWAYS("base64decode",       base64_decode,        1, "base64Decode"),
	ALWAYS("base64decodeext",    base64_decode_ext,    1, "base64DecodeExt"),
	ALWAYS("base64encode",       base64_encode,        4, "base64Encode"),
	ROW("cmdline",               cmd_line,             COMMAND_BYTES, 1, "cmdLine"),
	ROW("compresswhitespace",    compress_whitespace,  BLANK_BYTES, 1, "compressWhitespace"),
	ROW("cssdecode",             css_decode,           BACKSLASH, 1, "cssDecode"),
	ROW("escapeseqdecode",       escape_seq_decode,    BACKSLASH, 1, "escapeSeqDecode"),
	ALWAYS("hexdecode",          hex_decode,           1, "hexDecode"),
	ALWAYS("hexencode",          hex_encode,           2, "hexEncode"),
	ROW("htmlentitydecode",      html_entity_decode,   AMPERSAND, 1, "htmlEntityDecode"),
	ROW("jsdecode",              js_decode,            BACKSLASH, 1, "jsDecode"),
	ALWAYS("length",             length,               1, "length"),
	ROW("lowercase",             lowercase,            UPPER_BYTES, 1, "lowercase"),
	ALWAYS("md5",                md5,                  1, "md5"),
	ROW("none",                  none,                 NO_BYTE, 1, "none"),
	ROW("normalisepath",         normalize_path,       PATH_BYTES, 1, "normalisePath"),
	ROW("normalisepathwin",      normalize_path_win,   PATH_BYTES_W, 1, "normalisePathWin"),
	ROW("normalizepath",         normalize_path,       PATH_BYTES, 1, "normalizePath"),
	ROW("normalizepathwin",      normalize_path_win,   PATH_BYTES_W, 1, "normalizePathWin"),
	ALWAYS("parityeven7bit",     parity_even_7bit,     1, "parityEven7bit"),
	ALWAYS("parityodd7bit",      parity_odd_7bit,      1, "parityOdd7bit"),
	ROW("parityzero7bit",        parity_zero_7bit,     HIGH_BYTES, 1, "parityZero7bit"),
	ROW("removecomments",        remove_comments,      COMMENT_BYTES, 1, "removeComments"),
	ROW("removecommentschar",    remove_comments_char, MARK_BYTES, 1, "removeCommentsChar"),
	ROW("removenulls",           remove_nulls,         NUL_BYTE, 1, "removeNulls"),
	ROW("removewhitespace",      remove_whitespace,    BLANK_BYTES, 1, "removeWhitespace"),
	ROW("replacecomments",       replace_comments,     SLASH, 1, "replaceComments"),
	ROW("replacenulls",          replace_nulls,        NUL_BYTE, 1, "replaceNulls"),
	ALWAYS("sha1",               sha1,                 1, "sha1"),
	ROW("sqlhexdecode",          sql_hex_decode,       SQL_HEX_BYTES, 1, "sqlHexDecode"),
	ROW("trim",                  trim,                 SPACE_BYTES, 1, "trim"),
	ROW("trimleft",              trim_left,            SPACE_BYTES, 1, "trimLeft"),
	ROW("trimright",             trim_right,           SPACE_BYTES, 1, "trimRight"),
	ROW("uppercase",             uppercase,            LOWER_BYTES, 1, "uppercase"),
	ROW("urldecode",             url_decode,           URL_BYTES, 1, "urlDecode"),
	ROW("urldecodeuni",          url_decode_uni,       URL_BYTES, 1, "urlDecodeUni"),
	ALWAYS("urlencode",          url_encode,           3, "urlEncode"),
	ROW("utf8tounicode",         utf8_to_unicode,      HIGH_BYTES, 3, "utf8toUnicode"),
};
// clang-format on

enum { TABLE_ROWS = sizeof(table) / sizeof(table[0]), NAME_MAX_BYTES = 24 };

static inline void mark(struct byteset *set, unsigned char byte)
{
	set->words[byte >> 6] |= BIT(byte);
}

/* Neighbours go to sets of their own: else each byte would wait for the store of the one before. */
struct byteset byteset_of(struct slice s)
{
	struct byteset sets[4] = { { { 0 } } };
	size_t i = 0;
	for (; i + 4 <= s.len; i += 4)
		for (size_t j = 0; j < 4; j++)
			mark(&sets[j], slice_at(s, i + j));
	for (; i < s.len; i++)
		mark(&sets[0], slice_at(s, i));
	for (size_t w = 0; w < 4; w++)
		sets[0].words[w] |= sets[1].words[w] | sets[2].words[w] | sets[3].words[w];
	return sets[0];
}

const struct transform *transform_table(size_t *count)
{
	*count = TABLE_ROWS;
	return table;
}

const struct transform *transform_find(struct slice name)
{
	char lower[NAME_MAX_BYTES];
	if (name.len > sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	struct slice key = slice_of(lower, name.len);
	size_t low = 0, high = TABLE_ROWS;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_cmp(slice_of_cstr(table[middle].name), key);
		if (order == 0)
			return &table[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
