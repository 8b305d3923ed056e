/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - one request at a time to the daemon, signed with SDK-HMAC-SHA256.
 *
 * Signed are Host, X-Sdk-Date, method, path, query and body. Host is set by us and not left to
 * libcurl, so that what we sign is what we send.
 */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/exchange.h"
#include "cli/mismatch.h"
#include "cli/settings.h"
#include "cli/transfer.h"
#include "sign/sign.h"

enum { ANSWER_MAX = 256 << 20, CONNECT_TIMEOUT_MS = 5000, CALL_TIMEOUT_MS = 300000 };

struct client {
    struct exchange one; /* of client_call() */
    CURLM *multi;        /* its connections; NULL before the first request */
    struct settings settings;
    struct buf host; /* value of the Host header */
};

static int find_host(struct client *c, struct err *e)
{
    char *host = NULL, *port = NULL, *path = NULL;
    CURLU *url = curl_url();
    int r = 0;

    if (!url)
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the endpoint");
    if (curl_url_set(url, CURLUPART_URL, c->settings.endpoint, 0) ||
        curl_url_get(url, CURLUPART_HOST, &host, 0))
        r = err_set(e, ERR_CALLER, -EINVAL, "endpoint '%.128s' is not a URL", c->settings.endpoint);
    if (r == 0 && curl_url_get(url, CURLUPART_PATH, &path, 0) == 0 &&
        !str_eq(str_of(path), S("/")) && path[0])
        r = err_set(e, ERR_CALLER, -EINVAL, "endpoint '%.128s' must not have a path",
                    c->settings.endpoint);
    if (r == 0) {
        buf_addz(&c->host, host);
        if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) == 0)
            buf_addf(&c->host, ":%s", port);
    }
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(url);
    return r;
}

int client_new(const struct common *common, struct client **ret, struct err *e)
{
    cleanup_with(client_freep) struct client *c = xnew(struct client);
    int r;

    buf_init(&c->host, 512);
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return err_set(e, ERR_HOST, -ENOMEM, "libcurl cannot be set up");
    r = exchange_init(&c->one, e);
    if (r >= 0)
        r = settings_load(common, &c->settings, e);
    if (r < 0)
        return r;
    r = find_host(c, e);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(c);
    return 0;
}

struct str client_endpoint(const struct client *c)
{
    return str_of(c->settings.endpoint);
}

struct client *client_free(struct client *c)
{
    if (!c)
        return NULL;
    exchange_done(&c->one);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    settings_done(&c->settings);
    buf_done(&c->host);
    free(c);
    return NULL;
}

void client_freep(struct client **c)
{
    *c = client_free(*c);
}

static size_t on_bytes(char *p, size_t size, size_t n, void *user)
{
    struct buf *body = user;

    buf_add(body, p, size * n);
    return buf_ok(body) ? size * n : 0;
}

static struct curl_slist *add_line(struct curl_slist *list, const char *name, struct str value)
{
    cleanup_free char *line = xasprintf("%s: %.*s", name, STR_ARG(value));
    struct curl_slist *longer = curl_slist_append(list, line);

    return longer ? longer : list;
}

/* The headers of a signed request. */
static int sign(const struct client *c, const struct client_request *req, struct curl_slist **ret,
                struct err *e)
{
    cleanup_with(buf_done) struct buf authorization;
    struct sign_header headers[2];
    struct sign_request r = {.method = str_of(req->method),
                             .path = req->path,
                             .query = req->query,
                             .headers = headers,
                             .nheaders = 2,
                             .body = req->body};
    time_t now = time(NULL);
    char date[32];
    struct tm tm;
    int ret_code;

