/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/anchor.h"

#include "common/clock.h"
#include "common/codec.h"
#include "common/json_read.h"
#include "common/json_write.h"

static void put_base64(struct jw *w, const char *name, struct slice bytes)
{
	struct buf text;
	buf_init(&text, 0);
	base64_encode(&text, bytes);
	jw_key(w, name);
	jw_string(w, buf_slice(&text));
	w->out->failed |= buf_failed(&text);
	buf_release(&text);
}

bool anchor_write(const struct checkpoint *checkpoint, struct buf *out)
{
	const struct block_head *head = &checkpoint->head;
	char now[CLOCK_TEXT_MAX];
	struct buf log;
	struct jw w;
	buf_init(&log, 0);
	hex_encode(&log, slice_of(head->log.bytes, LOG_ID_BYTES));
	jw_init(&w, out, 0);
	jw_object_begin(&w);
	jw_key(&w, "anchor");
	jw_uint(&w, 1);
	jw_key(&w, "log");
	jw_string(&w, buf_slice(&log));
	jw_key(&w, "records");
	jw_uint(&w, head->first - 1);
	jw_key(&w, "time");
	jw_cstr(&w, clock_format_utc(head->time_ms, now));
	jw_key(&w, "segment");
	jw_uint(&w, head->segment);
	put_base64(&w, "checkpoint", checkpoint_slice(checkpoint));
	jw_object_end(&w);
	bool ok = !buf_failed(out) && !buf_failed(&log);
	buf_release(&log);
	return ok;
}

bool anchor_parse(
    struct slice text, const char *name, struct checkpoint *checkpoint, struct err *err)
{
	char bytes[BASE64_DECODED_MAX(ANCHOR_MAX_BYTES)];
	json_t *json = text.len <= ANCHOR_MAX_BYTES ? json_read_text(text, name, err) : NULL;
	const char *encoded = json_string_value(json_object_get(json, "checkpoint"));
	ptrdiff_t len = encoded ? base64_decode(slice_of_cstr(encoded), bytes) : -1;
	json_decref(json);
	if (len > 0 && checkpoint_parse(slice_of(bytes, (size_t)len), checkpoint))
		return true;
	return err_set_at(err, (struct err_pos){ name, 0, 0 }, "not an anchor of an audit log");
}
