/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/cwlogs.h"

#include "common/json_write.h"

#define TARGET(op) "Logs_20140328." op

static bool call(struct aws_client *client, const char *target, struct buf *input, json_t **output,
    struct aws_error *error, struct err *err)
{
	bool ok = buf_failed(input)
	              ? err_set(err, "%s: no memory", target)
	              : aws_client_call(client, target, buf_slice(input), output, error, err);
	buf_release(input);
	return ok;
}

static void begin(struct jw *w, struct buf *input, const char *group)
{
	buf_init(input, 0);
	jw_init(w, input, 0);
	jw_object_begin(w);
	jw_key(w, "logGroupName");
	jw_cstr(w, group);
}

/* ---- events ---- */

static bool check_batch(const struct cwlogs_event *events, size_t count, struct err *err)
{
	size_t bytes = 0;
	if (count == 0 || count > CWLOGS_BATCH_MAX_EVENTS)
		return err_set(err, "a batch of %zu events: 1 to %d are allowed", count,
		    CWLOGS_BATCH_MAX_EVENTS);
	for (size_t i = 0; i < count; i++) {
		size_t len = events[i].message.len;
		if (len == 0 || len > CWLOGS_EVENT_MAX_BYTES)
			return err_set(err, "event %zu is empty or longer than %d bytes", i,
			    CWLOGS_EVENT_MAX_BYTES);
		if (i && events[i].timestamp_ms < events[i - 1].timestamp_ms)
			return err_set(err, "event %zu is older than the one before it", i);
		bytes += len + CWLOGS_EVENT_OVERHEAD_BYTES;
	}
	if (bytes > CWLOGS_BATCH_MAX_BYTES)
		return err_set(
		    err, "a batch of %zu bytes: %d are allowed", bytes, CWLOGS_BATCH_MAX_BYTES);
	if (events[count - 1].timestamp_ms - events[0].timestamp_ms > CWLOGS_BATCH_MAX_SPAN_MS)
		return err_set(err, "a batch spans more than 24 hours");
	return true;
}

static void write_events(struct jw *w, const struct cwlogs_event *events, size_t count)
{
	jw_key(w, "logEvents");
	jw_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		jw_object_begin(w);
		jw_key(w, "timestamp");
		jw_int(w, events[i].timestamp_ms);
		jw_key(w, "message");
		jw_string(w, events[i].message);
		jw_object_end(w);
	}
	jw_array_end(w);
}

/* An index of the answer, within 0..count; `absent` when it is not there. */
static size_t index_of(const json_t *info, const char *name, size_t count, size_t absent)
{
	const json_t *value = json_object_get(info, name);
	json_int_t n = json_integer_value(value);
	if (!json_is_integer(value))
		return absent;
	return n < 0 ? 0 : (uint64_t)n > count ? count : (size_t)n;
}

static void read_rejected(const json_t *output, size_t count, struct cwlogs_rejected *rejected)
{
	const json_t *info = json_object_get(output, "rejectedLogEventsInfo");
	size_t too_old = index_of(info, "tooOldLogEventEndIndex", count, 0);
	size_t expired = index_of(info, "expiredLogEventEndIndex", count, 0);
	rejected->too_old_end = too_old > expired ? too_old : expired;
	rejected->too_new_start = index_of(info, "tooNewLogEventStartIndex", count, count);
}

bool cwlogs_put_events(struct aws_client *client, const char *group, const char *stream,
    const struct cwlogs_event *events, size_t count, struct cwlogs_rejected *rejected,
    struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	json_t *output;
	if (!check_batch(events, count, err))
		return false;
	begin(&w, &input, group);
	jw_key(&w, "logStreamName");
	jw_cstr(&w, stream);
	write_events(&w, events, count);
	jw_object_end(&w);
	if (!call(client, TARGET("PutLogEvents"), &input, &output, error, err))
		return false;
	if (rejected)
		read_rejected(output, count, rejected);
	aws_json_free(output);
	return true;
}

