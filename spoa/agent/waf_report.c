/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/waf_report.h"

#include <inttypes.h>
#include <stdio.h>

/* A text under construction in the arena, of a size that is known to suffice. */
struct text {
	char *start, *at;
};

static struct text text_of(struct arena *arena, size_t size)
{
	char *memory = arena_alloc(arena, size);

	return (struct text){ memory, memory };
}

static struct slice text_slice(struct text text)
{
	return slice_of(text.start, (size_t)(text.at - text.start));
}

static void text_comma(struct text *text)
{
	if (text->at > text->start)
		*text->at++ = ',';
}

enum { RULE_DIGITS = 10 };

static void text_number(struct text *text, uint32_t number)
{
	text->at += snprintf(text->at, RULE_DIGITS + 1, "%" PRIu32, number);
}

static bool is_plain(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("_-.:/", c));
}

static void text_escaped(struct text *text, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = slice_at(bytes, i);

		if (is_plain((char)c)) {
			*text->at++ = (char)c;
		} else {
			*text->at++ = '%';
			*text->at++ = digits[c >> 4];
			*text->at++ = digits[c & 15];
		}
	}
}

static struct slice report_rules(const struct waf_verdict *found, struct arena *arena)
{
	struct text text = text_of(arena, WAF_REPORT_RULES_MAX * (RULE_DIGITS + 1) + 1);
	size_t n = 0;

	for (size_t i = 0; text.start && i < found->match_count && n < WAF_REPORT_RULES_MAX;
	     i++, n++) {
		text_comma(&text);
		text_number(&text, found->matches[i].rule->id);
	}
	return text_slice(text);
}

static void text_entry(struct text *text, struct slice cause, struct slice detail)
{
	text_comma(text);
	memcpy(text->at, cause.ptr, cause.len);
	text->at += cause.len;
	*text->at++ = '@';
	text_escaped(text, slice_sub(detail, 0, WAF_REPORT_VARIABLE_MAX));
}

static struct slice report_explain(const struct waf_verdict *found, struct arena *arena)
{
	static const struct slice budget = SLICE_INIT("budget"), part = SLICE_INIT("uninspected");
	enum { ENTRY_MAX = sizeof("uninspected@,") + 3 * WAF_REPORT_VARIABLE_MAX };
	struct text text = text_of(arena, (WAF_REPORT_EXPLAINED_MAX + 2) * ENTRY_MAX);
	char id[RULE_DIGITS + 1];

	if (text.start && found->budget_exhausted)
		text_entry(&text, budget, slice_of(NULL, 0));
	if (text.start && found->uninspected)
		text_entry(&text, part, slice_of_cstr(found->uninspected));
	for (size_t i = 0; text.start && i < found->match_count && i < WAF_REPORT_EXPLAINED_MAX;
	     i++) {
		const struct waf_match *match = &found->matches[i];
		int len = snprintf(id, sizeof(id), "%" PRIu32, match->rule->id);

		text_entry(&text, slice_of(id, (size_t)len), match->variable);
	}
	return text_slice(text);
}

/* A label is a tag in AWS's namespace. */
static bool is_label(struct slice tag)
{
	return slice_starts_with(tag, SLICE("awswaf:"));
}

enum { OWN_LABELS = 3 };

struct labels {
	struct slice items[WAF_REPORT_LABELS_MAX + OWN_LABELS];
	size_t count, bytes;
};

static void labels_add(struct labels *labels, struct slice label)
{
	labels->items[labels->count++] = label;
	labels->bytes += label.len + 1;
}

static void add_own_labels(struct labels *labels, const struct waf_verdict *found, bool cut)
{
	if (cut)
		labels_add(labels, SLICE("sallyport:waf:oversize"));
	if (found->uninspected)
		labels_add(labels, SLICE("sallyport:waf:uninspected"));
	if (found->budget_exhausted)
		labels_add(labels, SLICE("sallyport:waf:budget"));
}

static struct slice report_labels(const struct waf_verdict *found, bool cut, struct arena *arena)
{
	struct labels labels = { .count = 0 };
	struct text text;

	add_own_labels(&labels, found, cut);
	for (size_t i = 0; i < found->match_count; i++) {
		const struct waf_rule_info *rule = found->matches[i].rule;

		for (size_t t = 0; t < rule->tag_count && labels.count < WAF_REPORT_LABELS_MAX; t++)
			if (is_label(rule->tags[t]))
				labels_add(&labels, rule->tags[t]);
	}
	if (labels.count == 0)
		return slice_of(NULL, 0);
	text = text_of(arena, labels.bytes);
	for (size_t i = 0; text.start && i < labels.count; i++) {
		text_comma(&text);
		memcpy(text.at, labels.items[i].ptr, labels.items[i].len);
		text.at += labels.items[i].len;
	}
	return text_slice(text);
}

void waf_report(const struct waf_verdict *found, bool explains, bool cut, struct arena *arena,
    struct verdict *out)
{
	int64_t score = found->score;

	out->labels = report_labels(found, cut, arena);
	if (explains)
		out->explain = report_explain(found, arena);
	if (found->match_count == 0)
		return;
	out->has_matches = true;
	out->score = score < 0 ? 0 : score > UINT32_MAX ? UINT32_MAX : (uint32_t)score;
	out->rules = report_rules(found, arena);
}
