/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/hello.h"

/* Whether the comma-separated list has an entry that is `same` as `wanted`; blanks do not count. */
static bool list_has(
    struct slice list, struct slice wanted, bool (*same)(struct slice, struct slice))
{
	struct slice head;

	while (!slice_is_empty(list)) {
		slice_cut(list, ',', &head, &list);
		if (same(slice_trim(head), wanted))
			return true;
	}
	return false;
}

/* One row per item that matters: its type, its bit in the set of those seen, how it is taken. */
struct item {
	struct slice name;
	enum typed_type type;
	unsigned bit;
	void (*take)(struct hello *out, const struct typed *value);
};

enum { SEEN_VERSIONS = 1, SEEN_FRAME_SIZE = 2, SEEN_CAPABILITIES = 4 };

static void take_versions(struct hello *out, const struct typed *value)
{
	/* A peer that names a minor version has all the earlier ones too, so 2.0. */
	out->version_2 = list_has(value->bytes, SLICE("2."), slice_starts_with);
}

static void take_frame_size(struct hello *out, const struct typed *value)
{
	out->max_frame_size = (uint32_t)value->uint;
}

static void take_capabilities(struct hello *out, const struct typed *value)
{
	out->pipelining = list_has(value->bytes, SLICE("pipelining"), slice_eq);
}

static void take_healthcheck(struct hello *out, const struct typed *value)
{
	out->healthcheck = value->boolean;
}

static void take_engine_id(struct hello *out, const struct typed *value)
{
	out->engine_id = value->bytes;
}

// clang-format off
static const struct item items[] = {
	{ SLICE_INIT("supported-versions"), TYPED_STRING, SEEN_VERSIONS,     take_versions },
	{ SLICE_INIT("max-frame-size"),     TYPED_UINT32, SEEN_FRAME_SIZE,   take_frame_size },
	{ SLICE_INIT("capabilities"),       TYPED_STRING, SEEN_CAPABILITIES, take_capabilities },
	{ SLICE_INIT("healthcheck"),        TYPED_BOOL,   0,                 take_healthcheck },
	{ SLICE_INIT("engine-id"),          TYPED_STRING, 0,                 take_engine_id },
};
// clang-format on

static const struct item *item_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		if (slice_eq(items[i].name, name))
			return &items[i];
	return NULL;
}

enum spop_status hello_decode(const struct frame *frame, struct hello *out)
{
	struct wire_reader reader = wire_reader_of(frame->payload);
	unsigned seen = 0;

	*out = (struct hello){ 0 };
	if (frame->stream_id != 0 || frame->frame_id != 0)
		return SPOP_INVALID;
	while (wire_left(&reader) > 0) {
		const struct item *item = item_find(wire_read_string(&reader));
		struct typed value = typed_read(&reader);

		if (reader.failed || (item && item->type != value.type))
			return SPOP_INVALID;
		if (!item)
			continue;
		item->take(out, &value);
		seen |= item->bit;
	}
	if (!(seen & SEEN_VERSIONS))
		return SPOP_NO_VERSION;
	if (!(seen & SEEN_FRAME_SIZE))
		return SPOP_NO_FRAME_SIZE;
	return seen & SEEN_CAPABILITIES ? SPOP_OK : SPOP_NO_CAPABILITIES;
}

enum spop_status hello_negotiate(
    const struct hello *hello, uint32_t max_frame_size, struct hello_reply *out)
{
	uint32_t size = hello->max_frame_size;

	if (!hello->version_2)
		return SPOP_BAD_VERSION;
	if (size < SPOP_FRAME_SIZE_MIN)
		return SPOP_BAD_FRAME_SIZE;
	*out = (struct hello_reply){
		.max_frame_size = size < max_frame_size ? size : max_frame_size,
		.pipelining = hello->pipelining,
	};
	return SPOP_OK;
}

bool hello_encode(struct wire_writer *writer, const struct hello_reply *reply)
{
	unsigned char *begin = frame_begin(writer, FRAME_AGENT_HELLO, 0, 0);
	struct slice capabilities = reply->pipelining ? SLICE("pipelining") : SLICE("");

	frame_write_item(writer, SLICE("version"), typed_string(SLICE("2.0")));
	frame_write_item(writer, SLICE("max-frame-size"), typed_uint32(reply->max_frame_size));
	frame_write_item(writer, SLICE("capabilities"), typed_string(capabilities));
	return frame_end(writer, begin);
}
