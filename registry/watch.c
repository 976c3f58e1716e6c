/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/watch.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/strmap.h"
#include "common/systemd.h"
#include "registry/apply.h"
#include "registry/hold_back.h"
#include "registry/publish.h"
#include "registry/throttle_views.h"

#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_MAX_S = 300, METRICS_MAX_BYTES = 16 << 20 };

static const char *const RESULT_NAMES[WATCH_RESULTS] = { "unchanged", "applied", "busy",
	"store_failed", "refused", "apply_failed", "publish_failed" };

const char *watch_result_name(enum watch_result result)
{
	return RESULT_NAMES[result];
}

struct watch {
	const struct watch_options *options;
	struct store *store;
	char *store_key; /* the settings it was opened with */
	char *told;      /* the findings that were logged last */
	struct watch_status status;
};

/* ---- signals ---- */

static volatile sig_atomic_t stop, poll_now;

static void on_signal(int number)
{
	if (number == SIGHUP)
		poll_now = 1;
	else
		stop = 1;
}

static void take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigemptyset(&action.sa_mask);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Ends early for a signal, none of which is lost between the look and the wait. */
static void wait_ms(uint64_t ms, bool for_hup)
{
	sigset_t ours, before;
	uint64_t until_ms = clock_monotonic_ms() + ms, now_ms;
	sigemptyset(&ours);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigprocmask(SIG_BLOCK, &ours, &before);
	while (!stop && !(for_hup && poll_now) && (now_ms = clock_monotonic_ms()) < until_ms) {
		uint64_t left_ms = until_ms - now_ms;
		struct timespec pause = { .tv_sec = (time_t)(left_ms / 1000),
			.tv_nsec = (long)(left_ms % 1000) * 1000000 };
		ppoll(NULL, 0, &pause, &before);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

uint64_t watch_wait_ms(uint64_t interval_s, unsigned failures, uint32_t random)
{
	uint64_t wait_s = interval_s, max_s = interval_s > WAIT_MAX_S ? interval_s : WAIT_MAX_S;
	for (unsigned i = 0; i < failures && wait_s < max_s; i++)
		wait_s *= 2;
	if (wait_s > max_s)
		wait_s = max_s;
	return wait_s * 800 + wait_s * 400 * (random % 1001) / 1000;
}

/* ---- the store, kept open over polls ---- */

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

/* Keys and connections live in the store, so a new one is opened only for other settings. */
static bool use_store(struct watch *watch, struct gateway *gateway, struct err *err)
{
	const struct settings *s = &gateway->settings;
	char *key = NULL;
	if (asprintf(&key, "%u\n%s\n%s\n%s\n%s\n%s\n%s", s->store_kind, text_or_none(s->store_path),
	        text_or_none(s->store_region), text_or_none(s->store_profile),
	        text_or_none(s->store_endpoint_url), text_or_none(s->store_ca_file),
	        text_or_none(s->store_kms_key_id)) < 0)
		return err_set(err, "no memory for the store");
	if (!watch->store || strcmp(key, watch->store_key) != 0) {
		store_free(watch->store);
		free(watch->store_key);
		watch->store_key = key;
		watch->store = gateway_store_new(s, &stop, err);
	} else {
		free(key);
	}
	gateway->store = watch->store;
	return gateway->store != NULL;
}

static void drop_gateway(struct gateway *gateway)
{
	gateway->store = NULL;
	gateway_release(gateway);
}

/* ---- one poll ---- */

/* Once for each set of findings, not at every poll. */
static void tell_findings(struct watch *watch, const struct findings *findings)
{
	struct buf text;
	buf_init(&text, METRICS_MAX_BYTES);
	hold_back_summary(findings, METRICS_MAX_BYTES, &text);
	bool is_news = !watch->told || strcmp(watch->told, buf_cstr(&text)) != 0;
	if (is_news && findings->count == 0 && watch->told)
		log_info("nothing is held back any more");
	for (size_t i = 0; is_news && i < findings->count; i++) {
		const struct finding *f = &findings->items[i];
		log_error("%s is held back: %s: %s", f->service ? f->service : "everything",
		    f->path, f->text);
	}
	if (is_news) {
		free(watch->told);
		watch->told = strdup(buf_cstr(&text));
	}
	buf_release(&text);
}

static enum watch_result fail(enum watch_result result, const char *what, const struct err *err)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX + 32];
	struct err line;
	for (size_t n = 0; err_line(err, n, &line); n++)
		log_error("%s: %s", what, err_format(&line, text, sizeof(text)));
	return result;
}

