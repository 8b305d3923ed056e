/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/plane/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/plane/objects.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct catalog *c;
    char *dir, *code;
    struct err e;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->code = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    t_ok(blobs_open(f->dir, &f->blobs, &f->e), &f->e);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    catalog_free(f->c);
    blobs_free(f->blobs);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->code);
    free(f);
    return 0;
}

static void set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

struct outcome {
    bool done;
    int r;
    char version[64], release[128], why[256];
};

static void on_written(void *user, int r, const struct resource *res)
{
    (void)res;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void on_published(void *user, int r, const struct resource *version,
                         const struct resource *release, const struct err *e)
{
    struct outcome *o = user;

    *o = (struct outcome){.done = true, .r = r};
    (void)snprintf(o->version, sizeof(o->version), "%s", version ? version->id : "");
    (void)snprintf(o->release, sizeof(o->release), "%s", release ? release->id : "");
    (void)snprintf(o->why, sizeof(o->why), "%s", e->msg);
}

static void on_removed(void *user, int r)
{
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static int wait_for(struct fix *f, struct outcome *o)
{
    loop_run_until(f->loop, &o->done);
    return o->r;
}

static void make(struct fix *f, const char *kind, const char *id, const char *parent,
                 const char *name, const char *body)
{
    struct resource *r = resource_new(str_of(kind), str_of(id));
    struct outcome o = {0};

    set(&r->account, "acc");
    set(&r->region, "reg");
    set(&r->parent, parent);
    set(&r->name, name);
    set(&r->body, body);
    catalog_create_resource(f->c, r, on_written, &o);
    assert_int_equal(wait_for(f, &o), 0);
}

#define API(uri, method, more)                                                                     \
    "{\"group_id\":\"g\",\"name\":\"api\",\"type\":1,\"req_protocol\":\"HTTPS\",\"req_method\":"   \
    "\"" method "\",\"req_uri\":\"" uri "\",\"auth_type\":\"NONE\",\"backend_type\":\"MOCK\","     \
    "\"mock_info\":{\"result_content\":\"1\"}" more "}"

static void edit(struct fix *f, const char *id, const char *body)
{
    struct resource *r = resource_copy(catalog_resource(f->c, S("api"), str_of(id)));
    struct outcome o = {0};

    set(&r->body, body);
    catalog_update_resource(f->c, r, on_written, &o);
    assert_int_equal(wait_for(f, &o), 0);
}

static int publish(struct fix *f, const char *api, const char *env, struct outcome *o)
{
    *o = (struct outcome){0};
    gw_publish(f->c, str_of(api), str_of(env), S("a remark"), on_published, o);
    return wait_for(f, o);
}

static int switch_to(struct fix *f, const char *version, struct outcome *o)
{
    *o = (struct outcome){0};
    gw_switch(f->c, str_of(version), on_published, o);
    return wait_for(f, o);
}

static int offline(struct fix *f, const char *api, const char *env, struct outcome *o)
{
    *o = (struct outcome){0};
    gw_offline(f->c, str_of(api), str_of(env), on_published, o);
    return wait_for(f, o);
}

static int drop(struct fix *f, const char *kind, const char *id)
{
    struct outcome o = {0};

    gw_remove(f->c, str_of(kind), str_of(id), on_removed, &o);
    assert_false(o.done);
    return wait_for(f, &o);
}

static const char *called(struct fix *f, const char *api, const char *env)
{
    const struct resource *release = gw_release_of(f->c, str_of(api), str_of(env));
    const struct resource *version = release ? gw_version_of(f->c, release) : NULL;

    return version ? version->body : "";
}

static size_t count(struct fix *f, const char *kind)
{
    return catalog_count_resources(f->c,
                                   &(struct resource_filter){.kind = str_of(kind), .dialect = -1});
}

static void what_is_called_is_what_was_published_and_not_what_is_edited(void **state)
{
    struct fix *f = *state;
    struct outcome one, two, back;
    const struct resource *release;
    char *publish_id;

    make(f, "group", "g", "", "shop", "{}");
    make(f, "api", "a", "g", "api", API("/one", "GET", ""));
    assert_string_equal(called(f, "a", ""), "");
    assert_int_equal(publish(f, "a", "", &one), 0);
    assert_string_equal(one.release, "a." GW_RELEASE_ENV);
    assert_non_null(strstr(called(f, "a", ""), "/one"));
    assert_non_null(strstr(called(f, "a", GW_RELEASE_ENV), "\"remark\":\"a remark\""));
    publish_id = xstrdup(strstr(gw_release_of(f->c, S("a"), STR_NONE)->body, "publish_id"));

    edit(f, "a", API("/two", "GET", ""));
    assert_non_null(strstr(called(f, "a", ""), "/one"));
    assert_int_equal(publish(f, "a", "", &two), 0);
    assert_string_not_equal(one.version, two.version);
    assert_non_null(strstr(called(f, "a", ""), "/two"));

    assert_int_equal(switch_to(f, one.version, &back), 0);
    assert_string_equal(back.version, one.version);
    assert_non_null(strstr(called(f, "a", ""), "/one"));
    release = gw_release_of(f->c, S("a"), STR_NONE);
    assert_non_null(strstr(release->body, publish_id)); /* it was online all the time */
    assert_string_equal(release->parent, "a");
    assert_string_equal(release->account, "acc");

    assert_int_equal(offline(f, "a", "", &back), 0);
    assert_string_equal(back.version, one.version);
    assert_string_equal(back.release, "");
    assert_string_equal(called(f, "a", ""), "");
    assert_int_equal(offline(f, "a", "", &back), -ENOENT);
    assert_int_equal(switch_to(f, two.version, &back), 0); /* the history stays */
    assert_non_null(strstr(called(f, "a", ""), "/two"));
    assert_null(strstr(gw_release_of(f->c, S("a"), STR_NONE)->body, publish_id));
    free(publish_id);
}

static void what_is_not_there_cannot_be_published(void **state)
{
    struct fix *f = *state;
    struct outcome o;

    assert_int_equal(publish(f, "a", "", &o), -ENOENT);
    make(f, "api", "a", "g", "api", API("/one", "GET", ""));
    assert_int_equal(publish(f, "a", "e", &o), -ENOENT);
    assert_non_null(strstr(o.why, "environment 'e'"));
    assert_int_equal(switch_to(f, "v", &o), -ENOENT);
    assert_int_equal(offline(f, "a", "", &o), -ENOENT);
    edit(f, "a", API("one", "GET", "")); /* as if edited by a version with other rules */
    assert_int_equal(publish(f, "a", "", &o), -EINVAL);
    assert_non_null(strstr(o.why, "req_uri"));
    assert_int_equal(count(f, "version"), 0);
}

struct walk {
    size_t n;
    int64_t last;
};

static bool in_order(void *user, const struct resource *version)
{
    struct walk *w = user;

    assert_true(w->n == 0 || version->created_ms < w->last);
    w->last = version->created_ms;
    w->n++;
    return true;
}

static void history_has_ten_versions_for_each_environment(void **state)
{
    struct fix *f = *state;
    char first[64], second[64];
    struct outcome o;
    struct walk w = {0};

    make(f, "env", "e", "", "test", "{}");
    make(f, "api", "a", "g", "api", API("/one", "GET", ""));
    for (int i = 0; i < GW_HISTORY; i++) {
        assert_int_equal(publish(f, "a", "", &o), 0);
        (void)snprintf(i == 0 ? first : second, sizeof(first), "%s", o.version);
        assert_int_equal(publish(f, "a", "e", &o), 0);
    }
    gw_each_version(f->c, S("a"), STR_NONE, in_order, &w);
    assert_int_equal(w.n, 2 * GW_HISTORY);
    assert_non_null(catalog_resource(f->c, S("version"), str_of(first)));
    assert_int_equal(publish(f, "a", "", &o), 0); /* one more: the oldest goes */
    assert_null(catalog_resource(f->c, S("version"), str_of(first)));
    w = (struct walk){0};
    gw_each_version(f->c, S("a"), S("e"), in_order, &w);
    assert_int_equal(w.n, GW_HISTORY);
    assert_int_equal(count(f, "version"), 2 * GW_HISTORY);
}

static void of_two_apis_with_one_method_and_path_the_second_stays_offline(void **state)
{
    static const struct {
        const char *body;
        int r;
    } cases[] = {
            {API("/a/{q}", "GET", ""), -EEXIST},
            {API("/a/{q}", "POST", ""), 0},
            {API("/a/{q+}", "GET", ""), 0},
            {API("/a/b", "GET", ""), 0},
            {API("/a", "GET", ""), 0},
            {API("/a/{q}/c", "GET", ""), 0},
            {API("/a/{q}", "GET", ",\"match_mode\":\"SWA\""), 0},
            {API("/a/{q}", "GET", ",\"match_mode\":\"NORMAL\""), -EEXIST},
    };
    struct fix *f = *state;
    struct outcome o, away;

    make(f, "env", "e", "", "test", "{}");
    make(f, "api", "a", "g", "first", API("/a/{p}", "GET", ""));
    make(f, "api", "b", "g", "second", API("/x", "GET", ""));
    assert_int_equal(publish(f, "a", "", &o), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        edit(f, "b", cases[i].body);
        assert_int_equal(publish(f, "b", "", &o), cases[i].r);
        if (cases[i].r < 0)
            assert_non_null(strstr(o.why, "'first'"));
        assert_int_equal(publish(f, "b", "e", &o), 0); /* there, it is alone */
    }
    /* and what was fine when it was published is looked at again when it comes back */
    assert_int_equal(offline(f, "a", "", &away), 0);
    assert_int_equal(publish(f, "b", "", &o), 0);
    assert_int_equal(switch_to(f, away.version, &o), -EEXIST);
}

static void two_who_publish_at_once_both_succeed(void **state)
{
    struct fix *f = *state;
    struct outcome o[3] = {0};

    make(f, "api", "a", "g", "api", API("/one", "GET", ""));
    for (size_t i = 0; i < ARRAY_LEN(o); i++)
        gw_publish(f->c, S("a"), STR_NONE, STR_NONE, on_published, &o[i]);
    for (size_t i = 0; i < ARRAY_LEN(o); i++)
        assert_int_equal(wait_for(f, &o[i]), 0);
    assert_int_equal(count(f, "version"), 3);
    assert_int_equal(count(f, "release"), 1);
}

static void who_needs_an_object_is_told(void **state)
{
    struct fix *f = *state;
    struct outcome o;
    struct buf out;

    buf_init(&out, 4096);
    make(f, "env", "e", "", "test", "{}");
    make(f, "authorizer", "auth", "", "who", "{}");
    make(f, "group", "g", "", "shop", "{}");
#define USERS(kind, id)                                                                            \
    (buf_reset(&out), gw_users_of(f->c, catalog_resource(f->c, S(kind), S(id)), &out))
    assert_int_equal(USERS("group", "g"), 0);
    make(f, "api", "a", "g", "hello", API("/one", "GET", ",\"authorizer_id\":\"auth\""));
    assert_int_equal(USERS("group", "g"), 1);
    assert_string_equal(out.p, "api 'hello'");
    assert_int_equal(USERS("authorizer", "auth"), 1);
    assert_int_equal(USERS("api", "a"), 0);
    assert_int_equal(publish(f, "a", "e", &o), 0);
    assert_int_equal(USERS("api", "a"), 1);
    assert_string_equal(out.p, "api 'hello' as it is published in test");
    assert_int_equal(USERS("env", "e"), 1);
    assert_int_equal(USERS("authorizer", "auth"), 2);
    edit(f, "a", API("/one", "GET", ""));
    assert_int_equal(USERS("authorizer", "auth"), 1); /* what is called needs it still */
    assert_string_equal(out.p, "api 'hello' as it is published");
    assert_int_equal(publish(f, "a", "e", &o), 0);
    assert_int_equal(USERS("authorizer", "auth"), 0); /* the old version is but history */
    for (char id[2] = "b"; id[0] <= 'f'; id[0]++)
        make(f, "api", id, "g", id, API("/one", "GET", ""));
    assert_int_equal(USERS("group", "g"), 6);
    assert_non_null(strstr(out.p, " and 2 more"));
    buf_done(&out);
}

static void an_object_goes_with_what_is_only_there_for_it(void **state)
{
    struct fix *f = *state;
    struct outcome o;

    make(f, "env", "e", "", "test", "{}");
    make(f, "group", "g", "", "shop", "{}");
    make(f, "group", "h", "", "other", "{}");
    make(f, "variable", "v1", "g", "", "{\"env_id\":\"e\"}");
    make(f, "variable", "v2", "h", "", "{\"env_id\":\"e\"}");
    make(f, "variable", "v3", "h", "", "{\"env_id\":\"" GW_RELEASE_ENV "\"}");
    make(f, "response", "r", "g", "mine", "{}");
    make(f, "api", "a", "g", "api", API("/one", "GET", ""));
    make(f, "app", "p", "", "app", "{}");
    make(f, "app_code", "c", "p", "", "{}");
    make(f, "app_auth", "t", "p", "", "{\"api_id\":\"a\"}");
    make(f, "throttle", "l", "", "slow", "{}");
    make(f, "throttle_bind", "b", "l", "", "{\"api_id\":\"a\",\"env_id\":\"e\"}");
    assert_int_equal(publish(f, "a", "e", &o), 0);

    assert_int_equal(drop(f, "api", "a"), 0);
    assert_int_equal(count(f, "api") + count(f, "version") + count(f, "release"), 0);
    assert_int_equal(count(f, "app_auth") + count(f, "throttle_bind"), 0);
    assert_int_equal(drop(f, "env", "e"), 0);
    assert_int_equal(count(f, "variable"), 1);
    assert_int_equal(drop(f, "group", "g"), 0);
    assert_int_equal(count(f, "response"), 0);
    assert_int_equal(count(f, "variable"), 1);
    assert_int_equal(drop(f, "group", "h"), 0);
    assert_int_equal(count(f, "variable"), 0);
    assert_int_equal(drop(f, "app", "p"), 0);
    assert_int_equal(count(f, "app_code"), 0);
    assert_int_equal(drop(f, "app", "p"), -ENOENT);
    assert_int_equal(drop(f, "throttle", "l"), 0);
}

static void what_is_always_there_is_called_as_its_cloud_calls_it(void **state)
{
    struct resource *whose = resource_new(S("api"), S("a"));
    struct fix *f = *state;

    make(f, "env", "e", "", "test", "{}");
    set(&whose->account, "acc");
    set(&whose->region, "reg");
    assert_string_equal(gw_env_name(f->c, whose, STR_NONE), "RELEASE");
    assert_string_equal(gw_env_name(f->c, whose, S("e")), "test");
    assert_null(gw_env_name(f->c, whose, S("f")));
    whose->dialect = DIALECT_SCF;
    assert_string_equal(gw_env_name(f->c, whose, S(GW_RELEASE_ENV)), "release");
    set(&whose->account, "other");
    assert_null(gw_env_name(f->c, whose, S("e")));
    resource_unref(whose);
}

static void a_kind_has_as_many_objects_as_its_limit(void **state)
{
    struct fix *f = *state;
    struct resource *draft = resource_new(S("response"), S("x"));

    set(&draft->account, "acc");
    set(&draft->region, "reg");
    set(&draft->parent, "g");
    for (char id[2] = "a"; id[0] < 'e'; id[0]++) {
        assert_true(gw_has_room(f->c, draft));
        make(f, "response", id, "g", id, "{}");
    }
    assert_false(gw_has_room(f->c, draft)); /* four are the limit of a group */
    set(&draft->parent, "h");
    assert_true(gw_has_room(f->c, draft));
    resource_unref(draft);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(what_is_called_is_what_was_published_and_not_what_is_edited),
            T(what_is_not_there_cannot_be_published),
            T(history_has_ten_versions_for_each_environment),
            T(of_two_apis_with_one_method_and_path_the_second_stays_offline),
            T(two_who_publish_at_once_both_succeed),
            T(who_needs_an_object_is_told),
            T(an_object_goes_with_what_is_only_there_for_it),
            T(what_is_always_there_is_called_as_its_cloud_calls_it),
            T(a_kind_has_as_many_objects_as_its_limit),
    };
    return T_RUN(tests);
}
