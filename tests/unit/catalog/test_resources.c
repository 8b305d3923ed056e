/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/resources.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "kv_faulty.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    struct loop *loop;
    struct kv *real;
    struct kv_faulty faulty;
    struct blobs *blobs;
    struct catalog *c;
    char *dir, *code, *db;
    struct err e;
    char told[256]; /* what the watcher heard: "+a" made, "=a" changed, "-a" gone */
};

static void on_change(void *user, const struct resource *before, const struct resource *after)
{
    const struct resource *one = after ? after : before;
    struct fix *f = user;

    assert(one);
    strncat(f->told, !before ? "+" : after ? "=" : "-", 2);
    strncat(f->told, one->id, 20);
}

static void open_catalog(struct fix *f)
{
    t_ok(catalog_open(f->loop, &f->faulty.kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    f->told[0] = '\0';
    catalog_watch_resources(f->c, on_change, f);
}

static struct fix *set_up_over(void)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->code = xasprintf("%s/code", f->dir);
    f->db = xasprintf("%s/meta.db", f->dir);
    f->loop = loop_new();
    t_ok(blobs_open(f->dir, &f->blobs, &f->e), &f->e);
    return f;
}

static int set_up(void **state)
{
    struct fix *f = *state = set_up_over();

    f->real = kv_memory_new(f->loop);
    kv_faulty_init(&f->faulty, f->loop, f->real);
    open_catalog(f);
    return 0;
}

static int set_up_sqlite(void **state)
{
    struct fix *f = *state = set_up_over();

    t_ok(kv_sqlite_open(f->loop, f->db, &f->real, &f->e), &f->e);
    kv_faulty_init(&f->faulty, f->loop, f->real);
    open_catalog(f);
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    catalog_free(f->c);
    blobs_free(f->blobs);
    kv_close(f->real);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->code);
    free(f->db);
    free(f);
    return 0;
}

static void reopen(struct fix *f)
{
    f->c = catalog_free(f->c);
    open_catalog(f);
}

struct outcome {
    bool done, record;
    int r;
};

static void on_resource(void *user, int r, const struct resource *res)
{
    *(struct outcome *)user = (struct outcome){.done = true, .r = r, .record = res != NULL};
}

static int wait_for(struct fix *f, struct outcome *o)
{
    loop_run_until(f->loop, &o->done);
    return o->r;
}

static void set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

static struct resource *draft(const char *kind, const char *id, const char *name, int64_t created)
{
    struct resource *r = resource_new(str_of(kind), str_of(id));

    set(&r->account, "acc");
    set(&r->region, "region");
    set(&r->name, name);
    r->created_ms = created;
    return r;
}

static int create(struct fix *f, struct resource *r)
{
    struct outcome o = {0};

    catalog_create_resource(f->c, r, on_resource, &o);
    assert_false(o.done);
    wait_for(f, &o);
    assert_int_equal(o.record, o.r == 0);
    return o.r;
}

static int update(struct fix *f, struct resource *r)
{
    struct outcome o = {0};

    catalog_update_resource(f->c, r, on_resource, &o);
    return wait_for(f, &o);
}

static int drop(struct fix *f, const char *kind, const char *id)
{
    struct outcome o = {0};

    catalog_delete_resource(f->c, str_of(kind), str_of(id), on_resource, &o);
    return wait_for(f, &o);
}

static bool add_id(void *user, const struct resource *r)
{
    strncat(user, r->id, 20);
    return r->id[0] != '!';
}

static const char *ids(struct fix *f, struct resource_filter filter, char out[256])
{
    size_t n = 0;

    out[0] = '\0';
    catalog_each_resource(f->c, &filter, add_id, out);
    n = catalog_count_resources(f->c, &filter);
    assert_true(n >= strlen(out) || strchr(out, '!'));
    return out;
}

static void a_resource_is_created_updated_and_deleted(void **state)
{
    struct fix *f = *state;
    struct resource *r;

    assert_int_equal(create(f, draft("group", "a", "shop", 1)), 0);
    assert_int_equal(create(f, draft("group", "a", "other", 1)), -EEXIST);
    assert_string_equal(f->told, "+a");
    assert_null(catalog_resource(f->c, S("api"), S("a")));
    r = resource_copy(catalog_resource(f->c, S("group"), S("a")));
    set(&r->body, "{\"remark\":\"x\"}");
    r->revision++;
    assert_int_equal(update(f, resource_copy(r)), -ESTALE);
    r->revision--;
    assert_int_equal(update(f, r), 0);
    assert_int_equal(update(f, draft("group", "b", "b", 1)), -ENOENT);
    assert_string_equal(f->told, "+a=a");
    reopen(f);
    assert_string_equal(f->told, "+a");
    assert_string_equal(catalog_resource(f->c, S("group"), S("a"))->body, "{\"remark\":\"x\"}");
    assert_int_equal(drop(f, "group", "a"), 0);
    assert_int_equal(drop(f, "group", "a"), -ENOENT);
    assert_string_equal(f->told, "+a-a");
    reopen(f);
    assert_string_equal(f->told, "");
}

