/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.c - buckets of S3-compatible servers: which, and how an object comes from there.
 *
 * A GET is signed by our own SigV4 (sign/storage.h) rather than libcurl's, which in Debian 12 does not
 * escape a path as S3 wants it. It runs on a worker thread, straight into a file; the object may be
 * gone on with only when all of it is there.
 */
#include "object/remote.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "base/yaml.h"
#include "sign/storage.h"

enum { CONNECT_S = 10, SLOW_S = 30, SLOW_BYTES = 1024, TOTAL_S = 600, URL_MAX = 8192 };

struct remote {
    char *name, *endpoint, *region, *access_key, *secret_key;
    char **buckets;
    uint32_t nbuckets;
    bool path_style;
};

struct remotes {
    struct remote *list;
    uint32_t n;
};

/* ---- the file ---- */

struct remotes *remotes_free(struct remotes *o)
{
    if (!o)
        return NULL;
    for (uint32_t i = 0; i < o->n; i++) {
        struct remote *r = &o->list[i];

        for (uint32_t k = 0; k < r->nbuckets; k++)
            free(r->buckets[k]);
        if (r->secret_key)
            explicit_bzero(r->secret_key, strlen(r->secret_key));
        free(r->buckets);
        free(r->name);
        free(r->endpoint);
        free(r->region);
        free(r->access_key);
        free(r->secret_key);
    }
    free(o->list);
    free(o);
    return NULL;
}

static void remotes_freep(struct remotes **o)
{
    remotes_free(*o);
}

static int read_text(const cJSON *map, const char *key, const char *preset, char **ret,
                     struct err *e)
{
    struct str text = str_of(preset);

    if (json_str(map, key, false, &text, e) < 0)
        return -EINVAL;
    if (!text.n || str_has(text, '\n') || str_has(text, '\r'))
        return err_set(e, ERR_CALLER, -EINVAL, "%s is missing or empty", key);
    *ret = str_dup(text);
    return 0;
}

static int read_buckets(const cJSON *list, struct remote *r, struct err *e)
{
    const cJSON *it;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "buckets is not a list of names");
    r->buckets = xcalloc((size_t)cJSON_GetArraySize(list), sizeof(char *));
    cJSON_ArrayForEach(it, list)
    {
        if (!cJSON_IsString(it) || !it->valuestring[0])
            return err_set(e, ERR_CALLER, -EINVAL, "buckets is not a list of names");
        r->buckets[r->nbuckets++] = xstrdup(it->valuestring);
    }
    return 0;
}

static int read_remote(const cJSON *map, struct remote *r, struct err *e)
{
    static const char *const known[] = {"name",       "endpoint", "region",    "access-key",
                                        "secret-key", "buckets",  "path-style"};
    const cJSON *stranger;

    if (!cJSON_IsObject(map))
        return err_set(e, ERR_CALLER, -EINVAL, "it is not a map");
    stranger = json_stranger(map, known, ARRAY_LEN(known));
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "there is no key '%.64s'", stranger->string);
    r->path_style = true;
    if (read_text(map, "name", NULL, &r->name, e) < 0 ||
        read_text(map, "endpoint", NULL, &r->endpoint, e) < 0 ||
        read_text(map, "region", "us-east-1", &r->region, e) < 0 ||
        read_text(map, "access-key", NULL, &r->access_key, e) < 0 ||
        read_text(map, "secret-key", NULL, &r->secret_key, e) < 0 ||
        json_bool(map, "path-style", false, &r->path_style, e) < 0)
        return -EINVAL;
    if (!str_starts(str_of(r->endpoint), S("http://")) &&
        !str_starts(str_of(r->endpoint), S("https://")))
        return err_set(e, ERR_CALLER, -EINVAL, "endpoint does not begin with http:// or https://");
    while (str_ends(str_of(r->endpoint), S("/")))
        r->endpoint[strlen(r->endpoint) - 1] = '\0';
    return read_buckets(json_get(map, "buckets"), r, e);
}

