/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iam.c - as much of IAM as FunctionGraph's clients need: a token for a key pair, and which project a
 * key is for.
 *
 * A user is an access key, the password its secret key. A token is derived and not stored
 * (sign/token.h); it may what its key may, within the project it was asked for. Whoever asks for one
 * proves himself in the body, so that request alone is not signed (the SDKs sign it nevertheless, and
 * nobody looks).
 *
 * Projects are not made here: a key that is bound to an account has that one, any other key the
 * installation's own ("local"), under whatever name it is asked for.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "dialect/functiongraph/functiongraph.h"
#include "http/server.h"
#include "sign/token.h"

enum { BODY_MAX = 64 << 10, ANSWER_MAX = 64 << 10 };

#define TOKENS        "/v3/auth/tokens"
#define LOCAL_PROJECT "local"

/* ---- who may ask ---- */

static bool proves_itself(const struct http_request *r)
{
    return str_eq(r->method, S("POST")) && str_eq(r->path, S(TOKENS));
}

static void refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    (void)why;
    call_fail(c, 401, "Unauthorized", "The request you have made requires authentication: %s",
              e->msg);
}

static bool admit(struct call *c)
{
    struct auth_caller caller = {.scope = KEY_READ};
    enum auth_failure why = AUTH_OK;
    struct err e = {0};

    if (!proves_itself(c->req))
        why = auth_iam_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why == AUTH_OK)
        call_signed_by(c, &caller);
    else
        refuse(c, why, &e);
    return why == AUTH_OK;
}

static enum auth_failure verify(const struct keys *k, const struct http_request *r, struct err *e)
{
    return proves_itself(r) ? AUTH_OK : auth_iam_body(k, r, e);
}

static const char *error_body(struct http_request *r, const char *request_id, int status,
                              const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r, (void)request_id;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kint(&w, "code", status);
    jw_kstrz(&w, "message", message);
    jw_kstrz(&w, "title", code ? code : status == 404 ? "Not Found" : "Bad Request");
    jw_obj_end(&w);
    jw_obj_end(&w);
    return "application/json";
}

/* ---- answers ---- */

static void put_domain(struct jw *w, const char *key, struct str account)
{
    jw_key(w, key);
    jw_obj(w);
    jw_kstr(w, "id", account);
    jw_kstr(w, "name", account);
    jw_obj_end(w);
}

/* What is known of a token, as the answer to its making and to a question about it. */
struct grant {
    struct str access_key, name, method, project; /* project: "": any */
    struct str project_name;
    int64_t issued_ms;
};

static void put_token(struct call *c, int status, const struct grant *g)
{
    struct str domain = g->project.n ? g->project : S(LOCAL_PROJECT);
    char text[CLOCK_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "token");
    jw_obj(&w);
    jw_kstrz(&w, "expires_at", clock_iso_ms(g->issued_ms + TOKEN_LIFE_MS, text));
    jw_kstrz(&w, "issued_at", clock_iso_ms(g->issued_ms, text));
    jw_key(&w, "methods");
    jw_arr(&w);
    jw_str(&w, g->method);
    jw_arr_end(&w);
    jw_key(&w, "catalog");
    jw_raw(&w, S("[]"));
    jw_key(&w, "roles");
    jw_raw(&w, S("[]"));
    if (g->project.n) {
        jw_key(&w, "project");
        jw_obj(&w);
        jw_kstr(&w, "id", g->project);
        jw_kstr(&w, "name", g->project_name.n ? g->project_name : str_of(c->api->region));
        put_domain(&w, "domain", domain);
        jw_obj_end(&w);
    } else {
        put_domain(&w, "domain", domain);
    }
    jw_key(&w, "user");
    jw_obj(&w);
    jw_kstr(&w, "id", g->access_key);
    jw_kstr(&w, "name", g->name);
    jw_kstrz(&w, "password_expires_at", "");
    put_domain(&w, "domain", domain);
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    fg_reply_json(c, status, &body);
}

/* ---- POST /v3/auth/tokens ---- */

struct asked {
    struct str method, access_key, secret_key;
    struct str project, project_name; /* as they were said */
};

static const struct cJSON *member(const struct cJSON *of, const char *a, const char *b)
{
    const struct cJSON *v = of ? json_get(of, a) : NULL;

    return v && b ? json_get(v, b) : v;
}