static void ids_and_kinds_may_be_any_text(void **state)
{
    struct fix *f = *state;
    char id[RESOURCE_ID + 2];

    assert_int_equal(create(f, draft("domain", "a/b%2f.\xc3\xa9", "", 1)), 0);
    assert_int_equal(create(f, draft("domain", "a", "", 1)), 0);
    memset(id, '%', 257);
    id[257] = '\0';
    assert_int_equal(create(f, draft("domain", id, "", 1)), 0);
    memset(id, 'x', sizeof(id) - 1);
    id[RESOURCE_ID + 1] = '\0';
    assert_int_equal(create(f, draft("domain", id, "", 1)), -E2BIG);
    id[RESOURCE_ID] = '\0';
    assert_int_equal(create(f, draft("domain", id, "", 1)), 0);
    reopen(f);
    assert_non_null(catalog_resource(f->c, S("domain"), S("a/b%2f.\xc3\xa9")));
    assert_non_null(catalog_resource(f->c, S("domain"), str_of(id)));
}

static void a_body_over_its_limit_is_not_written(void **state)
{
    struct fix *f = *state;

    for (size_t n = RESOURCE_BODY; n <= RESOURCE_BODY + 1; n++) {
        struct resource *r = draft("group", "a", "", 1);
        char *text = xcalloc(n + 1, 1);

        memset(text, ' ', n);
        text[0] = '{';
        text[n - 1] = '}';
        set(&r->body, text);
        assert_int_equal(create(f, r), n == RESOURCE_BODY ? 0 : -E2BIG);
        if (n == RESOURCE_BODY)
            assert_int_equal(drop(f, "group", "a"), 0);
        free(text);
    }
}

static void a_name_is_given_once_in_a_kind_an_account_and_a_parent(void **state)
{
    struct fix *f = *state;
    struct outcome o[2] = {0};
    struct resource *r;

    for (int i = 0; i < 2; i++) /* in one breath: neither is in the table yet */
        catalog_create_resource(f->c, draft("group", i ? "b" : "a", "shop", 1), on_resource, &o[i]);
    assert_int_equal(wait_for(f, &o[0]), 0);
    assert_int_equal(wait_for(f, &o[1]), -EEXIST);
    assert_int_equal(create(f, draft("app", "b", "shop", 1)), 0);
    r = draft("group", "c", "shop", 1);
    set(&r->account, "another");
    assert_int_equal(create(f, r), 0);
    r = draft("group", "d", "shop", 1);
    set(&r->parent, "p");
    assert_int_equal(create(f, r), 0);
    r = draft("group", "e", "shop", 1);
    r->dialect = DIALECT_SCF;
    assert_int_equal(create(f, r), 0);

    assert_int_equal(create(f, draft("group", "f", "store", 1)), 0);
    r = resource_copy(catalog_resource(f->c, S("group"), S("f")));
    set(&r->name, "shop");
    assert_int_equal(update(f, r), -EEXIST);
    assert_int_equal(update(f, resource_copy(catalog_resource(f->c, S("group"), S("f")))), 0);
    for (const char *id = "x"; id; id = *id == 'x' ? "y" : NULL) /* "" is no name */
        assert_int_equal(create(f, draft("group", id, "", 1)), 0);
}