    buf_init(&authorization, 4096);
    if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) == 0)
        return err_set(e, ERR_HOST, -EOVERFLOW, "the clock is out of range");
    headers[0] = (struct sign_header){S("Host"), buf_str(&c->host)};
    headers[1] = (struct sign_header){S("X-Sdk-Date"), str_of(date)};
    ret_code = sign_sdk_authorize(&r, str_of(c->settings.access_key),
                                  str_of(c->settings.secret_key), &authorization, e);
    if (ret_code < 0)
        return ret_code;

    *ret = add_line(*ret, "Host", buf_str(&c->host));
    *ret = add_line(*ret, "X-Sdk-Date", str_of(date));
    *ret = add_line(*ret, "Authorization", buf_str(&authorization));
    *ret = add_line(*ret, "Content-Type",
                    str_of(req->content_type ? req->content_type : "application/json"));
    if (req->event_id)
        *ret = add_line(*ret, "X-Evoke-Event-Id", str_of(req->event_id));
    return 0;
}

/* What libcurl says when there was no answer. */
static int fail_transfer(const struct client *c, const struct exchange *x, CURLcode code,
                         struct err *e)
{
    const char *why = x->error[0] ? x->error : curl_easy_strerror(code);

    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(e, ERR_LIMIT, -ETIMEDOUT, "%s: %.128s", c->settings.endpoint, why);
    if (code == CURLE_WRITE_ERROR)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the answer is larger than %d MiB",
                       ANSWER_MAX >> 20);
    return err_set(e, ERR_HOST, -ECONNREFUSED, "no daemon at %.80s (%.100s)", c->settings.endpoint,
                   why);
}

static const struct {
    int status;
    enum err_kind kind;
    int code;
} statuses[] = {
        {400, ERR_CALLER, -EINVAL}, {401, ERR_CALLER, -EACCES},  {403, ERR_CALLER, -EACCES},
        {404, ERR_CALLER, -ENOENT}, {409, ERR_FUNCTION, -EBUSY}, {413, ERR_LIMIT, -EMSGSIZE},
        {429, ERR_LIMIT, -EAGAIN},  {502, ERR_FUNCTION, -EIO},   {504, ERR_LIMIT, -ETIMEDOUT},
};

/* The daemon's own words for a refusal. */
static int fail_status(int status, struct str body, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(body, NULL);
    const struct cJSON *error = tree ? json_get(tree, "error") : NULL;
    struct str message = STR_NONE, id = STR_NONE;
    size_t i = 0;

    (void)json_str(error, "message", false, &message, NULL);
    (void)json_str(error, "request_id", false, &id, NULL);
    while (i < ARRAY_LEN(statuses) && statuses[i].status != status)
        i++;
    if (message.n == 0)
        return err_set(e, ERR_HOST, -EPROTO, "the endpoint answered with status %d and no message",
                       status);
    return err_set(e, i < ARRAY_LEN(statuses) ? statuses[i].kind : ERR_HOST,
                   i < ARRAY_LEN(statuses) ? statuses[i].code : -EIO, "%.*s (request id %.*s)",
                   (int)(message.n < 190 ? message.n : 190), message.p, STR_ARG(id));
}

static int on_progress(void *user, curl_off_t expected, curl_off_t got, curl_off_t total,
                       curl_off_t sent)
{
    const struct client_request *req = user;

    (void)expected;
    (void)got;
    (void)total;
    req->on_sent(req->user, (uint64_t)sent, req->body.n);
    return 0;
}

/* Parts of a transfer that end with it. */
static void set_options(struct exchange *x, const struct client_request *req, const char *url)
{
    CURL *h = x->curl;

    curl_easy_reset(h);
    x->error[0] = 0;
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, x->body);
    if (req->body.n > 0 || str_eq(str_of(req->method), S("POST"))) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, req->body.p ? req->body.p : "");
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, req->method);
    if (req->on_sent) {
        curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(h, CURLOPT_XFERINFODATA, req);
    }
}

int exchange_init(struct exchange *x, struct err *e)
{
    *x = (struct exchange){.curl = curl_easy_init()};
    return x->curl ? 0 : err_set(e, ERR_HOST, -ENOMEM, "libcurl cannot be set up");
}

static void forget_headers(struct exchange *x)
{
    if (x->curl)
        curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(x->headers);
    x->headers = NULL;
}

