/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "common/json_write.h"
#include "registry/cmd.h"
#include "registry/hold_back.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { TOKEN_MAX_BYTES = 16384 };

static const char *const OUTCOMES[] = { "passed", "failed", "skipped" };

static void print_tap(const struct verification *v)
{
	for (size_t i = 0; i < v->count; i++) {
		const struct verify_result *r = &v->results[i];
		char shown[ERR_TEXT_MAX];
		struct err detail = { 0 };
		err_set(&detail, "%s", r->detail ? r->detail : "");
		err_format(&detail, shown, sizeof(shown));
		printf("%s %zu - %s%s%s\n", r->outcome == VERIFY_FAILED ? "not ok" : "ok", i + 1,
		    r->name, r->outcome == VERIFY_SKIPPED ? " # SKIP " : "",
		    r->outcome == VERIFY_SKIPPED ? shown : "");
		if (r->outcome == VERIFY_FAILED && r->detail && *r->detail)
			printf("# %s\n", shown);
	}
	printf("1..%zu\n", v->count);
}

static void print_json(const struct verification *v)
{
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	for (size_t i = 0; i < 3; i++) {
		jw_key(&w, OUTCOMES[i]);
		jw_uint(&w, v->counts[i]);
	}
	jw_key(&w, "assertions");
	jw_array_begin(&w);
	for (size_t i = 0; i < v->count; i++) {
		jw_object_begin(&w);
		jw_key(&w, "name");
		jw_cstr(&w, v->results[i].name);
		jw_key(&w, "outcome");
		jw_cstr(&w, OUTCOMES[v->results[i].outcome]);
		jw_key(&w, "detail");
		jw_cstr(&w, v->results[i].detail);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	printf("%s\n", buf_cstr(&out));
	buf_release(&out);
}

/* Tokens come by file, so that they show in no list of processes. */
static bool read_token(const char *path, struct buf *out, const char **token, struct err *err)
{
	if (!path)
		return true;
	if (!buf_reserve(out, TOKEN_MAX_BYTES) || !file_read(path, TOKEN_MAX_BYTES, out, err))
		return false;
	while (out->len && ascii_is_space(out->data[out->len - 1]))
		out->len--;
	for (size_t i = 0; i < out->len; i++)
		if (out->data[i] <= ' ' || out->data[i] > '~')
			return err_set(err, "%s: not a token", path);
	*token = buf_cstr(out);
	return true;
}

/* Errors of parameters are one of the things to report, not a reason to stop. */
static bool open_gateway(struct gateway *gateway, struct err *err)
{
	if (!gateway_open(gateway, cmd_options.settings_file, err) || !gateway_load(gateway, err))
		return false;
	return !hold_back_is_enough(&gateway->findings) || hold_back(gateway, err);
}

int cmd_verify(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct verification v = { 0 };
	struct buf tokens[AUTHORIZER_COUNT];
	struct err err = { 0 };
	bool ok = open_gateway(&gateway, &err);
	for (size_t i = 0; i < AUTHORIZER_COUNT; i++) {
		buf_init(&tokens[i], 0);
		ok = ok && read_token(cmd_options.token_files[i], &tokens[i],
		               &cmd_options.verify.tokens[i], &err);
	}
	bool ran = ok && verify_run(&v, &gateway, &cmd_options.verify, &err);
	if (ran && cmd_options.json)
		print_json(&v);
	else if (ran)
		print_tap(&v);
	for (size_t i = 0; i < AUTHORIZER_COUNT; i++) {
		OPENSSL_cleanse(tokens[i].data, tokens[i].cap);
		buf_release(&tokens[i]);
	}
	int code = !ran ? cmd_fail(&err) : v.counts[VERIFY_FAILED] ? EXIT_FAILED : EXIT_NOTHING;
	if (ok)
		verify_release(&v);
	findings_print(&gateway.findings, stderr);
	gateway_release(&gateway);
	return code;
}
