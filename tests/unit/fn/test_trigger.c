/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/trigger.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "t.h"

static const struct fn_key key = {DIALECT_FC, {"acc", 3}, {"region", 6}, {"svc", 3}, {"job", 3}};

static void set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

static struct trigger *sample(void)
{
    struct trigger *t = trigger_new(&key, S("timer"));

    set(&t->name, "nightly");
    set(&t->qualifier, "prod");
    set(&t->config, "{\"schedule\":\"@every 5m\",\"payload\":\"a \\\"b\\\"\"}");
    t->enabled = false;
    t->concurrency = 3;
    t->created_ms = 5;
    return t;
}

static void a_new_trigger_is_enabled_and_has_an_id_of_its_own(void **state)
{
    struct trigger *a = trigger_new(&key, S("timer")), *b = trigger_new(&key, S("timer"));
    struct fn_key back = trigger_key(a);

    (void)state;
    assert_true(a->enabled);
    assert_string_equal(a->qualifier, "latest");
    assert_string_equal(a->config, "{}");
    assert_int_equal(strlen(a->id), UUID_TEXT - 1);
    assert_string_not_equal(a->id, b->id);
    t_str(back.name, key.name);
    t_str(back.space, key.space);
    assert_int_equal(back.dialect, DIALECT_FC);
    trigger_unref(a);
    trigger_unref(b);
}

static char *encoded(const struct trigger *t)
{
    struct buf text;

    buf_init(&text, 4096);
    trigger_encode(t, &text);
    assert_true(buf_ok(&text));
    return buf_take(&text);
}

static void what_is_encoded_is_decoded_to_the_same(void **state)
{
    struct trigger *t = sample(), *copy = trigger_copy(t), *back = NULL;
    char *one = encoded(t), *two, *three;
    struct err e = {0};

    (void)state;
    t_ok(trigger_decode(str_of(one), 3, &back, &e), &e);
    assert_int_equal(back->revision, 3);
    assert_false(back->enabled);
    assert_int_equal(back->concurrency, 3);
    two = encoded(back);
    assert_string_equal(two, one);
    trigger_unref(trigger_ref(t));
    trigger_unref(t);
    three = encoded(copy); /* a copy shares nothing */
    assert_string_equal(three, one);
    trigger_unref(copy);
    trigger_unref(back);
    free(one);
    free(two);
    free(three);
}

static int decoded(struct trigger *t)
{
    struct trigger *back = NULL;
    struct buf text;
    int r;

    buf_init(&text, 1 << 20);
    trigger_encode(t, &text);
    r = trigger_decode(buf_str(&text), 1, &back, NULL);
    trigger_unref(back);
    buf_done(&text);
    return r;
}

static char *object_of(size_t bytes)
{
    char *text = xcalloc(bytes + 1, 1);

    memset(text, ' ', bytes);
    text[0] = '{';
    text[bytes - 1] = '}';
    return text;
}

static void decoding_refuses_what_encoding_cannot_have_written(void **state)
{
    static const char *const bad[] = {"", "{}", "null", "{\"v\":1}", "{\"v\":2,\"id\":\"\"}"};
    struct trigger *t = NULL;
    char *name;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(trigger_decode(str_of(bad[i]), 1, &t, NULL), -EINVAL);
    assert_null(t);

    t = sample();
    assert_int_equal(decoded(t), 0);
    set(&t->config, "[]");
    assert_int_equal(decoded(t), -EINVAL);
    free(t->config);
    t->config = object_of(TRIGGER_CONFIG);
    assert_int_equal(decoded(t), 0);
    free(t->config);
    t->config = object_of(TRIGGER_CONFIG + 1);
    assert_int_equal(decoded(t), -EINVAL);
    set(&t->config, "{}");

    name = xcalloc(TRIGGER_NAME + 2, 1);
    memset(name, 'n', TRIGGER_NAME);
    set(&t->name, name);
    assert_int_equal(decoded(t), 0);
    name[TRIGGER_NAME] = 'n';
    set(&t->name, name);
    assert_int_equal(decoded(t), -EINVAL);
    set(&t->name, "n");
    free(name);

    t->id[UUID_TEXT - 2] = '\0';
    assert_int_equal(decoded(t), -EINVAL);
    trigger_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_new_trigger_is_enabled_and_has_an_id_of_its_own),
            cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
            cmocka_unit_test(decoding_refuses_what_encoding_cannot_have_written),
    };
    return T_RUN(tests);
}
