/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/list.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>

struct reader {
	const struct body_limits *limits;
	struct arena *arena;
	struct body_xml *out;
	char *text;
	size_t text_len, text_cap;
	unsigned depth;
	xmlParserCtxtPtr parser;
	enum body_result result; /* the first reason to stop */
};

static void stop(struct reader *r, enum body_result why)
{
	if (r->result != BODY_OK)
		return;
	r->result = why;
	xmlStopParser(r->parser);
}

static void on_text(void *context, const xmlChar *bytes, int len)
{
	struct reader *r = context;
	size_t size = (size_t)len;
	if (size > r->text_cap - r->text_len) {
		size_t cap = 2 * r->text_cap + size;
		char *larger = arena_alloc(r->arena, cap);
		if (!larger) {
			stop(r, BODY_NO_MEMORY);
			return;
		}
		if (r->text_len)
			memcpy(larger, r->text, r->text_len);
		r->text = larger;
		r->text_cap = cap;
	}
	memcpy(r->text + r->text_len, bytes, size);
	r->text_len += size;
}

/* In place. While entities are not expanded, libxml2 hands out each & of a value as &#38;. */
static size_t restore_ampersands(char *text, size_t len)
{
	static const struct slice written = SLICE_INIT("&#38;");
	size_t kept = 0;
	for (size_t i = 0; i < len; i++, kept++) {
		text[kept] = text[i];
		if (slice_starts_with(slice_of(text + i, len - i), written))
			i += written.len - 1;
	}
	return kept;
}

/* One attribute: local name, prefix, URI, the value's first byte and the byte behind its last. */
enum { ATTRIBUTE_FIELDS = 5 };

static enum body_result add_attribute(struct reader *r, const xmlChar **field)
{
	struct slice name = arena_dup(r->arena, slice_of_cstr((const char *)field[0]));
	size_t len = (size_t)(field[4] - field[3]);
	char *value = arena_alloc(r->arena, len);
	if (!name.ptr || !value)
		return BODY_NO_MEMORY;
	memcpy(value, field[3], len);
	len = restore_ampersands(value, len);
	return body_list_add(
	    &r->out->attributes, name, slice_of(value, len), r->limits->max_args, r->arena);
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted_count,
    const xmlChar **attributes)
{
	struct reader *r = context;
	(void)name, (void)prefix, (void)uri, (void)namespace_count, (void)namespaces,
	    (void)defaulted_count;
	if (++r->depth > r->limits->max_depth) {
		stop(r, BODY_TOO_DEEP);
		return;
	}
	for (int i = 0; i < attribute_count; i++) {
		enum body_result result = add_attribute(r, attributes + i * ATTRIBUTE_FIELDS);
		if (result != BODY_OK) {
			stop(r, result);
			return;
		}
	}
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reader *r = context;
	(void)name, (void)prefix, (void)uri;
	r->depth--;
}

/* <!DOCTYPE name>: harmless as long as it names nothing to fetch. */
static void on_doctype(
    void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	(void)name;
	if (public_id || system_id)
		stop(context, BODY_FORBIDDEN);
}

static void on_entity(void *context, const xmlChar *name, int type, const xmlChar *public_id,
    const xmlChar *system_id, xmlChar *content)
{
	(void)name, (void)type, (void)public_id, (void)system_id, (void)content;
	stop(context, BODY_FORBIDDEN);
}

#if LIBXML_VERSION >= 21200
typedef const xmlError *error_ptr;
#else
typedef xmlErrorPtr error_ptr;
#endif

/* libxml2 prints what it finds unless somebody listens. */
static void on_error(void *context, error_ptr error)
{
	(void)context, (void)error;
}

static const xmlSAXHandler handler = {
	.initialized = XML_SAX2_MAGIC,
	.internalSubset = on_doctype,
	.entityDecl = on_entity,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.serror = on_error,
};

static enum body_result run(struct reader *r, struct slice in)
{
	r->parser = xmlCreateMemoryParserCtxt(in.ptr, (int)in.len);
	if (!r->parser)
		return BODY_NO_MEMORY;
	xmlCtxtUseOptions(r->parser, XML_PARSE_NONET);
	*r->parser->sax = handler;
	r->parser->userData = r;
	xmlParseDocument(r->parser);
	bool well_formed = r->parser->wellFormed, no_memory = r->parser->errNo == XML_ERR_NO_MEMORY;
	xmlFreeDoc(r->parser->myDoc);
	r->parser->myDoc = NULL;
	xmlFreeParserCtxt(r->parser);
	if (r->result != BODY_OK)
		return r->result;
	return no_memory ? BODY_NO_MEMORY : well_formed ? BODY_OK : BODY_MALFORMED;
}

enum body_result body_xml(
    struct slice in, const struct body_limits *limits, struct arena *arena, struct body_xml *out)
{
	*out = (struct body_xml){ 0 };
	if (in.len == 0 || in.len > INT_MAX)
		return BODY_MALFORMED;
	struct reader r = { .limits = limits, .arena = arena, .out = out };
	/* Text is rarely longer than its document: only where a byte of another encoding becomes
	 * several. */
	r.text_cap = in.len;
	r.text = arena_alloc(arena, r.text_cap);
	if (!r.text)
		return BODY_NO_MEMORY;
	enum body_result result = run(&r, in);
	out->text = slice_of(r.text, r.text_len);
	return result;
}
