/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/operator_data.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* An address as 128 bits; IPv4 in the mapped form ::ffff:a.b.c.d, so that there is one kind of
 * them. */
struct address {
	unsigned char bytes[16];
};

struct range {
	struct address first, last;
};

/* Ranges that do not overlap, in ascending order. */
struct ip_set {
	struct range *ranges;
	size_t count, cap;
	struct arena *arena;
};

static int compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* *bits is the size of the text's family. */
static bool parse_address(struct slice s, struct address *out, unsigned *bits)
{
	char text[INET6_ADDRSTRLEN + 1];
	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	*bits = 128;
	if (inet_pton(AF_INET6, text, out->bytes) == 1)
		return true;
	*bits = 32;
	memcpy(out->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	return inet_pton(AF_INET, text, out->bytes + 12) == 1;
}

/* All addresses that share the first `prefix` of 128 bits. */
static struct range range_of(struct address address, unsigned prefix)
{
	struct range range = { address, address };
	for (unsigned bit = prefix; bit < 128; bit++) {
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);
		range.first.bytes[bit / 8] &= (unsigned char)~mask;
		range.last.bytes[bit / 8] |= mask;
	}
	return range;
}

static bool parse_range(struct slice text, struct range *out)
{
	struct slice host, length;
	struct address address;
	unsigned bits;
	bool has_prefix = slice_cut(text, '/', &host, &length);
	uint64_t prefix;
	if (!parse_address(host, &address, &bits))
		return false;
	prefix = bits;
	if (has_prefix && !slice_to_u64(length, bits, &prefix))
		return false;
	*out = range_of(address, 128 - bits + (unsigned)prefix);
	return true;
}

static bool set_add(struct ip_set *set, struct slice text, struct err_pos pos, struct err *err)
{
	if (set->count == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 8;
		struct range *ranges = arena_array(set->arena, struct range, cap);
		if (!ranges)
			return err_set_at(err, pos, "no memory for addresses");
		if (set->count)
			memcpy(ranges, set->ranges, set->count * sizeof(*ranges));
		set->ranges = ranges;
		set->cap = cap;
	}
	if (!parse_range(text, &set->ranges[set->count]))
		return err_set_at(
		    err, pos, "'%.*s' is not an address or a network", SLICE_ARG(text));
	set->count++;
	return true;
}

/* By first address, the larger network before those inside it. */
static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	int order = compare(&x->first, &y->first);
	return order ? order : compare(&y->last, &x->last);
}

/* Networks nest or are apart: one that begins inside its forerunner is part of it. */
static void set_sort(struct ip_set *set)
{
	size_t kept = 0;
	qsort(set->ranges, set->count, sizeof(*set->ranges), by_first);
	for (size_t i = 0; i < set->count; i++)
		if (kept == 0 || compare(&set->ranges[i].first, &set->ranges[kept - 1].last) > 0)
			set->ranges[kept++] = set->ranges[i];
	set->count = kept;
}

static bool add_line(void *to, struct slice line, struct err_pos pos, struct err *err)
{
	struct slice address, comment;
	slice_cut(line, '#', &address, &comment);
	return set_add(to, slice_trim(address), pos, err);
}

static bool set_new(struct operator_data *data, const struct operator_context *ctx,
    struct arena *arena, struct err *err)
{
	data->ips = arena_new(arena, struct ip_set);
	if (!data->ips)
		return err_set_at(err, ctx->pos, "no memory for addresses");
	data->ips->arena = arena;
	return true;
}

COMPILE(ip)
{
	if (!set_new(data, ctx, arena, err))
		return false;
	struct slice rest = data->argument, item;
	while (rest.len) {
		slice_cut(rest, ',', &item, &rest);
		if (!set_add(data->ips, slice_trim(item), ctx->pos, err))
			return false;
	}
	set_sort(data->ips);
	return true;
}

COMPILE(ip_file)
{
	if (!set_new(data, ctx, arena, err) ||
	    !operator_read_lines(data->argument, ctx, arena, add_line, data->ips, err))
		return false;
	set_sort(data->ips);
	return true;
}

MATCH(ip)
{
	struct address address;
	unsigned bits;
	(void)argument, (void)run;
	if (!parse_address(slice_trim(input), &address, &bits))
		return OP_NO_MATCH;
	const struct ip_set *set = data->ips;
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&set->ranges[middle].last, &address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	bool inside = low < set->count && compare(&set->ranges[low].first, &address) <= 0;
	return inside ? op_matched(out, input) : OP_NO_MATCH;
}
