/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/versions.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "catalog/resources.h"
#include "catalog/triggers.h"
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
    char *dir, *code;
    struct err e;
    uint32_t changes; /* of functions and versions */
};

static void on_change(void *user, const struct fn *before, const struct fn *after)
{
    struct fix *f = user;

    assert_true(before || after);
    f->changes++;
}

static void open_catalog(struct fix *f)
{
    t_ok(catalog_open(f->loop, &f->faulty.kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    catalog_on_change(f->c, on_change, f);
}

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->code = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->real = kv_memory_new(f->loop);
    kv_faulty_init(&f->faulty, f->loop, f->real);
    t_ok(blobs_open(f->dir, &f->blobs, &f->e), &f->e);
    open_catalog(f);
    *state = f;
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
    free(f);
    return 0;
}

static void reopen(struct fix *f)
{
    f->c = catalog_free(f->c);
    open_catalog(f);
}

static struct fn_key key_of(const char *name)
{
    return (struct fn_key){DIALECT_FC, S("acc"), S("region"), S("s"), str_of(name)};
}

struct outcome {
    bool done;
    int r;
};

static void on_fn(void *user, int r, const struct fn *f)
{
    (void)f;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void on_alias(void *user, int r, const struct alias *a)
{
    assert_true((r == 0) || !a);
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void on_resource(void *user, int r, const struct resource *res)
{
    (void)res;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void on_trigger(void *user, int r, const struct trigger *t)
{
    (void)t;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static int wait_for(struct fix *f, struct outcome *o)
{
    loop_run_until(f->loop, &o->done);
    return o->r;
}

static void make_function(struct fix *f, const char *name)
{
    struct fn_key key = key_of(name);
    struct outcome o = {0};

    catalog_create(f->c, fn_new(&key), on_fn, &o);
    assert_int_equal(wait_for(f, &o), 0);
}

static int describe(struct fix *f, const char *name, const char *text)
{
    struct fn_key key = key_of(name);
    struct fn *draft = fn_copy(catalog_find(f->c, &key));
    struct outcome o = {0};

    fn_set(&draft->description, str_of(text));
    catalog_update(f->c, draft, on_fn, &o);
    return wait_for(f, &o);
}

static void ask_publish(struct fix *f, const char *name, const char *version, struct outcome *o)
{
    static int64_t now;
    struct fn_key key = key_of(name);
    const struct fn *latest = catalog_find(f->c, &key);
    struct fn *draft = latest ? fn_copy(latest) : fn_new(&key);

    fn_set(&draft->version, str_of(version));
    draft->published_ms = ++now;
    catalog_publish(f->c, draft, on_fn, o);
}

static int publish(struct fix *f, const char *name, const char *version)
{
    struct outcome o = {0};

    ask_publish(f, name, version, &o);
    return wait_for(f, &o);
}

static int delete_version(struct fix *f, const char *name, const char *version)
{
    struct fn_key key = key_of(name);
    struct outcome o = {0};

    catalog_delete_version(f->c, &key, str_of(version), on_fn, &o);
    return wait_for(f, &o);
}

static int delete_function(struct fix *f, const char *name)
{
    struct fn_key key = key_of(name);
    struct outcome o = {0};

    catalog_delete(f->c, &key, on_fn, &o);
    return wait_for(f, &o);
}

/* function "": of the space. other: NULL, or a version with this share. */
static int alias_to(struct fix *f, const char *function, const char *name, const char *version,
                    const char *other, uint32_t share)
{
    struct fn_key key = key_of(function);
    const struct alias *have = catalog_alias(f->c, &key, str_of(name));
    struct alias *draft = have ? alias_copy(have) : alias_new(&key, str_of(name));
    struct outcome o = {0};

    fn_set(&draft->version, str_of(version));
    alias_set_others_done(draft);
    if (other)
        alias_add_other(draft, str_of(other), share, false);
    if (have)
        catalog_update_alias(f->c, draft, on_alias, &o);
    else
        catalog_create_alias(f->c, draft, on_alias, &o);
    return wait_for(f, &o);
}

static const char *resolve(struct fix *f, const char *name, const char *qualifier)
{
    struct fn_key key = key_of(name);
    const struct fn *got = catalog_resolve(f->c, &key, str_of(qualifier), NULL);

    return got ? got->version : "nothing";
}

static bool count_one(void *user, const struct fn *f)
{
    (void)f;
    ++*(size_t *)user;
    return true;
}

static size_t versions(struct fix *f, const char *name)
{
    struct fn_key key = key_of(name);
    size_t n = 0;

    catalog_each_version(f->c, &key, count_one, &n);
    return n;
}

static void a_version_keeps_what_it_was_also_over_a_restart(void **state)
{
    struct fix *f = *state;
    struct fn_key key = key_of("a");

    make_function(f, "a");
    assert_int_equal(publish(f, "b", "1"), -ENOENT);
    assert_int_equal(describe(f, "a", "first"), 0);
    assert_int_equal(publish(f, "a", "1"), 0);
    assert_int_equal(publish(f, "a", "1"), -EEXIST);
    for (int i = 0; i < 20; i++)
        assert_int_equal(describe(f, "a", "later"), 0);
    assert_string_equal(catalog_version(f->c, &key, S("1"))->description, "first");
    assert_string_equal(catalog_version(f->c, &key, S("latest"))->description, "later");
    reopen(f);
    assert_string_equal(catalog_version(f->c, &key, S("1"))->description, "first");
    assert_string_equal(catalog_version(f->c, &key, S("1"))->version, "1");
    assert_null(catalog_version(f->c, &key, S("2")));
    assert_int_equal(versions(f, "a"), 1);
}

static void what_is_about_instances_may_change_in_a_version(void **state)
{
    struct fix *f = *state;
    struct fn_key key = key_of("a");
    struct outcome o = {0}, stale = {0};
    struct fn *one, *two;

    make_function(f, "a");
    assert_int_equal(publish(f, "a", "1"), 0);
    one = fn_copy(catalog_version(f->c, &key, S("1")));
    two = fn_copy(one);
    one->reserved = 2;
    f->changes = 0;
    catalog_update_version(f->c, one, on_fn, &o);
    catalog_update_version(f->c, two, on_fn, &stale);
    assert_int_equal(wait_for(f, &o), 0);
    assert_int_equal(wait_for(f, &stale), -ESTALE);
    assert_int_equal(catalog_version(f->c, &key, S("1"))->reserved, 2);
    assert_int_equal(catalog_find(f->c, &key)->reserved, 0);
    assert_int_equal(f->changes, 1);
}

static void qualifiers_name_versions_aliases_and_the_function_itself(void **state)
{
    struct fix *f = *state;

    make_function(f, "a");
    make_function(f, "b");
    assert_int_equal(publish(f, "a", "1"), 0);
    assert_int_equal(publish(f, "a", "2"), 0);
    assert_int_equal(alias_to(f, "a", "prod", "1", NULL, 0), 0);
    assert_int_equal(alias_to(f, "", "all", "2", NULL, 0), 0);
    assert_string_equal(resolve(f, "a", ""), "latest");
    assert_string_equal(resolve(f, "a", "LATEST"), "latest");
    assert_string_equal(resolve(f, "a", "$LATEST"), "latest");
    assert_string_equal(resolve(f, "a", "$DEFAULT"), "latest");
    assert_string_equal(resolve(f, "a", "1"), "1");
    assert_string_equal(resolve(f, "a", "prod"), "1");
    assert_string_equal(resolve(f, "a", "!prod"), "1");
    assert_string_equal(resolve(f, "a", "all"), "2");
    assert_string_equal(resolve(f, "a", "!2"), "nothing");
    assert_string_equal(resolve(f, "a", "gone"), "nothing");
    assert_string_equal(resolve(f, "b", "all"), "nothing"); /* the space's: b has no version 2 */
    assert_string_equal(resolve(f, "c", "latest"), "nothing");
    assert_int_equal(alias_to(f, "a", "prod", "2", NULL, 0), 0);
    assert_string_equal(resolve(f, "a", "prod"), "2");
    assert_int_equal(alias_to(f, "a", "$DEFAULT", "2", NULL, 0), 0);
    assert_string_equal(resolve(f, "a", "$DEFAULT"), "2");
    reopen(f);
    assert_string_equal(resolve(f, "a", "prod"), "2");
    assert_string_equal(resolve(f, "a", "all"), "2");
}

static void a_version_that_an_alias_names_cannot_be_deleted(void **state)
{
    struct fix *f = *state;
    struct fn_key key = key_of("a"), space = key_of("");
    struct outcome o = {0}, p = {0};

    make_function(f, "a");
    assert_int_equal(publish(f, "a", "1"), 0);
    assert_int_equal(publish(f, "a", "2"), 0);
    assert_int_equal(publish(f, "a", "3"), 0);
    assert_int_equal(alias_to(f, "a", "prod", "1", "2", 500), 0);
    assert_int_equal(alias_to(f, "", "all", "3", NULL, 0), 0);
    assert_int_equal(delete_version(f, "a", "1"), -EBUSY);
    assert_int_equal(delete_version(f, "a", "2"), -EBUSY);
    assert_int_equal(delete_version(f, "a", "3"), -EBUSY);
    assert_int_equal(delete_version(f, "a", "4"), -ENOENT);
    catalog_delete_alias(f->c, &key, S("prod"), on_alias, &o);
    catalog_delete_alias(f->c, &space, S("all"), on_alias, &p);
    assert_int_equal(wait_for(f, &o), 0);
    assert_int_equal(wait_for(f, &p), 0);
    assert_int_equal(delete_version(f, "a", "1"), 0);
    assert_int_equal(delete_version(f, "a", "3"), 0);
    assert_int_equal(versions(f, "a"), 1);
    assert_int_equal(alias_to(f, "a", "prod", "1", NULL, 0), -ESTALE);
    assert_int_equal(alias_to(f, "b", "prod", "1", NULL, 0), -ENOENT);
}

static void of_publications_at_once_one_has_the_name(void **state)
{
    struct fix *f = *state;
    struct outcome o[8] = {0};
    int won = 0;

    make_function(f, "a");
    for (size_t i = 0; i < 8; i++)
        ask_publish(f, "a", i % 2 ? "odd" : "even", &o[i]);
    for (size_t i = 0; i < 8; i++) {
        int r = wait_for(f, &o[i]);

        assert_true(r == 0 || r == -EEXIST);
        won += r == 0;
    }
    assert_int_equal(won, 2);
    assert_int_equal(versions(f, "a"), 2);
}

static void versions_end_at_their_limit(void **state)
{
    struct fix *f = *state;
    char name[16];

    make_function(f, "a");
    for (int i = 1; i <= CATALOG_VERSIONS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(publish(f, "a", name), 0);
    }
    assert_int_equal(publish(f, "a", "one-more"), -EDQUOT);
    assert_int_equal(delete_version(f, "a", "500"), 0);
    assert_int_equal(publish(f, "a", "one-more"), 0);
}

/* ---- what goes with a function ---- */

static void add_beside(struct fix *f, const char *parent)
{
    struct resource *res = resource_new(S("fg-event"), str_of(parent));
    struct outcome o = {0};

    fn_set(&res->parent, str_of(parent));
    catalog_create_resource(f->c, res, on_resource, &o);
    assert_int_equal(wait_for(f, &o), 0);
}

static void fill(struct fix *f, int n)
{
    struct fn_key key = key_of("a");
    struct outcome o = {0};
    char name[16];

    make_function(f, "a");
    make_function(f, "ab");
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(publish(f, "a", name), 0);
        snprintf(name, sizeof(name), "alias%d", i);
        assert_int_equal(alias_to(f, "a", name, "0", NULL, 0), 0);
    }
    assert_int_equal(publish(f, "ab", "0"), 0);
    assert_int_equal(alias_to(f, "ab", "alias0", "0", NULL, 0), 0);
    assert_int_equal(alias_to(f, "", "all", "0", NULL, 0), 0);
    add_beside(f, "fc/acc/region/s/a");
    add_beside(f, "fc/acc/region/s/ab");
    add_beside(f, "fc/acc/region/s");
    catalog_create_trigger(f->c, trigger_new(&key, S("timer")), on_trigger, &o);
    assert_int_equal(wait_for(f, &o), 0);
}

/* What is not a function's. */
static void empty_space(struct fix *f)
{
    struct fn_key space = key_of("");
    struct outcome o = {0}, p = {0};

    catalog_delete_alias(f->c, &space, S("all"), on_alias, &o);
    catalog_delete_resource(f->c, S("fg-event"), S("fc/acc/region/s"), on_resource, &p);
    assert_int_equal(wait_for(f, &o), 0);
    assert_int_equal(wait_for(f, &p), 0);
}

static size_t beside(struct fix *f, const char *parent)
{
    return catalog_count_resources(f->c, &(struct resource_filter){.kind = S("fg-event"),
                                                                   .dialect = -1,
                                                                   .parent = str_of(parent)});
}

static void is_gone_and_stays_gone(struct fix *f)
{
    for (int i = 0; i < 2; i++) {
        assert_string_equal(resolve(f, "a", "0"), "nothing");
        assert_int_equal(versions(f, "a"), 0);
        assert_int_equal(beside(f, "fc/acc/region/s/a"), 0);
        assert_string_equal(resolve(f, "ab", "alias0"), "0");
        assert_string_equal(resolve(f, "ab", "all"), "0");
        assert_int_equal(beside(f, "fc/acc/region/s/ab"), 1);
        assert_int_equal(beside(f, "fc/acc/region/s"), 1);
        reopen(f);
    }
    make_function(f, "a"); /* with nothing of the old one */
    assert_string_equal(resolve(f, "a", "0"), "nothing");
    assert_string_equal(resolve(f, "a", "alias1"), "nothing");
    assert_int_equal(versions(f, "a"), 0);
}

static void a_function_takes_all_that_is_its_own(void **state)
{
    struct fix *f = *state;

    fill(f, 20);
    assert_int_equal(delete_function(f, "a"), 0);
    is_gone_and_stays_gone(f);
}

static void more_than_one_transaction_holds_goes_in_pieces(void **state)
{
    struct fix *f = *state;

    fill(f, 200);
    assert_int_equal(delete_function(f, "a"), 0);
    is_gone_and_stays_gone(f);
}

static void break_after(struct fix *f, enum fault fault, unsigned txns)
{
    f->faulty.txn_fault = fault;
    f->faulty.txn_after = txns;
    f->faulty.txn_times = 1000;
}

static void an_answer_that_is_lost_changes_nothing(void **state)
{
    struct fix *f = *state;

    for (unsigned after = 0; after < 5; after++) {
        fill(f, 200);
        break_after(f, FAULT_LOST_ANSWER, after);
        f->faulty.txn_times = 2;
        assert_int_equal(delete_function(f, "a"), 0);
        f->faulty.txn_times = 0;
        is_gone_and_stays_gone(f);
        assert_int_equal(delete_function(f, "a"), 0);
        assert_int_equal(delete_function(f, "ab"), 0);
        empty_space(f);
    }
}

static void what_a_failing_store_left_is_never_seen_again(void **state)
{
    struct fix *f = *state;
    struct fn_key key = key_of("a");

    fill(f, 200);
    break_after(f, FAULT_IO, 1); /* the function goes, the rest cannot */
    assert_int_equal(delete_function(f, "a"), 0);
    assert_null(catalog_version(f->c, &key, S("1")));
    assert_null(catalog_alias(f->c, &key, S("alias199")));
    assert_int_equal(publish(f, "a", "0"), -ENOENT);
    assert_int_equal(delete_version(f, "a", "199"), -ENOENT);
    f->faulty.txn_times = 0;
    make_function(f, "a"); /* first the rest goes */
    assert_int_equal(versions(f, "a"), 0);
    assert_null(catalog_alias(f->c, &key, S("alias199")));
    assert_int_equal(delete_function(f, "a"), 0);
    is_gone_and_stays_gone(f);
}

static void what_a_crash_left_goes_at_the_next_start(void **state)
{
    struct fix *f = *state;

    fill(f, 200);
    break_after(f, FAULT_IO, 1);
    assert_int_equal(delete_function(f, "a"), 0);
    f->faulty.txn_times = 0;
    reopen(f);
    is_gone_and_stays_gone(f);
}

static void on_space(void *user, int r, const struct space *s)
{
    (void)s;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void a_space_takes_its_aliases(void **state)
{
    struct fix *f = *state;
    struct fn_key space = key_of("");
    struct outcome o = {0}, p = {0}, q = {0};

    catalog_create_space(f->c, space_new(&space), on_space, &o);
    assert_int_equal(wait_for(f, &o), 0);
    assert_int_equal(alias_to(f, "", "all", "1", NULL, 0), 0);
    add_beside(f, "fc/acc/region/s");
    make_function(f, "a");
    catalog_delete_space(f->c, &space, on_space, &p);
    assert_int_equal(wait_for(f, &p), -ENOTEMPTY);
    assert_non_null(catalog_alias(f->c, &space, S("all")));
    assert_int_equal(delete_function(f, "a"), 0);
    catalog_delete_space(f->c, &space, on_space, &q);
    assert_int_equal(wait_for(f, &q), 0);
    assert_null(catalog_alias(f->c, &space, S("all")));
    assert_int_equal(beside(f, "fc/acc/region/s"), 0);
    reopen(f);
    assert_null(catalog_alias(f->c, &space, S("all")));
}

/* ---- shares ---- */

static void shares_are_never_further_off_than_one_call(void **state)
{
    static const uint32_t shares[] = {1, 9999, 5000, 500, 3333, 10000, 7500};
    struct fix *f = *state;

    make_function(f, "a");
    assert_int_equal(publish(f, "a", "1"), 0);
    assert_int_equal(publish(f, "a", "2"), 0);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        int64_t second = 0;

        assert_int_equal(alias_to(f, "a", "prod", "1", "2", shares[i]), 0);
        for (int64_t n = 1; n <= 20000; n++) {
            int64_t want = n * shares[i]; /* of ALIAS_WHOLE, in calls */

            second += strcmp(resolve(f, "a", "prod"), "2") == 0;
            assert_true(second * ALIAS_WHOLE > want - ALIAS_WHOLE);
            assert_true(second * ALIAS_WHOLE < want + ALIAS_WHOLE);
        }
        assert_int_equal(second, 2 * shares[i]);
    }
}

static void a_changed_alias_counts_from_its_first_call(void **state)
{
    struct fix *f = *state;
    int second = 0;

    make_function(f, "a");
    make_function(f, "b");
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(publish(f, "a", i == 1 ? "1" : "2"), 0);
        assert_int_equal(publish(f, "b", i == 1 ? "1" : "2"), 0);
    }
    assert_int_equal(alias_to(f, "", "all", "1", "2", 5000), 0);
    for (int i = 0; i < 10; i++) { /* one after the other: each has a share of its own */
        second += strcmp(resolve(f, "a", "all"), "2") == 0;
        (void)resolve(f, "b", "all");
    }
    assert_int_equal(second, 5);
    assert_int_equal(alias_to(f, "", "all", "2", "1", 1), 0);
    for (int i = 0; i < 100; i++)
        assert_string_equal(resolve(f, "a", "all"), "2");
}

/* ---- rules ---- */

static struct str find_one(void *user, enum alias_part part, struct str key)
{
    const char *const *have = user; /* name, value */

    return part == ALIAS_HEADER && str_eq(key, str_of(have[0])) ? str_of(have[1]) : STR_NONE;
}

static void rules_pick_their_version(void **state)
{
    struct fix *f = *state;
    struct fn_key key = key_of("a");
    struct alias *draft = alias_new(&key, S("prod"));
    const char *have[2] = {"x-user", "ann"};
    struct qualify_ask ask = {find_one, have};
    struct outcome o = {0};

    make_function(f, "a");
    assert_int_equal(publish(f, "a", "1"), 0);
    assert_int_equal(publish(f, "a", "2"), 0);
    fn_set(&draft->version, S("1"));
    alias_add_other(draft, S("2"), 0, true);
    alias_add_rule(draft, ALIAS_HEADER, S("x-user"), ALIAS_IN, S("bob, ann"));
    alias_add_rule(draft, ALIAS_COOKIE, S("x-user"), ALIAS_EQUAL, S("ann"));
    catalog_create_alias(f->c, draft, on_alias, &o);
    assert_int_equal(wait_for(f, &o), 0);
    assert_string_equal(catalog_resolve(f->c, &key, S("prod"), &ask)->version, "2");
    have[1] = "eve";
    assert_string_equal(catalog_resolve(f->c, &key, S("prod"), &ask)->version, "1");
    assert_string_equal(catalog_resolve(f->c, &key, S("prod"), NULL)->version, "1");
}

static void operators_do_what_they_are_called(void **state)
{
    static const struct {
        enum alias_op op;
        const char *with, *value;
        bool yes;
    } cases[] = {
            {ALIAS_EQUAL, "a", "a", true},        {ALIAS_EQUAL, "a", "A", false},
            {ALIAS_NOT_EQUAL, "a", "b", true},    {ALIAS_NOT_EQUAL, "a", NULL, false},
            {ALIAS_ABOVE, "9", "10", true},       {ALIAS_ABOVE, "10", "10", false},
            {ALIAS_BELOW, "b", "a", true},        {ALIAS_AT_LEAST, "10", "10", true},
            {ALIAS_AT_MOST, "10", "11", false},   {ALIAS_IN, "a,b", "b", true},
            {ALIAS_IN, "a,b", "a,b", false},      {ALIAS_IN, "", "", false},
            {ALIAS_RANGE, "(1,10)", "1", false},  {ALIAS_RANGE, "[1,10)", "1", true},
            {ALIAS_RANGE, "[1,10)", "10", false}, {ALIAS_RANGE, "(1,10]", "10", true},
            {ALIAS_RANGE, "1,10", "5", false},    {ALIAS_RANGE, "[-3, -1]", "-2", true},
            {ALIAS_RANGE, "[1,10]", "5x", false}, {ALIAS_PERCENT, "0", "any", false},
            {ALIAS_PERCENT, "100", "any", true},  {ALIAS_PERCENT, "101", "any", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct alias_rule rule = {.op = cases[i].op, .value = (char *)cases[i].with};
        struct str value = cases[i].value ? str_of(cases[i].value) : STR_NONE;

        if (alias_rule_says_yes(&rule, value) != cases[i].yes)
            fail_msg("%s %s %s", cases[i].value, alias_op_names[cases[i].op], cases[i].with);
    }
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            FIXED(a_version_keeps_what_it_was_also_over_a_restart),
            FIXED(what_is_about_instances_may_change_in_a_version),
            FIXED(qualifiers_name_versions_aliases_and_the_function_itself),
            FIXED(a_version_that_an_alias_names_cannot_be_deleted),
            FIXED(of_publications_at_once_one_has_the_name),
            FIXED(versions_end_at_their_limit),
            FIXED(a_function_takes_all_that_is_its_own),
            FIXED(more_than_one_transaction_holds_goes_in_pieces),
            FIXED(an_answer_that_is_lost_changes_nothing),
            FIXED(a_space_takes_its_aliases),
            FIXED(what_a_failing_store_left_is_never_seen_again),
            FIXED(what_a_crash_left_goes_at_the_next_start),
            FIXED(shares_are_never_further_off_than_one_call),
            FIXED(a_changed_alias_counts_from_its_first_call),
            FIXED(rules_pick_their_version),
            cmocka_unit_test(operators_do_what_they_are_called),
    };
    return T_RUN(tests);
}