static enum watch_result apply_locked(
    struct watch *watch, struct gateway *gateway, struct plan *plan)
{
	struct err err = { 0 };
	bool had_work;
	if (!plan_make(plan, gateway, &err))
		return fail(WATCH_APPLY_FAILED, "cannot plan", &err);
	had_work = plan_has_work(plan);
	if (had_work && !plan_apply(plan, "watch", "", &err))
		return fail(WATCH_APPLY_FAILED, "not applied, what ran before runs on", &err);
	snprintf(watch->status.revision, sizeof(watch->status.revision), "%s",
	    had_work ? plan->revision.name : plan->deployment.from);
	if (had_work) {
		watch->status.last_apply_ms = clock_unix_ms();
		log_info("revision %s is live: %zu changes, %s", plan->revision.name,
		    plan->changes.count, deploy_way_text(plan->deployment.way));
	}
	if (watch->options->publish && !publish(gateway, &err))
		return fail(WATCH_PUBLISH_FAILED, "outputs not written", &err);
	return had_work ? WATCH_APPLIED : WATCH_UNCHANGED;
}

static enum watch_result apply(struct watch *watch, struct gateway *gateway)
{
	struct plan plan = { 0 };
	struct err err = { 0 };
	int lock = revision_lock(gateway->settings.output_dir, &err);
	if (lock < 0)
		return fail(WATCH_BUSY, "not applied", &err);
	enum watch_result result = apply_locked(watch, gateway, &plan);
	plan_release(&plan);
	close(lock);
	return result;
}

static enum watch_result load_and_apply(struct watch *watch, struct gateway *gateway)
{
	struct err err = { 0 };
	if (!gateway_open_settings(gateway, watch->options->settings_file, &err))
		return fail(WATCH_REFUSED, "settings", &err);
	if (!use_store(watch, gateway, &err) || !gateway_load(gateway, &err))
		return fail(WATCH_STORE_FAILED, "parameters not read, what runs stays", &err);
	if (!hold_back_is_enough(&gateway->findings))
		return WATCH_REFUSED;
	if (!hold_back(gateway, &err))
		return fail(WATCH_REFUSED, "nothing is applied", &err);
	return apply(watch, gateway);
}

/* Of a HAProxy that does not answer there are none: absent series are what an alert can see. */
static void throttle_metrics(
    const struct watch *watch, const struct gateway *gateway, struct buf *out)
{
	struct throttle_views views = { 0 };
	struct err ignored = { 0 };
	if (gateway->settings.haproxy_stats &&
	    throttle_views_load(&views, &gateway->settings, watch->options->spenders > 0, &ignored))
		throttle_views_metrics(&views, watch->options->spenders, out);
	throttle_views_release(&views);
}

static void write_metrics(const struct watch *watch, const struct gateway *gateway)
{
	char path[REVISION_PATH_MAX];
	struct err err = { 0 };
	struct buf text;
	const char *dir = gateway->settings.output_dir;
	if (watch->options->metrics_file)
		snprintf(path, sizeof(path), "%s", watch->options->metrics_file);
	else if (dir && access(dir, F_OK) == 0)
		snprintf(path, sizeof(path), "%s/registry.prom", dir);
	else
		return;
	buf_init(&text, METRICS_MAX_BYTES);
	watch_metrics(&watch->status, &gateway->findings, &text);
	throttle_metrics(watch, gateway, &text);
	if (!file_write_atomic(path, buf_slice(&text), 0644, &err))
		fail(watch->status.last, "metrics not written", &err);
	buf_release(&text);
}

static bool is_good(enum watch_result result)
{
	return result == WATCH_UNCHANGED || result == WATCH_APPLIED;
}

static void poll_once(struct watch *watch)
{
	struct gateway gateway = { 0 };
	struct watch_status *status = &watch->status;
	poll_now = 0;
	enum watch_result result = load_and_apply(watch, &gateway);
	/* Settings that cannot be read, or a store, say nothing about services. */
	if (result != WATCH_STORE_FAILED)
		tell_findings(watch, &gateway.findings);
	status->last = result;
	status->results[result]++;
	status->last_poll_ms = clock_unix_ms();
	if (is_good(result))
		status->last_good_ms = status->last_poll_ms;
	status->failures = is_good(result) || result == WATCH_BUSY ? 0 : status->failures + 1;
	write_metrics(watch, &gateway);
	drop_gateway(&gateway);
}

