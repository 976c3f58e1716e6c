/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http.h"

#include <curl/curl.h>

enum {
	CONNECT_TIMEOUT_MS = 2000,
	TOTAL_TIMEOUT_MS = 5000,
	BODY_MAX_BYTES = 256 * 1024,
	HEADERS_MAX_BYTES = 64 * 1024
};

bool http_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* A session is a handle: libcurl keeps the connections in it. */
struct http_session *http_session_new(void)
{
	return (struct http_session *)curl_easy_init();
}

void http_session_free(struct http_session *session)
{
	curl_easy_cleanup((CURL *)session);
}

/* Nothing of the request before may show in the next. */
static CURL *handle_get(struct http_session *session)
{
	if (!session)
		return curl_easy_init();
	curl_easy_reset((CURL *)session);
	return (CURL *)session;
}

static void handle_put(struct http_session *session, CURL *curl)
{
	if (!session)
		curl_easy_cleanup(curl);
}

void http_response_init(struct http_response *response)
{
	response->status = 0;
	buf_init(&response->body, BODY_MAX_BYTES);
	buf_init(&response->headers, HEADERS_MAX_BYTES);
}

void http_response_release(struct http_response *response)
{
	buf_release(&response->body);
	buf_release(&response->headers);
}

struct slice http_response_header(const struct http_response *response, const char *name)
{
	struct slice rest = buf_slice(&response->headers), line, key, value;
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ':', &key, &value) && slice_eq(key, slice_of_cstr(name)))
			return slice_trim(value);
	}
	return (struct slice){ 0 };
}

/* Returning less than was offered makes libcurl end the transfer with CURLE_WRITE_ERROR. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *body = arg;
	buf_append(body, bytes, size * count);
	return buf_failed(body) ? 0 : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct buf *headers = arg;
	struct slice line = slice_trim(slice_of(bytes, size * count)), name, value;
	/* A new status line: what came before was a 1xx answer. */
	if (slice_starts_with(line, SLICE("HTTP/")))
		buf_reset(headers);
	if (!slice_cut(line, ':', &name, &value))
		return size * count;
	for (size_t i = 0; i < name.len; i++)
		buf_append_byte(headers, ascii_lower(name.ptr[i]));
	buf_append_cstr(headers, ": ");
	buf_append_slice(headers, slice_trim(value));
	buf_append_byte(headers, '\n');
	return buf_failed(headers) ? 0 : size * count;
}

/* An option that cannot be set (no memory, a libcurl without it) must not be missing silently. */
struct setup {
	CURL *curl;
	CURLcode code; /* of the first that failed */
};
#define SET(setup, option, value)                                                                  \
	((setup)->code =                                                                           \
	        (setup)->code ? (setup)->code : curl_easy_setopt((setup)->curl, option, value))

static void set_limits(struct setup *s, const struct http_request *request)
{
	unsigned connect_ms =
	    request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	unsigned total_ms =
	    request->total_timeout_ms ? request->total_timeout_ms : TOTAL_TIMEOUT_MS;
	SET(s, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	SET(s, CURLOPT_TIMEOUT_MS, (long)total_ms);
	SET(s, CURLOPT_NOSIGNAL, 1L);
	SET(s, CURLOPT_FOLLOWLOCATION, 0L);
}

static void set_connection(struct setup *s, const struct http_request *request)
{
	SET(s, CURLOPT_URL, request->url);
	SET(s, CURLOPT_PATH_AS_IS, 1L); // "%2e%2e" and the like are the caller's, whatever the
	                                // version of libcurl makes of them
	SET(s, CURLOPT_PROTOCOLS_STR, request->https_only ? "https" : "http,https");
	SET(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (request->http1_only)
		SET(s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (!request->use_env_proxy)
		SET(s, CURLOPT_PROXY, "");
	if (request->ca_file) {
		SET(s, CURLOPT_CAINFO, request->ca_file);
		SET(s, CURLOPT_CAPATH, (char *)NULL);
	}
	if (request->unix_socket)
		SET(s, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
}

static void set_body(struct setup *s, const struct http_request *request)
{
	const char *method = request->method ? request->method : "GET";
	SET(s, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "HEAD") == 0)
		SET(s, CURLOPT_NOBODY, 1L);
	if (request->body.len == 0 && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
		return;
	SET(s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
	SET(s, CURLOPT_POSTFIELDS, request->body.len ? request->body.ptr : "");
}

static void set_sinks(struct setup *s, struct http_response *response, char *detail)
{
	SET(s, CURLOPT_ERRORBUFFER, detail);
	SET(s, CURLOPT_WRITEFUNCTION, on_body);
	SET(s, CURLOPT_WRITEDATA, &response->body);
	SET(s, CURLOPT_HEADERFUNCTION, on_header);
	SET(s, CURLOPT_HEADERDATA, &response->headers);
}

static struct curl_slist *header_list(const struct http_request *request, bool *ok)
{
	struct curl_slist *list = NULL;
	*ok = true;
	/* No "Expect: 100-continue": it only costs a round trip here. */
	static const char *const fixed[] = { "Expect:", NULL };
	const char *const *sources[] = { fixed, request->headers };
	for (size_t k = 0; k < 2; k++)
		for (const char *const *line = sources[k]; line && *line; line++) {
			struct curl_slist *next = curl_slist_append(list, *line);
			*ok = *ok && next;
			list = next ? next : list;
		}
	return list;
}

static bool explain(const struct http_request *request, const struct http_response *response,
    CURLcode code, const char *detail, struct err *err)
{
	if (buf_failed(&response->body))
		return err_set(err, "'%s': the answer is longer than %zu bytes", request->url,
		    response->body.limit_bytes);
	if (buf_failed(&response->headers))
		return err_set(err, "'%s': the answer's headers are too long", request->url);
	return err_set(
	    err, "'%s': %s", request->url, detail[0] ? detail : curl_easy_strerror(code));
}

bool http_perform(
    const struct http_request *request, struct http_response *response, struct err *err)
{
	char detail[CURL_ERROR_SIZE] = "";
	bool have_headers;
	buf_reset(&response->body);
	buf_reset(&response->headers);
	response->status = 0;
	response->body.limit_bytes =
	    request->max_body_bytes ? request->max_body_bytes : BODY_MAX_BYTES;

	CURL *curl = handle_get(request->session);
	struct curl_slist *headers = header_list(request, &have_headers);
	if (!curl || !have_headers) {
		handle_put(request->session, curl);
		curl_slist_free_all(headers);
		return err_set(err, "'%s': no memory", request->url);
	}
	struct setup setup = { curl, CURLE_OK };
	set_limits(&setup, request);
	set_connection(&setup, request);
	set_body(&setup, request);
	set_sinks(&setup, response, detail);
	SET(&setup, CURLOPT_HTTPHEADER, headers);
	CURLcode code = setup.code ? setup.code : curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response->status);
	/* The buffer and the lists end with this call; the handle may live on. */
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	handle_put(request->session, curl);
	curl_slist_free_all(headers);
	return code == CURLE_OK || explain(request, response, code, detail, err);
}