int remotes_new(const char *path, struct remotes **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(remotes_freep) struct remotes *o = xnew(struct remotes);
    cleanup_with(buf_done) struct buf text;
    const cJSON *it;
    int r;

    buf_init(&text, 1 << 20);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0)
        return err_wrap(e, r, "object-stores");
    tree = yaml_parse(buf_str(&text), e);
    explicit_bzero(text.p, text.n);
    if (!tree)
        return err_wrap(e, -EINVAL, "object-stores: '%s'", path);
    if (!cJSON_IsArray(tree))
        return err_set(e, ERR_CALLER, -EINVAL, "object-stores: '%s' is not a list", path);
    o->list = xcalloc((size_t)cJSON_GetArraySize(tree) + 1, sizeof(*o->list));
    cJSON_ArrayForEach(it, tree)
    {
        r = read_remote(it, &o->list[o->n++], e);
        if (r < 0)
            return err_wrap(e, r, "object-stores: '%s': number %u", path, o->n);
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    *ret = TAKE_PTR(o);
    return 0;
}

static bool covers(const char *pattern, struct str bucket)
{
    struct str p = str_of(pattern);

    if (str_ends(p, S("*")))
        return str_starts(bucket, (struct str){p.p, p.n - 1});
    return str_eq(p, bucket);
}

const struct remote *remote_of(const struct remotes *o, struct str bucket)
{
    for (uint32_t i = 0; o && i < o->n; i++)
        for (uint32_t k = 0; k < o->list[i].nbuckets; k++)
            if (covers(o->list[i].buckets[k], bucket))
                return &o->list[i];
    return NULL;
}

/* ---- one GET ---- */

struct getting {
    CURL *curl;
    int fd;
    uint64_t max, n;
    bool closed;
    int r;           /* of the file, or -EMSGSIZE */
    struct buf body; /* of an answer that is not 200: XML that says why */
};

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct getting *g = user;
    long status = 0;

    (void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        if (g->body.n + size * n <= g->body.max)
            buf_add(&g->body, bytes, size * n);
        return size * n;
    }
    g->n += size * n;
    if (g->n > g->max)
        g->r = -EMSGSIZE;
    else
        g->r = io_write_all(g->fd, bytes, size * n);
    return g->r < 0 ? 0 : size * n;
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct getting *g = user;

    (void)purpose;
    g->closed = address_is_closed(&a->addr);
    return g->closed ? CURL_SOCKET_BAD : socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* "https://host/bucket/key" and "host" out of it. */
static int make_url(const struct remote *r, struct str bucket, struct str key, struct buf *url,
                    struct buf *host, struct buf *path)
{
    struct str rest = str_of(r->endpoint), scheme = str_cut(&rest, ':');

    rest = str_from(rest, 2);
    if (!r->path_style)
        buf_addf(host, "%.*s.", STR_ARG(bucket));
    buf_adds(host, str_cut(&rest, '/'));
    if (rest.n > 0) {
        buf_addc(path, '/');
        buf_adds(path, rest);
    }
    if (r->path_style) {
        buf_addc(path, '/');
        uri_encode(bucket, "", path);
    }
    buf_addc(path, '/');
    uri_encode(key, "/", path);
    buf_addf(url, "%.*s://%s%s", STR_ARG(scheme), host->p, path->p);
    return buf_ok(url) && buf_ok(host) && buf_ok(path) ? 0 : -ENAMETOOLONG;
}

