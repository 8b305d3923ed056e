/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/triggers.h"

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
    char *dir, *code;
    struct err e;
    char told[256]; /* what the watcher heard: "+a" made, "=a" changed, "-a" gone */
};

static void on_change(void *user, const struct trigger *before, const struct trigger *after)
{
    const struct trigger *one = after ? after : before;
    struct fix *f = user;

    assert(one);
    strncat(f->told, !before ? "+" : after ? "=" : "-", 2);
    strncat(f->told, one->name, 20);
}

static void open_catalog(struct fix *f)
{
    t_ok(catalog_open(f->loop, &f->faulty.kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    f->told[0] = '\0';
    catalog_watch_triggers(f->c, on_change, f);
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
    char id[UUID_TEXT];
};

static void on_fn(void *user, int r, const struct fn *f)
{
    (void)f;
    *(struct outcome *)user = (struct outcome){.done = true, .r = r};
}

static void on_trigger(void *user, int r, const struct trigger *t)
{
    struct outcome *o = user;

    *o = (struct outcome){.done = true, .r = r};
    if (t)
        memcpy(o->id, t->id, sizeof(o->id));
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

static void ask_delete_function(struct fix *f, const char *name, struct outcome *o)
{
    struct fn_key key = key_of(name);

    catalog_delete(f->c, &key, on_fn, o);
}

static struct trigger *draft(const char *function, const char *name, int64_t created_ms)
{
    struct fn_key key = key_of(function);
    struct trigger *t = trigger_new(&key, S("timer"));

    free(t->name);
    t->name = xstrdup(name);
    t->created_ms = created_ms;
    return t;
}

static void ask_create(struct fix *f, const char *function, const char *name, int64_t created_ms,
                       struct outcome *o)
{
    *o = (struct outcome){0};
    catalog_create_trigger(f->c, draft(function, name, created_ms), on_trigger, o);
    assert_false(o->done);
}

static int make(struct fix *f, const char *function, const char *name, int64_t created_ms,
                struct outcome *o)
{
    ask_create(f, function, name, created_ms, o);
    return wait_for(f, o);
}

static bool add_name(void *user, const struct trigger *t)
{
    strncat(user, t->name, 20);
    return t->name[0] != '!';
}

static const char *names(struct fix *f, const char *function, char out[256])
{
    struct fn_key key = key_of(function ? function : "");

    out[0] = '\0';
    catalog_each_trigger(f->c, function ? &key : NULL, add_name, out);
    return out;
}

static void a_trigger_is_created_updated_and_deleted(void **state)
{
    struct fix *f = *state;
    struct outcome o, again = {0};
    struct trigger *t;

    make_function(f, "fn");
    assert_int_equal(make(f, "fn", "a", 1, &o), 0);
    assert_string_equal(f->told, "+a");
    t = trigger_copy(catalog_trigger(f->c, str_of(o.id)));
    t->enabled = false;
    t->revision++;
    catalog_update_trigger(f->c, trigger_copy(t), on_trigger, &again);
    assert_int_equal(wait_for(f, &again), -ESTALE);
    t->revision--;
    again = (struct outcome){0};
    catalog_update_trigger(f->c, t, on_trigger, &again);
    assert_int_equal(wait_for(f, &again), 0);
    assert_string_equal(again.id, o.id);
    assert_string_equal(f->told, "+a=a");
    reopen(f);
    assert_string_equal(f->told, "+a");
    assert_false(catalog_trigger(f->c, str_of(o.id))->enabled);

    for (int i = 0; i < 2; i++) {
        again = (struct outcome){0};
        catalog_delete_trigger(f->c, str_of(o.id), on_trigger, &again);
        assert_false(again.done);
        assert_int_equal(wait_for(f, &again), i == 0 ? 0 : -ENOENT);
    }
    assert_string_equal(f->told, "+a-a");
    assert_null(catalog_trigger(f->c, str_of(o.id)));
    reopen(f);
    assert_string_equal(f->told, "");
}

static void an_unknown_function_has_no_triggers(void **state)
{
    struct fix *f = *state;
    struct outcome o;

    assert_int_equal(make(f, "fn", "a", 1, &o), -ENOENT);
    assert_string_equal(f->told, "");
}

static void a_name_is_given_once_in_a_function(void **state)
{
    struct fix *f = *state;
    struct outcome o[2];

    make_function(f, "fn");
    make_function(f, "fn2");
    for (int i = 0; i < 2; i++)
        ask_create(f, "fn", "a", i, &o[i]);
    assert_int_equal(wait_for(f, &o[0]), 0);
    assert_int_equal(wait_for(f, &o[1]), -EEXIST);
    assert_int_equal(make(f, "fn2", "a", 1, &o[1]), 0);
}

static void listings_are_in_order_of_creation(void **state)
{
    struct fix *f = *state;
    struct outcome o;
    char out[256];

    make_function(f, "fn");
    make_function(f, "fn2"); /* its path begins alike */
    assert_int_equal(make(f, "fn", "c", 30, &o), 0);
    assert_int_equal(make(f, "fn", "a", 10, &o), 0);
    assert_int_equal(make(f, "fn2", "!", 20, &o), 0);
    assert_string_equal(names(f, "fn", out), "ac");
    assert_string_equal(names(f, "fn2", out), "!");
    assert_string_equal(names(f, "fn3", out), "");
    assert_string_equal(names(f, NULL, out), "a!"); /* ends where it is told to */
}

static void a_function_goes_with_its_triggers_in_one_transaction(void **state)
{
    static const enum fault faults[] = {FAULT_NONE, FAULT_AGAIN, FAULT_LOST_REQUEST,
                                        FAULT_LOST_ANSWER};
    struct fix *f = *state;
    struct outcome o, gone;
    char out[256];

    make_function(f, "fn2");
    assert_int_equal(make(f, "fn2", "x", 1, &o), 0);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        make_function(f, "fn");
        assert_int_equal(make(f, "fn", "a", 1, &o), 0);
        assert_int_equal(make(f, "fn", "b", 2, &o), 0);
        f->told[0] = '\0';
        f->faulty.txn_fault = faults[i];
        f->faulty.txn_times = f->faulty.txn_fault == FAULT_NONE ? 0 : 1;
        f->faulty.txns = 0;
        gone = (struct outcome){0};
        ask_delete_function(f, "fn", &gone);
        assert_int_equal(wait_for(f, &gone), 0);
        assert_int_equal(f->faulty.txns, f->faulty.txn_fault == FAULT_NONE ? 1 : 2);
        assert_int_equal(strlen(f->told), 4);
        assert_non_null(strstr(f->told, "-a"));
        assert_non_null(strstr(f->told, "-b"));
        assert_null(catalog_trigger(f->c, str_of(o.id)));
        reopen(f);
        assert_string_equal(names(f, NULL, out), "x");
    }
}

static void a_deletion_of_the_function_that_fails_keeps_its_triggers(void **state)
{
    struct fix *f = *state;
    struct outcome o, gone = {0};
    char out[256];

    make_function(f, "fn");
    assert_int_equal(make(f, "fn", "a", 1, &o), 0);
    f->faulty.txn_fault = FAULT_IO;
    f->faulty.txn_times = 1;
    ask_delete_function(f, "fn", &gone);
    assert_int_equal(wait_for(f, &gone), -EIO);
    assert_string_equal(names(f, "fn", out), "a");
    reopen(f);
    assert_string_equal(names(f, "fn", out), "a");
}

/* Asked for in one breath, in both orders: afterwards there is neither the one nor the other. */
static void no_trigger_slips_past_the_deletion_of_its_function(void **state)
{
    struct fix *f = *state;
    struct outcome made, gone;

    f->faulty.delay_turns = 3;
    for (int first = 0; first < 2; first++) {
        make_function(f, "fn");
        gone = (struct outcome){0};
        if (first == 0)
            ask_delete_function(f, "fn", &gone);
        ask_create(f, "fn", "a", 1, &made);
        if (first == 1)
            ask_delete_function(f, "fn", &gone);
        assert_int_equal(wait_for(f, &gone), 0);
        assert_int_equal(wait_for(f, &made), first == 0 ? -ENOENT : 0);
        assert_null(catalog_trigger(f->c, str_of(made.id)));
        reopen(f);
        assert_string_equal(f->told, "");
    }
}

static void a_function_has_so_many_triggers_and_not_one_more(void **state)
{
    struct outcome *o = xcalloc(TRIGGERS_PER_FUNCTION + 1, sizeof(*o)), gone = {0};
    struct fix *f = *state;

    make_function(f, "fn");
    make_function(f, "fn2");
    catalog_unwatch_triggers(f->c, f);
    for (int i = 0; i <= TRIGGERS_PER_FUNCTION; i++)
        ask_create(f, "fn", "", i, &o[i]);
    for (int i = 0; i <= TRIGGERS_PER_FUNCTION; i++)
        assert_int_equal(wait_for(f, &o[i]), i < TRIGGERS_PER_FUNCTION ? 0 : -EDQUOT);
    assert_int_equal(make(f, "fn2", "t", 1, &o[TRIGGERS_PER_FUNCTION]), 0);

    ask_delete_function(f, "fn", &gone); /* and all of them fit into the transaction */
    assert_int_equal(wait_for(f, &gone), 0);
    for (int i = 0; i < TRIGGERS_PER_FUNCTION; i++)
        assert_null(catalog_trigger(f->c, str_of(o[i].id)));
    assert_non_null(catalog_trigger(f->c, str_of(o[TRIGGERS_PER_FUNCTION].id)));
    free(o);
}

static void several_watch_and_each_hears_all(void **state)
{
    struct fix *f = *state, *late = xnew(struct fix);
    struct outcome a = {0}, b = {0}, c = {0};

    make_function(f, "fn");
    assert_int_equal(make(f, "fn", "a", 1, &a), 0);
    catalog_watch_triggers(f->c, on_change, late); /* and what is there already */
    assert_int_equal(make(f, "fn", "b", 1, &b), 0);
    assert_string_equal(f->told, "+a+b");
    assert_string_equal(late->told, "+a+b");
    catalog_unwatch_triggers(f->c, f);
    assert_int_equal(make(f, "fn", "c", 1, &c), 0);
    assert_string_equal(f->told, "+a+b");
    assert_string_equal(late->told, "+a+b+c");
    catalog_unwatch_triggers(f->c, late);
    free(late);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(a_trigger_is_created_updated_and_deleted),
            T(an_unknown_function_has_no_triggers),
            T(a_name_is_given_once_in_a_function),
            T(listings_are_in_order_of_creation),
            T(a_function_goes_with_its_triggers_in_one_transaction),
            T(a_deletion_of_the_function_that_fails_keeps_its_triggers),
            T(no_trigger_slips_past_the_deletion_of_its_function),
            T(a_function_has_so_many_triggers_and_not_one_more),
            T(several_watch_and_each_hears_all),
    };
    return T_RUN(tests);
}
