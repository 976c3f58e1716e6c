/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * waf: a SecLang engine. This is the only header of the layer that others include.
 *
 *   struct waf_rules   what was compiled from rule files; immutable, shared by threads, counted
 *   struct waf_worker  per thread: scratch memory and arenas for evaluations; never shared
 *
 * Reference: ModSecurity v3 reference manual; where engines differ, what the OWASP CRS regression
 * tests expect. No sockets, no clock, no globals; files are read while loading only.
 */
#include "common/arena.h"
#include "common/err.h"

/* ---- rules ------------------------------------------------------------------------------- */

struct waf_rules;

struct waf_set {
	const char *name;  /* "tx.blocking_paranoia_level" */
	const char *value; /* set before the first rule of phase 1 */
};

struct waf_options {
	const char *cache_dir; /* compiled databases are kept here; NULL: no cache */
	/*
	 * Told once, before databases are compiled that the cache does not have: that takes
	 * seconds. From any thread of the load. NULL: nobody is told.
	 */
	void (*notice)(const char *text);
	bool reference;       /* evaluate rule by rule, without the combined databases */
	bool detection_only;  /* SecRuleEngine DetectionOnly, whatever the files say */
	uint64_t step_budget; /* per transaction; 0: 2 000 000 */
	/*
	 * Block with 400 when a part of the request could not be looked at: a body that does not
	 * parse, more arguments than max_args. Without it only rules decide (REQBODY_ERROR).
	 */
	bool reject_uninspected;
	bool budget_blocks;         /* verdict when the budget runs out: true block, false go on */
	size_t arena_bytes;         /* per transaction; 0: 8 MiB. Running out is like the budget */
	unsigned max_args;          /* 0: 1000, SecArgumentsLimit */
	unsigned max_depth;         /* JSON and XML nesting; 0: 64 */
	size_t max_body_bytes;      /* 0: 128 KiB, SecRequestBodyLimit */
	const struct waf_set *sets; /* TX variables given from outside */
	size_t set_count;
};

/*
 * Reads `paths` in order: a file, a glob, or a folder (its *.conf in byte order). All errors found
 * are added to `errors`; NULL when there was one. The caller holds one reference.
 */
struct waf_rules *waf_rules_load(const char *const *paths, size_t count,
    const struct waf_options *options, struct err_list *errors);
struct waf_rules *waf_rules_ref(struct waf_rules *rules);
void waf_rules_unref(struct waf_rules *rules);

/* ---- what a route changes ----------------------------------------------------------------- */

/*
 * Rules are named "942100", "942100-942199", "tag:attack-sqli" or "label:…"; a label is a tag of
 * the rule, and may be written without AWS's "awswaf:managed:aws:". What matches no rule is an
 * error.
 */
struct waf_names {
	const char *const *items;
	size_t count;
};

/*
 * What a service changes. Excluded rules are not evaluated. Counted ones are, and are reported as
 * matches; but they do not block, and add nothing to a score. Compiled against one waf_rules, which
 * it references.
 */
struct waf_overrides;
/* NULL with an error added. */
struct waf_overrides *waf_overrides_new(struct waf_rules *rules, struct waf_names excluded,
    struct waf_names counted, struct err_list *errors);
/* NULL is fine. */
void waf_overrides_free(struct waf_overrides *overrides);
bool waf_overrides_exclude(const struct waf_overrides *overrides, uint32_t rule_id);
bool waf_overrides_count(const struct waf_overrides *overrides, uint32_t rule_id);

/* ---- one transaction ----------------------------------------------------------------------- */

struct waf_header {
	struct slice name; /* any letter case */
	struct slice value;
};

struct waf_request {
	struct slice id; /* UNIQUE_ID */
	struct slice client_ip, server_ip;
	unsigned client_port, server_port;
	struct slice method, path, query; /* as received; query without "?" */
	struct slice version;             /* "1.0", "1.1", "2.0" */
	/* The URI as it stood in the request line; empty: path[?query] */
	struct slice uri_raw;
	const struct waf_header *headers;
	size_t header_count;
	struct slice body;
	bool body_cut;       /* the body goes on behind what is here */
	int64_t now_unix_us; /* TIME*, DURATION */
};

struct waf_response {
	unsigned status;
	struct slice version;
	const struct waf_header *headers;
	size_t header_count;
	struct slice body;
};

enum waf_action { WAF_PASS, WAF_BLOCK };

struct waf_match {
	const struct waf_rule_info *rule;
	struct slice variable; /* "ARGS:id" */
	struct slice value;    /* what the operator saw, at most 256 bytes */
	struct slice data;     /* logdata, expanded; may be empty */
	struct slice message;  /* msg, expanded */
	bool counted;          /* an override keeps the rule from doing more than this */
};

/* Lives as long as the rules. */
struct waf_rule_info {
	uint32_t id; /* 0 for a rule without one */
	unsigned phase;
	unsigned severity; /* 0 emergency … 7 debug; 8: none */
	const char *file;
	unsigned line;
	struct slice msg; /* as written, with its macros */
	const struct slice *tags;
	size_t tag_count;
	struct slice targets; /* ARGS|!ARGS:password, after all updates of the rule files */
};

/* Slices live until the worker's next transaction begins. */
struct waf_verdict {
	enum waf_action action;
	unsigned status;  /* of the disruptive action; 403 unless the rule says otherwise */
	uint32_t rule_id; /* the rule that interrupted; 0: none */
	bool would_block; /* detection only: a disruptive rule matched */
	bool counted;     /* some match is of a rule that only counts */
	bool budget_exhausted;
	uint64_t steps;          /* that it took, of step_budget */
	const char *uninspected; /* NULL, or why part of the request was not looked at */
	int64_t score;           /* tx.blocking_inbound_anomaly_score, tx.anomaly_score, else 0 */
	const struct waf_match *matches; /* rules that matched and log, in order */
	size_t match_count;
	size_t matches_dropped; /* beyond 256 */
};

struct waf_worker;
struct waf_worker *waf_worker_new(void);
void waf_worker_free(struct waf_worker *worker);

/*
 * Phases 1 and 2 of a transaction, and 5 when `response` will not follow. `overrides` may be NULL.
 * Never fails: want of memory or budget is budget_exhausted with the configured verdict.
 */
void waf_eval_request(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const struct waf_request *request,
    struct waf_verdict *out);

/*
 * Phases 3 and 4 of a transaction whose request is given again (its phases 1 and 2 are not run:
 * only its variables are there). For a gateway that sees request and response in two messages.
 */
void waf_eval_response(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const struct waf_request *request,
    const struct waf_response *response, struct waf_verdict *out);

/* ---- for tools ------------------------------------------------------------------------------ */

/* NULL, or a text for the operator: these rules work, but not as they should. */
const char *waf_rules_warning(const struct waf_rules *rules);

size_t waf_rules_count(const struct waf_rules *rules);
const struct waf_rule_info *waf_rules_info(const struct waf_rules *rules, size_t index);
const struct waf_rule_info *waf_rules_find(const struct waf_rules *rules, uint32_t id);