/* ---- metrics ---- */

static void metric(struct buf *out, const char *name, const char *kind, const char *help)
{
	buf_printf(out, "# HELP sallyport_registry_%s %s\n# TYPE sallyport_registry_%s %s\n", name,
	    help, name, kind);
}

static void seconds(struct buf *out, const char *name, const char *help, int64_t unix_ms)
{
	metric(out, name, "gauge", help);
	buf_printf(out, "sallyport_registry_%s %lld.%03lld\n", name, (long long)(unix_ms / 1000),
	    (long long)(unix_ms % 1000));
}

static void held_back_metrics(const struct findings *findings, struct buf *out)
{
	struct strmap seen;
	strmap_init(&seen);
	metric(
	    out, "held_back", "gauge", "Services whose parameters are wrong and are not applied.");
	for (size_t i = 0; i < findings->count; i++) {
		struct slice id = slice_of_cstr(findings->items[i].service);
		if (id.len == 0 || strmap_has(&seen, id))
			continue;
		buf_printf(
		    out, "sallyport_registry_held_back{service=\"%.*s\"} 1\n", SLICE_ARG(id));
		strmap_put(&seen, id, out, NULL);
	}
	metric(out, "held_back_services", "gauge", "How many these are.");
	buf_printf(out, "sallyport_registry_held_back_services %zu\n", seen.count);
	metric(out, "findings", "gauge", "What is wrong in parameters and settings.");
	buf_printf(out, "sallyport_registry_findings %zu\n", findings->count + findings->dropped);
	strmap_release(&seen);
}

void watch_metrics(
    const struct watch_status *status, const struct findings *findings, struct buf *out)
{
	metric(out, "polls_total", "counter", "Polls by how they ended.");
	for (size_t i = 0; i < WATCH_RESULTS; i++)
		buf_printf(out, "sallyport_registry_polls_total{result=\"%s\"} %llu\n",
		    RESULT_NAMES[i], (unsigned long long)status->results[i]);
	metric(out, "failures_in_a_row", "gauge", "Polls that failed since the last good one.");
	buf_printf(out, "sallyport_registry_failures_in_a_row %u\n", status->failures);
	seconds(out, "last_poll_timestamp_seconds", "End of the last poll.", status->last_poll_ms);
	seconds(out, "last_good_timestamp_seconds", "End of the last poll that did not fail.",
	    status->last_good_ms);
	seconds(out, "last_apply_timestamp_seconds", "Last time a revision went live.",
	    status->last_apply_ms);
	held_back_metrics(findings, out);
	metric(out, "revision_info", "gauge", "The revision that is live.");
	buf_printf(out, "sallyport_registry_revision_info{revision=\"%s\"} 1\n", status->revision);
}

/* ---- the loop ---- */

static void notify(const struct watch_status *status, bool is_ready)
{
	char text[256];
	snprintf(text, sizeof(text), "%sSTATUS=%s; revision %s", is_ready ? "READY=1\n" : "",
	    watch_result_name(status->last), status->revision);
	systemd_notify(text);
}

/* Not before the shortest time between two applies has passed. */
static void wait_for_next(const struct watch *watch)
{
	const struct watch_status *status = &watch->status;
	uint32_t random = 0;
	uint64_t min_ms = watch->options->min_interval_s * 1000;
	int64_t since_ms = clock_unix_ms() - status->last_apply_ms;
	RAND_bytes((unsigned char *)&random, sizeof(random));
	if (status->last == WATCH_APPLIED && since_ms >= 0 && (uint64_t)since_ms < min_ms)
		wait_ms(min_ms - (uint64_t)since_ms, false);
	wait_ms(watch_wait_ms(watch->options->interval_s, status->failures, random), true);
}

int watch_run(const struct watch_options *options)
{
	struct watch watch = { .options = options };
	take_signals();
	do {
		bool is_first_poll = watch.status.last_poll_ms == 0;
		poll_once(&watch);
		notify(&watch.status, is_first_poll);
		if (!options->once)
			wait_for_next(&watch);
	} while (!stop && !options->once);
	systemd_notify("STOPPING=1");
	store_free(watch.store);
	free(watch.store_key);
	free(watch.told);
	return options->once && !is_good(watch.status.last) ? EXIT_FAILURE : EXIT_SUCCESS;
}