static struct curl_slist *sign(const struct remote *r, struct str host, struct str path)
{
    struct str nothing = S("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char text[CLOCK_TEXT], date[20];
    cleanup_with(buf_done) struct buf line;
    struct curl_slist *list = NULL, *more;
    struct sign_header h[3] = {{S("host"), host}, {S("x-amz-content-sha256"), nothing}};
    struct sign_request what = {
            .method = S("GET"), .path = path, .headers = h, .nheaders = ARRAY_LEN(h)};

    (void)clock_iso(clock_wall_ms(), text); /* 2026-11-22T20:47:58Z */
    (void)snprintf(date, sizeof(date), "%.4s%.2s%.2sT%.2s%.2s%.2sZ", text, text + 5, text + 8,
                   text + 11, text + 14, text + 17);
    h[2] = (struct sign_header){S("x-amz-date"), str_of(date)};
    buf_init(&line, URL_MAX);
    buf_addz(&line, "Authorization: ");
    if (sign_aws4_authorize(&what, str_of(r->region), str_of(r->access_key), str_of(r->secret_key),
                            &line, NULL) < 0)
        return NULL;
    list = curl_slist_append(NULL, line.p);
    buf_reset(&line);
    buf_addf(&line, "x-amz-date: %s", date);
    more = list ? curl_slist_append(list, line.p) : NULL;
    buf_reset(&line);
    buf_addf(&line, "x-amz-content-sha256: %.*s", STR_ARG(nothing));
    more = more ? curl_slist_append(more, line.p) : NULL;
    if (!more)
        curl_slist_free_all(list);
    return more;
}

static void set_up(struct getting *g, const char *url, struct curl_slist *headers, char *error)
{
    const char *authorities = getenv("SSL_CERT_FILE");
    CURL *c = g->curl;

    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_PROXY, ""); /* and none of the environment's */
    (void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)TOTAL_S);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, g);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, g);
    if (authorities && authorities[0])
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
}

static int refused(const struct getting *g, const struct remote *r, struct err *e)
{
    long status = 0;

    (void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 404 && str_find(buf_str(&g->body), S("NoSuchBucket")) >= 0)
        return err_set(e, ERR_CALLER, -ENXIO, "object store '%s' has no such bucket", r->name);
    if (status == 404)
        return err_set(e, ERR_CALLER, -ENOENT, "object store '%s' has no such object", r->name);
    if (status == 401 || status == 403)
        return err_set(e, ERR_CALLER, -EACCES, "object store '%s' refuses its key: %ld", r->name,
                       status);
    return err_set(e, ERR_HOST, -EIO, "object store '%s' answers %ld", r->name, status);
}

static int end_of(const struct getting *g, const struct remote *r, CURLcode c, const char *error,
                  struct err *e)
{
    long status = 0;

    if (g->r == -EMSGSIZE)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the object is larger than %llu bytes",
                       (unsigned long long)g->max);
    if (g->r < 0)
        return err_set(e, ERR_HOST, g->r, "keep the object: %s", strerror(-g->r));
    (void)curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
    if (c == CURLE_OK)
        return status == 200 ? 0 : refused(g, r, e);
    if (g->closed)
        return err_set(e, ERR_CALLER, -EACCES,
                       "object store '%s' is at a link-local or metadata address", r->name);
    return err_set(e, ERR_HOST,
                   c == CURLE_OPERATION_TIMEDOUT                                   ? -ETIMEDOUT
                   : c == CURLE_COULDNT_CONNECT || c == CURLE_COULDNT_RESOLVE_HOST ? -ECONNREFUSED
                                                                                   : -EIO,
                   "object store '%s': %.150s", r->name, error[0] ? error : curl_easy_strerror(c));
}

int remote_get(const struct remote *r, struct str bucket, struct str key, uint64_t max, int fd,
               struct err *e)
{
    struct getting g = {.fd = fd, .max = max};
    cleanup_with(buf_done) struct buf url;
    cleanup_with(buf_done) struct buf host;
    cleanup_with(buf_done) struct buf path;
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers;
    int res;

    buf_init(&url, URL_MAX);
    buf_init(&host, URL_MAX);
    buf_init(&path, URL_MAX);
    buf_init(&g.body, 64 << 10);
    if (make_url(r, bucket, key, &url, &host, &path) < 0)
        return err_set(e, ERR_CALLER, -ENOENT, "the object's name is too long");
    headers = sign(r, buf_str(&host), buf_str(&path));
    g.curl = curl_easy_init();
    if (!headers || !g.curl) {
        res = err_set(e, ERR_HOST, -ENOMEM, "no memory for a request");
    } else {
        set_up(&g, url.p, headers, error);
        res = end_of(&g, r, curl_easy_perform(g.curl), error, e);
    }
    if (g.curl)
        curl_easy_cleanup(g.curl);
    curl_slist_free_all(headers);
    buf_done(&g.body);
    return res;
}