static int read_pair(const struct cJSON *identity, struct asked *ret, struct err *e)
{
    const struct cJSON *user = member(json_get(identity, "password"), "user", NULL);
    const struct cJSON *access = member(identity, "hw_ak_sk", "access"),
                       *secret = member(identity, "hw_ak_sk", "secret");
    int r;

    if (str_eq(ret->method, S("password"))) {
        r = json_str(user, "name", false, &ret->access_key, e);
        if (r == 0 && !ret->access_key.p)
            r = json_str(user, "id", false, &ret->access_key, e);
        return r < 0 ? r : json_str(user, "password", false, &ret->secret_key, e);
    }
    if (!str_eq(ret->method, S("hw_ak_sk")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "auth.identity.methods has neither password nor hw_ak_sk");
    r = json_str(access, "key", false, &ret->access_key, e);
    return r < 0 ? r : json_str(secret, "key", false, &ret->secret_key, e);
}

static int read_asked(const struct cJSON *body, struct asked *ret, struct err *e)
{
    const struct cJSON *auth = member(body, "auth", NULL),
                       *identity = member(auth, "identity", NULL),
                       *methods = member(identity, "methods", NULL),
                       *project = member(auth, "scope", "project");
    const struct cJSON *first = cJSON_IsArray(methods) ? cJSON_GetArrayItem(methods, 0) : NULL;
    int r;

    if (!first || !cJSON_IsString(first))
        return err_set(e, ERR_CALLER, -EINVAL, "auth.identity.methods is missing");
    ret->method = str_of(first->valuestring);
    r = read_pair(identity, ret, e);
    if (r < 0)
        return r;
    if (!ret->access_key.n || !ret->secret_key.n)
        return err_set(e, ERR_CALLER, -EINVAL, "auth.identity.%.*s names no key pair",
                       STR_ARG(ret->method));
    r = json_str(project, "id", false, &ret->project, e);
    if (r < 0 || (r = json_str(project, "name", false, &ret->project_name, e)) < 0)
        return r;
    if ((ret->project.n && !fg_project_ok(ret->project)) ||
        (ret->project_name.n && !fg_project_ok(ret->project_name)))
        return err_set(e, ERR_CALLER, -EINVAL, "auth.scope.project is not a project");
    return 0;
}

static void fail_pair(struct call *c)
{
    call_fail(c, 401, "Unauthorized", "The username or password is wrong.");
}

static bool is_secret_of(const struct key *key, struct str secret)
{
    return same_secret(str_of(key->secret_key), secret) ||
           (key->old_secret[0] && clock_wall_ms() < key->ends_ms &&
            same_secret(str_of(key->old_secret), secret));
}

/* Whose token it is, for the audit trail. */
static void sign_for(struct call *c, const struct key *key)
{
    memcpy(c->by.access_key, key->access_key, sizeof(c->by.access_key));
    memcpy(c->by.name, key->name, sizeof(c->by.name));
}

static void grant(struct call *c, const struct asked *a, const struct key *key)
{
    struct grant g = {.access_key = str_of(key->access_key),
                      .name = str_of(key->name),
                      .method = a->method,
                      .project = a->project,
                      .project_name = a->project_name,
                      .issued_ms = clock_wall_ms() / 1000 * 1000};
    struct buf token;

    if (!g.project.n)
        g.project = str_of(key->account);
    if (!g.project.n && a->project_name.n)
        g.project = S(LOCAL_PROJECT);
    if (key->account[0] && !str_eq(g.project, str_of(key->account))) {
        call_fail(c, 403, "Forbidden", "key '%s' acts for project '%s' only", key->name,
                  key->account);
        return;
    }
    buf_init(&token, TOKEN_TEXT);
    if (token_issue(g.access_key, str_of(key->secret_key), g.project, g.issued_ms, &token) < 0 ||
        !buf_ok(&token)) {
        call_fail(c, 500, "Internal Server Error", "no token can be made for this key");
    } else {
        call_header(c, "X-Subject-Token", buf_str(&token));
        put_token(c, 201, &g);
    }
    buf_done(&token);
}

static void create_token(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct asked a = {0};
    struct err e = {0};
    struct key key;

    body = call_json(c, &e);
    if (!body || !cJSON_IsObject(body)) {
        call_fail(c, 400, "Bad Request", "the request body is not a JSON object%s%s",
                  e.msg[0] ? ": " : "", e.msg);
        return;
    }
    if (read_asked(body, &a, &e) < 0) {
        call_fail(c, 400, "Bad Request", "%s", e.msg);
        return;
    }
    if (keys_find(c->api->keys, a.access_key, &key) < 0) {
        fail_pair(c);
        return;
    }
    if (is_secret_of(&key, a.secret_key)) {
        keys_used(c->api->keys, &key, clock_wall_ms());
        sign_for(c, &key);
        grant(c, &a, &key);
    } else {
        fail_pair(c);
    }
    key_wipe(&key);
}

/* ---- GET /v3/auth/tokens: is this one good? ---- */

static void show_token(struct call *c)
{
    struct str text = http_header(c->req, S("x-subject-token"));
    struct auth_caller caller;
    struct err e = {0};
    struct token t;
    struct grant g;

    if (auth_token(c->api->keys, text.p ? text : S(""), clock_wall_ms(), &caller, &e) != AUTH_OK) {
        call_fail(c, 404, "Not Found", "The token is not found: %s", e.msg);
        return;
    }
    if (strcmp(caller.access_key, c->by.access_key) != 0 && !(c->by.scope & KEY_ADMIN)) {
        call_fail(c, 403, "Forbidden", "the token is another key's");
        return;
    }
    (void)token_read(text, &t);
    g = (struct grant){.access_key = str_of(t.access_key),
                       .name = str_of(caller.name),
                       .method = S("password"),
                       .project = str_of(t.account),
                       .issued_ms = t.issued_ms};
    call_header(c, "X-Subject-Token", text);
    put_token(c, 200, &g);
}

/* ---- projects and domains ---- */

static struct str own_project(const struct call *c)
{
    return c->by.account[0] ? str_of(c->by.account) : S(LOCAL_PROJECT);
}

static void put_links(struct jw *w)
{
    jw_key(w, "links");
    jw_obj(w);
    jw_kstrz(w, "self", "");
    jw_obj_end(w);
}

static void put_project(struct call *c, struct jw *w)
{
    struct str name = call_query(c, S("name")), project = own_project(c);

    jw_obj(w);
    jw_kbool(w, "is_domain", false);
    jw_kstrz(w, "description", "");
    put_links(w);
    jw_kbool(w, "enabled", true);
    jw_kstr(w, "id", project);
    jw_kstr(w, "parent_id", project);
    jw_kstr(w, "domain_id", project);
    jw_kstr(w, "name", name.n ? name : str_of(c->api->region));
    jw_obj_end(w);
}

static void put_own_domain(struct call *c, struct jw *w)
{
    jw_obj(w);
    jw_kbool(w, "enabled", true);
    jw_kstr(w, "id", own_project(c));
    jw_kstr(w, "name", own_project(c));
    put_links(w);
    jw_kstrz(w, "description", "");
    jw_obj_end(w);
}

static void reply_list(struct call *c, const char *key, void (*put)(struct call *c, struct jw *w))
{
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    put_links(&w);
    jw_key(&w, key);
    jw_arr(&w);
    if (put)
        put(c, &w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

static void list_projects(struct call *c)
{
    struct str name = call_query(c, S("name")), domain = call_query(c, S("domain_id"));
    bool none = (name.n && !fg_project_ok(name)) || (domain.n && !str_eq(domain, own_project(c)));

    reply_list(c, "projects", none ? NULL : put_project);
}

static void list_domains(struct call *c)
{
    reply_list(c, "domains", put_own_domain);
}

static const struct api_op ops[] = {
        {{"POST", TOKENS},
         "KeystoneCreateUserTokenByPassword",
         BODY_MAX,
         create_token,
         .scope = KEY_READ},
        {{"GET", TOKENS},
         "KeystoneValidateToken",
         BODY_MAX,
         show_token,
         .scope = KEY_READ,
         .each = true},
        {{"GET", "/v3/projects"},
         "KeystoneListProjects",
         BODY_MAX,
         list_projects,
         .scope = KEY_READ,
         .each = true,
         .partly = "one project, the key's own, under the name that is asked for"},
        {{"GET", "/v3/auth/projects"},
         "KeystoneListAuthProjects",
         BODY_MAX,
         list_projects,
         .scope = KEY_READ,
         .each = true},
        {{"GET", "/v3/auth/domains"},
         "KeystoneListAuthDomains",
         BODY_MAX,
         list_domains,
         .scope = KEY_READ,
         .each = true},
};

const struct api_set iam_api = {
        .name = "iam",
        .prefix = "/v3/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .wrong_method = 404,
        .admit = admit,
        .verify = verify,
        .refuse = refuse,
        .error = error_body,
        .headers = fg_headers,
};