void exchange_done(struct exchange *x)
{
    forget_headers(x);
    if (x->curl)
        curl_easy_cleanup(x->curl);
    x->curl = NULL;
}

int exchange_prepare(const struct client *c, struct exchange *x, const struct client_request *req,
                     struct buf *body, struct err *e)
{
    cleanup_free char *url = NULL;
    struct str base = str_of(c->settings.endpoint);
    int r;

    buf_init(body, ANSWER_MAX);
    x->body = body;
    x->ours = str_starts(req->path, S("/evoke/"));
    forget_headers(x);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    url = xasprintf("%.*s%.*s%s%.*s", STR_ARG(base), STR_ARG(req->path), req->query.n ? "?" : "",
                    STR_ARG(req->query));
    r = sign(c, req, &x->headers, e);
    if (r >= 0)
        set_options(x, req, url);
    return r;
}

static int fail_answer(struct exchange *x, int status, struct err *e)
{
    int r = fail_status(status, buf_str(x->body), e);

    if (status == 401)
        mismatch_clock(exchange_header(x, "Date"), clock_wall_ms(), e);
    if (status == 405 || (status == 404 && e && str_starts(str_of(e->msg), S("there is no API"))))
        mismatch_unknown(exchange_header(x, "X-Evoke-Version"), e);
    return e && e->code ? e->code : r;
}

int exchange_result(const struct client *c, struct exchange *x, CURLcode code, struct err *e)
{
    long status = 0;

    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    forget_headers(x);
    if (code != CURLE_OK)
        return fail_transfer(c, x, code, e);
    mismatch_warn(exchange_header(x, "X-Evoke-Version"));
    if (status >= 200 && status <= 299 && x->ours && !exchange_header(x, "X-Evoke-Version").n)
        return err_set(e, ERR_HOST, -EPROTO, "what answers at %.200s is no evoke daemon",
                       c->settings.endpoint);
    if (status < 200 || status > 299)
        return fail_answer(x, (int)status, e);
    return (int)status;
}

struct str exchange_header(struct exchange *x, const char *name)
{
    struct curl_header *h = NULL;

    if (curl_easy_header(x->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return STR_NONE;
    return str_of(h->value);
}

/* Always by the multi interface: so all requests of a client share its connection. */
static int perform(struct client *c, const struct client_request *req, CURLcode *ret, struct err *e)
{
    uint64_t called_off_until = !req->watched ? 0 : req->whole ? req->body.n : UINT64_MAX;
    int r;

    if (!c->multi)
        c->multi = curl_multi_init();
    r = c->multi ? transfer_watched(c->multi, c->one.curl, called_off_until, ret) : -ENOMEM;
    return r < 0 ? err_set(e, ERR_HOST, r, "the request was called off: %s", strerror(-r)) : 0;
}

int client_call(struct client *c, const struct client_request *req, struct buf *body, struct err *e)
{
    CURLcode code = CURLE_OK;
    int r = exchange_prepare(c, &c->one, req, body, e);

    if (r >= 0)
        r = perform(c, req, &code, e);
    return r < 0 ? r : exchange_result(c, &c->one, code, e);
}

int client_json(const struct buf *body, struct cJSON **ret, struct err *e)
{
    struct err why = {0};

    *ret = json_parse(buf_str(body), &why);
    return *ret ? 0 : err_set(e, ERR_HOST, -EPROTO, "the daemon's answer is not JSON: %s", why.msg);
}

int client_get(struct client *c, struct str path, struct str query, struct cJSON **ret,
               struct err *e)
{
    struct client_request req = {
            .method = "GET", .path = path, .query = query, .timeout_ms = CALL_TIMEOUT_MS};
    cleanup_with(buf_done) struct buf body;
    int r = client_call(c, &req, &body, e);

    return r < 0 ? r : client_json(&body, ret, e);
}

struct str client_header(struct client *c, const char *name)
{
    return exchange_header(&c->one, name);
}