/* ---- groups and streams ---- */

/* True also when the thing was there already. */
static bool create(struct aws_client *client, const char *target, struct buf *input,
    struct aws_error *error, struct err *err)
{
	struct err refusal = { 0 };
	if (call(client, target, input, NULL, error, &refusal) ||
	    aws_error_is(error, "ResourceAlreadyExistsException"))
		return true;
	return err_set(err, "%s", refusal.text);
}

static bool create_group(struct aws_client *client, const char *group,
    const struct cwlogs_group_options *options, struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	begin(&w, &input, group);
	if (options->kms_key_arn) {
		jw_key(&w, "kmsKeyId");
		jw_cstr(&w, options->kms_key_arn);
	}
	jw_object_end(&w);
	return create(client, TARGET("CreateLogGroup"), &input, error, err);
}

static bool put_retention(struct aws_client *client, const char *group, unsigned days,
    struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	if (days == 0)
		return true;
	begin(&w, &input, group);
	jw_key(&w, "retentionInDays");
	jw_uint(&w, days);
	jw_object_end(&w);
	return call(client, TARGET("PutRetentionPolicy"), &input, NULL, error, err);
}

/* Known to the service since late 2025 only, and an extra permission. */
static bool protect(struct aws_client *client, const char *group)
{
	struct buf input;
	struct jw w;
	buf_init(&input, 0);
	jw_init(&w, &input, 0);
	jw_object_begin(&w);
	jw_key(&w, "logGroupIdentifier");
	jw_cstr(&w, group);
	jw_key(&w, "deletionProtectionEnabled");
	jw_bool(&w, true);
	jw_object_end(&w);
	return call(client, TARGET("PutLogGroupDeletionProtection"), &input, NULL, NULL, NULL);
}

bool cwlogs_ensure_group(struct aws_client *client, const char *group,
    const struct cwlogs_group_options *options, bool *unprotected, struct aws_error *error,
    struct err *err)
{
	struct aws_error own;
	if (!error)
		error = &own;
	if (!create_group(client, group, options, error, err) ||
	    !put_retention(client, group, options->retention_days, error, err))
		return false;
	bool is_open = options->deletion_protection && !protect(client, group);
	if (unprotected)
		*unprotected = is_open;
	return true;
}

bool cwlogs_ensure_stream(struct aws_client *client, const char *group, const char *stream,
    struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	struct aws_error own;
	begin(&w, &input, group);
	jw_key(&w, "logStreamName");
	jw_cstr(&w, stream);
	jw_object_end(&w);
	return create(client, TARGET("CreateLogStream"), &input, error ? error : &own, err);
}

static bool append_arn(const json_t *output, struct slice group, struct buf *arn)
{
	const json_t *groups = json_object_get(output, "logGroups"), *item;
	size_t i;
	json_array_foreach(groups, i, item)
	{
		const json_t *name = json_object_get(item, "logGroupName");
		const json_t *value = json_object_get(item, "arn");
		struct slice text = slice_of(json_string_value(value), json_string_length(value));
		if (!slice_eq(slice_of(json_string_value(name), json_string_length(name)), group))
			continue;
		if (slice_ends_with(text, SLICE(":*")))
			text.len -= 2;
		buf_append_slice(arn, text);
		return text.len > 0;
	}
	return false;
}

/* A group sorts before all longer names that begin like it, so the first page is enough. */
bool cwlogs_group_arn(struct aws_client *client, const char *group, struct buf *arn,
    struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	json_t *output;
	buf_init(&input, 0);
	jw_init(&w, &input, 0);
	jw_object_begin(&w);
	jw_key(&w, "logGroupNamePrefix");
	jw_cstr(&w, group);
	jw_object_end(&w);
	if (!call(client, TARGET("DescribeLogGroups"), &input, &output, error, err))
		return false;
	bool ok = append_arn(output, slice_of_cstr(group), arn);
	aws_json_free(output);
	return ok || err_set(err, "there is no log group '%s'", group);
}
