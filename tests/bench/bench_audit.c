/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_audit: what the audit log does on one core: appending with each way of committing,
 * verifying, and queries on a large log.
 *
 *     bench_audit [--quick] [--records N] [--folder FOLDER]
 *
 * Prints one JSON object. The log is written below FOLDER (a temporary one), which is removed.
 */
#include "audit/intake.h"
#include "audit/journal.h"
#include "audit/query.h"
#include "audit/verify.h"
#include "common/clock.h"
#include "common/json_write.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { COMMIT_RECORDS = 10000, ALWAYS_RECORDS = 64 };

struct bench {
	char root[256], folder[320], signing[320], public[320], wrapping[320];
	struct signer *signer;
	struct verifier *verifier;
	struct keyring *keyring;
};

/* Of this process: what a core can do is measured while others use it. */
static double cpu_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "bench_audit: %s\n", err && err->set ? err->text : "failed");
	exit(1);
}

static void bench_init(struct bench *b, const char *parent)
{
	struct err err = { 0 };
	snprintf(b->root, sizeof(b->root), "%s/bench-audit.XXXXXX", parent);
	must(mkdtemp(b->root) != NULL, NULL);
	snprintf(b->folder, sizeof(b->folder), "%s/log", b->root);
	snprintf(b->signing, sizeof(b->signing), "%s/signing.pem", b->root);
	snprintf(b->public, sizeof(b->public), "%s/public.pem", b->root);
	snprintf(b->wrapping, sizeof(b->wrapping), "%s/wrapping.key", b->root);
	must(signer_generate_files(b->signing, b->public, &err) &&
	         keyring_generate_file(b->wrapping, &err),
	    &err);
	b->signer = signer_open_file(b->signing, &err);
	b->verifier = verifier_new();
	b->keyring = keyring_new();
	must(b->signer && verifier_add_file(b->verifier, b->public, &err) &&
	         keyring_add_file(b->keyring, b->wrapping, &err),
	    &err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_log(const struct bench *b)
{
	nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void bench_release(struct bench *b)
{
	signer_free(b->signer);
	verifier_free(b->verifier);
	keyring_free(b->keyring);
	nftw(b->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* As HAProxy sends it, all members of docs/access-log.md. */
static size_t make_line(char *dst, size_t size, uint64_t n)
{
	char time[CLOCK_TEXT_MAX];
	uint64_t mix = n * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)snprintf(dst, size,
	    "<134>1 2026-11-24T03:08:00.436596+00:00 - haproxy 32370 - - "
	    "{\"time\":\"%s\",\"seq\":\"32370-%llu\",\"id\":\"%016llx-%016llx\",\"trace\":\"%016llx%016llx\","
	    "\"ip\":\"10.%u.%u.%u\",\"port\":%u,\"tls\":\"TLSv1.3\",\"cipher\":\"TLS_AES_256_GCM_SHA384\","
	    "\"cert_subject\":\"\",\"cert_serial\":\"\",\"cert_sha256\":\"\",\"method\":\"GET\",\"host\":\"api.bank.test\","
	    "\"path\":\"/v1/accounts/%u/transactions\",\"proto\":\"HTTP/2.0\",\"route\":\"/v1/accounts\","
	    "\"service\":\"accounts\",\"version\":\"v1\",\"authorizer\":\"customers\",\"auth\":\"ok\","
	    "\"sub\":\"user-%u\",\"client\":\"mobile\",\"scopes\":\"accounts.read\",\"jti\":\"%016llx\",\"waf\":\"%s\","
	    "\"score\":%u,\"rules\":\"%s\",\"labels\":\"\",\"explain\":\"\",\"throttle\":\"ok\","
	    "\"upstream\":\"accounts/s1\",\"upstream_status\":200,\"upstream_ms\":%u,\"overhead_us\":%u,"
	    "\"agent_us\":%u,\"total_ms\":%u,\"status\":%u,\"bytes\":%u,\"state\":\"----\","
	    "\"ua\":\"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)\",\"revision\":\"r42\"}",
	    clock_format_utc(INT64_C(1795478400000) + (int64_t)(n / 20), time),
	    (unsigned long long)n, (unsigned long long)mix, (unsigned long long)(mix >> 3),
	    (unsigned long long)~mix, (unsigned long long)n, (unsigned)(mix >> 60),
	    (unsigned)(mix >> 40 & 255), (unsigned)(mix >> 32 & 255),
	    (unsigned)(mix >> 16 & 0xffff), (unsigned)(mix >> 45), (unsigned)(mix >> 44),
	    (unsigned long long)(mix ^ n), n % 500 ? "pass" : "block", n % 500 ? 0 : 5,
	    n % 500 ? "" : "942100,949110", (unsigned)(mix >> 58), (unsigned)(mix >> 55),
	    (unsigned)(mix >> 57), (unsigned)(mix >> 56), n % 500 ? 200 : 403,
	    (unsigned)(mix >> 50));
}

static struct journal *open_journal(const struct bench *b)
{
	struct err err = { 0 };
	const struct journal_options options = {
		.folder = b->folder,
		.signer = b->signer,
		.verifier = b->verifier,
		.keyring = b->keyring,
		.segment_max_bytes = UINT64_C(256) << 20,
		.retention_days = 90,
	};
	struct journal *journal = journal_open(&options, clock_unix_ms(), &err);
	must(journal != NULL, &err);
	return journal;
}

/* The writing thread's work: header, JSON, number, blocks, tree, compression, encryption, index,
 * commit. */
static double append(
    const struct bench *b, uint64_t records, uint64_t per_commit, uint64_t *line_bytes)
{
	struct err err = { 0 };
	char line[2048];
	struct journal *journal = open_journal(b);
	struct intake *intake = intake_new(journal);
	double began = cpu_s();
	*line_bytes = 0;
	for (uint64_t n = 1; n <= records; n++) {
		size_t len = make_line(line, sizeof(line), n);
		*line_bytes += len;
		must(intake_line(intake, slice_of(line, len), clock_unix_ms()), NULL);
		if (n % per_commit == 0)
			must(journal_commit(journal, clock_unix_ms(), &err) == JOURNAL_OK, &err);
	}
	intake_free(intake);
	must(journal_close(journal, clock_unix_ms(), &err) == JOURNAL_OK, &err);
	return cpu_s() - began;
}

static double generate_only(uint64_t records)
{
	char line[2048];
	volatile size_t sink = 0;
	double began = cpu_s();
	for (uint64_t n = 1; n <= records; n++)
		sink += make_line(line, sizeof(line), n);
	(void)sink;
	return cpu_s() - began;
}

static double verify(const struct bench *b, bool content, uint64_t *bytes)
{
	static struct verify_report report;
	struct err err = { 0 };
	const struct verify_options options = {
		.folder = b->folder,
		.verifier = b->verifier,
		.keyring = content ? b->keyring : NULL,
	};
	uint64_t began = clock_monotonic_us();
	must(verify_log(&options, &report, &err), &err);
	must(report.finding_count == 0, NULL);
	*bytes = report.bytes;
	return (double)(clock_monotonic_us() - began) / 1e6;
}

static bool count_hit(void *context, const struct query_hit *hit)
{
	(void)hit;
	++*(uint64_t *)context;
	return true;
}

static double query(const struct bench *b, const char *member, const char *value, uint64_t *hits)
{
	struct query_stats stats;
	struct err err = { 0 };
	const struct query what = {
		.folder = b->folder,
		.keyring = b->keyring,
		.terms = { { slice_of_cstr(member), slice_of_cstr(value) } },
		.term_count = 1,
	};
	uint64_t began = clock_monotonic_us();
	*hits = 0;
	must(query_run(&what, count_hit, hits, &stats, &err), &err);
	return (double)(clock_monotonic_us() - began) / 1e3;
}

static void put(struct jw *w, const char *name, double value)
{
	jw_key(w, name);
	jw_double(w, value);
}

static void measure_appending(struct jw *w, struct bench *b, uint64_t records)
{
	uint64_t bytes, always = records / 20;
	double lines = generate_only(records);
	double batched = append(b, records, COMMIT_RECORDS, &bytes) - lines;
	put(w, "record_bytes", (double)bytes / (double)records);
	put(w, "append_records_per_core_s", (double)records / batched);
	uint64_t stored;
	double seconds = verify(b, false, &stored);
	put(w, "stored_bytes_per_record", (double)stored / (double)records);
	put(w, "verify_gb_per_s", (double)stored / seconds / 1e9);
	put(w, "verify_records_per_s", (double)records / seconds);
	seconds = verify(b, true, &stored);
	put(w, "verify_content_records_per_s", (double)records / seconds);
	remove_log(b);
	uint64_t began = clock_monotonic_us();
	append(b, always, ALWAYS_RECORDS, &bytes);
	seconds = (double)(clock_monotonic_us() - began) / 1e6;
	put(w, "append_sync_each_64_records_per_s", (double)always / seconds);
	remove_log(b);
}

static void measure_queries(struct jw *w, struct bench *b, uint64_t records)
{
	char id[64];
	uint64_t bytes, hits, mix = (records / 2) * UINT64_C(0x9e3779b97f4a7c15);
	append(b, records, COMMIT_RECORDS, &bytes);
	snprintf(id, sizeof(id), "%016llx-%016llx", (unsigned long long)mix,
	    (unsigned long long)(mix >> 3));
	put(w, "query_log_records", (double)records);
	put(w, "query_by_id_first_ms", query(b, "id", id, &hits));
	must(hits == 1, NULL);
	put(w, "query_by_id_ms", query(b, "id", id, &hits));
	must(hits == 1, NULL);
	put(w, "query_by_absent_id_ms", query(b, "id", "none", &hits));
	put(w, "query_by_subject_ms", query(b, "sub", "user-7", &hits));
	put(w, "query_by_subject_hits", (double)hits);
	put(w, "query_by_status_ms", query(b, "status", "403", &hits));
	put(w, "query_by_status_hits", (double)hits);
	remove_log(b);
}

int main(int argc, char **argv)
{
	const char *parent = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	uint64_t records = 10000000;
	struct bench b;
	struct buf out;
	struct jw w;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			records = 500000;
		else if (strcmp(argv[i], "--records") == 0 && i + 1 < argc)
			records = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc)
			parent = argv[++i];
		else
			return fprintf(stderr,
			           "bench_audit [--quick] [--records N] [--folder FOLDER]\n"),
			       64;
	}
	bench_init(&b, parent);
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	measure_appending(&w, &b, records < 1000000 ? records : 1000000);
	measure_queries(&w, &b, records);
	jw_object_end(&w);
	puts(buf_cstr(&out));
	buf_release(&out);
	bench_release(&b);
	return 0;
}
