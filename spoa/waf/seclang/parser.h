/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * parser: the words of SecRule and its relatives.
 *
 *     targets   = target *( "|" target )
 *     target    = [ "!" ] [ "&" ] VARIABLE [ ":" selector ]
 *     selector  = name | "/" regex "/" | "'" either "'"
 *     operator  = [ "!" ] [ "@" name blanks ] argument      without @name it is @rx
 *     actions   = action *( "," action )
 *     action    = name [ ":" ( value | "'" value "'" ) ]
 *     ids       = id *( blanks id ), id = number [ "-" number ]
 *
 * Each adds its errors to ast->errors with the position inside the word and returns false.
 */
#include "spoa/waf/seclang/ast.h"
#include "spoa/waf/seclang/lexer.h"

enum { TARGETS_MAX = 256, ACTIONS_MAX = 256, ID_RANGES_MAX = 256 };

/* With `commas`, a comma before "!" or a variable separates targets too (SecRuleUpdateTargetBy*).
 */
bool parse_targets(
    struct ast *ast, const struct sec_word *word, bool commas, struct ast_targets *out);
bool parse_operator(struct ast *ast, const struct sec_word *word, struct ast_operator *out);
bool parse_actions(struct ast *ast, const struct sec_word *word, struct ast_actions *out);
/* False, with nothing in *out, for anything but ids; adds no error. */
bool parse_ids(struct arena *arena, struct slice text, struct id_range **out, size_t *count);

/* VARIABLE[:selector] of a ctl or a macro: no "!", no "&". */
bool parse_target_text(
    struct slice text, struct err_pos pos, struct err_list *errors, struct ast_target *out);