static void listings_are_of_one_kind_in_order_of_creation(void **state)
{
    struct fix *f = *state;
    struct resource *r;
    char out[256];

    assert_int_equal(create(f, draft("api", "c", "", 30)), 0);
    assert_int_equal(create(f, draft("api", "a", "n", 10)), 0);
    assert_int_equal(create(f, draft("api2", "x", "", 1)), 0); /* their paths begin alike */
    assert_int_equal(create(f, draft("api-", "y", "", 1)), 0);
    r = draft("api", "b", "", 20);
    set(&r->parent, "p");
    set(&r->region, "there");
    r->dialect = DIALECT_FC;
    assert_int_equal(create(f, r), 0);
#define WITH(...) ((struct resource_filter){.kind = S("api"), __VA_ARGS__})
    assert_string_equal(ids(f, WITH(.dialect = -1), out), "abc");
    assert_string_equal(ids(f, WITH(.dialect = -1, .account = S("acc")), out), "abc");
    assert_string_equal(ids(f, WITH(.dialect = -1, .account = S("ac")), out), "");
    assert_string_equal(ids(f, WITH(.dialect = -1, .parent = S("p")), out), "b");
    assert_string_equal(ids(f, WITH(.dialect = -1, .region = S("there")), out), "b");
    assert_string_equal(ids(f, WITH(.dialect = -1, .name = S("n")), out), "a");
    assert_string_equal(ids(f, WITH(.dialect = DIALECT_FC), out), "b");
    assert_string_equal(ids(f, (struct resource_filter){.kind = S("api2"), .dialect = -1}, out),
                        "x");
    assert_string_equal(ids(f, (struct resource_filter){.kind = S("ap"), .dialect = -1}, out), "");
    assert_int_equal(create(f, draft("api", "!", "", 15)), 0);
    assert_string_equal(ids(f, WITH(.dialect = -1), out), "a!"); /* ends where it is told to */
    assert_int_equal(catalog_count_resources(f->c, &WITH(.dialect = -1)), 4);
}

static const char *children(struct fix *f, const char *kind, const char *parent, char out[256])
{
    return ids(
            f,
            (struct resource_filter){.kind = str_of(kind), .dialect = -1, .parent = str_of(parent)},
            out);
}

static int create_in(struct fix *f, const char *kind, const char *id, const char *name,
                     const char *parent)
{
    struct resource *r = draft(kind, id, name, id[0]);

    set(&r->parent, parent);
    return create(f, r);
}

/* The index by parents says what the table says: made, moved, gone, and read again. */
static void children_follow_their_parent(void **state)
{
    static const char *const all[] = {"b", "d", "a", "c"};
    struct fix *f = *state;
    struct resource *r;
    char out[256];

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(create_in(f, "api", all[i], all[i], i < 3 ? "p" : "pp"), 0);
    assert_int_equal(create_in(f, "version", "v", "a", "p"), 0);
    assert_int_equal(create_in(f, "api", "e", "a", "p"), -EEXIST);
    assert_int_equal(create_in(f, "api", "e", "a", "pp"), 0);
    for (int i = 0; i < 2; i++) { /* as it became, and as it is loaded */
        assert_string_equal(children(f, "api", "p", out), "abd");
        assert_string_equal(children(f, "api", "pp", out), "ce");
        assert_string_equal(children(f, "version", "p", out), "v");
        assert_string_equal(children(f, "ap", "p", out), "");
        assert_string_equal(children(f, "api", "ppp", out), "");
        reopen(f);
    }
    r = resource_copy(catalog_resource(f->c, S("api"), S("b")));
    set(&r->parent, "pp");
    assert_int_equal(update(f, r), 0);
    r = resource_copy(catalog_resource(f->c, S("api"), S("a")));
    set(&r->parent, "pp"); /* where "e" has its name */
    assert_int_equal(update(f, r), -EEXIST);
    assert_int_equal(drop(f, "api", "c"), 0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(children(f, "api", "p", out), "ad");
        assert_string_equal(children(f, "api", "pp", out), "be");
        reopen(f);
    }
}

static void a_write_that_fails_changes_nothing(void **state)
{
    struct fix *f = *state;

    f->faulty.txn_fault = FAULT_IO;
    f->faulty.txn_times = 1;
    assert_int_equal(create(f, draft("group", "a", "n", 1)), -EIO);
    assert_string_equal(f->told, "");
    f->faulty.txn_fault = FAULT_LOST_ANSWER;
    f->faulty.txn_times = 1;
    assert_int_equal(create(f, draft("group", "a", "n", 1)), 0);
    assert_string_equal(f->told, "+a");
}

int main(void)
{
#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down),                                      \
            cmocka_unit_test_setup_teardown(name, set_up_sqlite, tear_down)
    const struct CMUnitTest tests[] = {
            T(a_resource_is_created_updated_and_deleted),
            T(ids_and_kinds_may_be_any_text),
            T(a_body_over_its_limit_is_not_written),
            T(a_name_is_given_once_in_a_kind_an_account_and_a_parent),
            T(listings_are_of_one_kind_in_order_of_creation),
            T(children_follow_their_parent),
            T(a_write_that_fails_changes_nothing),
    };
    return T_RUN(tests);
}
