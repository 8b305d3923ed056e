/* SPDX-License-Identifier: Apache-2.0 */
/* keys.json: who may read it, what it may say, and which pair counts. */
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keys.h"
#include "base/cleanup.h"
#include "base/io.h"

#define GOOD                                                                                       \
    "{\"version\":1,\"keys\":[{\"access_key\":\"A\",\"secret_key\":\"a\"},"                        \
    "{\"access_key\":\"R\",\"secret_key\":\"r\",\"root\":true}]}"

static char dir_path[64];
static int dir = -EBADF;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/evoke-keys-XXXXXX");
    if (!mkdtemp(dir_path))
        return -1;
    dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    dir = fd_close(dir);
    return io_remove_tree(AT_FDCWD, dir_path);
}

static void put(const char *text, mode_t mode)
{
    struct err e = {0};

    t_ok(io_write_file(dir, "keys.json", str_of(text), 0600, &e), &e);
    assert_int_equal(fchmodat(dir, "keys.json", mode, 0), 0);
}

static struct keys *open_ok(const char *access, const char *secret, bool *ret_created)
{
    struct keys *k = NULL;
    struct err e = {0};

    t_ok(keys_open(dir, access, secret, &k, ret_created, &e), &e);
    return k;
}

static void the_first_start_makes_a_root_pair_only_the_owner_can_read(void **state)
{
    bool created = false;
    struct keys *k = open_ok(NULL, NULL, &created), *again;
    struct key root = keys_root(k), found;
    struct stat st;

    (void)state;
    assert_true(created);
    assert_true(root.root);
    assert_int_equal(strlen(root.access_key), 20);
    assert_int_equal(strlen(root.secret_key), 40);
    assert_int_equal(fstatat(dir, "keys.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    again = open_ok("", "", &created);
    assert_false(created);
    assert_int_equal(keys_find(again, str_of(root.access_key), &found), 0);
    assert_string_equal(found.secret_key, root.secret_key);
    assert_int_equal(keys_find(again, S("nobody"), &found), -ENOENT);
    assert_int_equal(keys_find(again, S(""), &found), -ENOENT);
    keys_free(again);
    keys_free(k);
}

static void a_file_that_others_may_use_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666};
    bool created;

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct keys *k = NULL;
        struct err e = {0};

        put(GOOD, modes[i]);
        assert_int_equal(keys_open(dir, NULL, NULL, &k, &created, &e), -EPERM);
        assert_null(k);
        t_has(e.msg, "chmod 600 keys.json");
    }
    put(GOOD, 0400);
    keys_free(open_ok(NULL, NULL, &created));
    put(GOOD, 0600);
    keys_free(open_ok(NULL, NULL, &created));
}

static void a_symbolic_link_is_not_followed(void **state)
{
    struct keys *k = NULL;
    bool created;

    (void)state;
    put(GOOD, 0600);
    assert_int_equal(renameat(dir, "keys.json", dir, "other"), 0);
    assert_int_equal(symlinkat("other", dir, "keys.json"), 0);
    assert_int_equal(keys_open(dir, NULL, NULL, &k, &created, NULL), -ELOOP);
}

static void a_file_that_says_something_else_is_refused(void **state)
{
#define ONE(a, s)                                                                                  \
    "{\"version\":1,\"keys\":[{\"access_key\":\"" a "\",\"secret_key\":\"" s "\",\"root\":true}]}"
    static const struct {
        const char *text, *says;
    } rows[] = {
            {"", ""},
            {"{", ""},
            {"[]", ""},
            {"{\"version\":3,\"keys\":[]}", "use a newer evoke"},
            {"{\"version\":0,\"keys\":[]}", "version is not 1"},
            {"{\"version\":1}", "'keys' is not a list"},
            {"{\"version\":1,\"keys\":[]}", "0 keys are root"},
            {"{\"version\":1,\"keys\":[1]}", "not an object"},
            {ONE("", "s"), "an access key has"},
            {ONE("a:b", "s"), "an access key has"},
            {ONE("a b", "s"), "an access key has"},
            {ONE("a", ""), "the secret of 'a'"},
            {"{\"version\":1,\"keys\":[{\"access_key\":1,\"secret_key\":\"s\",\"root\":true}]}",
             ""},
            {"{\"version\":1,\"keys\":[{\"access_key\":\"a\",\"secret_key\":\"s\"}]}",
             "0 keys are root"},
            {"{\"version\":1,\"keys\":[{\"access_key\":\"a\",\"secret_key\":\"s\",\"root\":true},"
             "{\"access_key\":\"b\",\"secret_key\":\"s\",\"root\":true}]}",
             "2 keys are root"},
            {"{\"version\":1,\"keys\":[{\"access_key\":\"a\",\"secret_key\":\"s\",\"root\":true},"
             "{\"access_key\":\"a\",\"secret_key\":\"t\"}]}",
             "is there twice"},
    };
    bool created;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys *k = NULL;
        struct err e = {0};

        put(rows[i].text, 0600);
        assert_true(keys_open(dir, NULL, NULL, &k, &created, &e) < 0);
        assert_null(k);
        t_has(e.msg, "keys.json: ");
        t_has(e.msg, rows[i].says);
    }
}

static void an_access_key_has_a_longest_length(void **state)
{
    char longest[130];
    struct keys *k = NULL;
    bool created;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[128] = '\0';
    keys_free(open_ok(longest, "s", &created));
    longest[128] = 'x';
    longest[129] = '\0';
    assert_int_equal(keys_open(dir, longest, "s", &k, &created, NULL), -EINVAL);

    /* In the file as well. */
    for (size_t n = KEY_ACCESS - 1; n <= KEY_ACCESS; n++) {
        char text[512];
        struct err e = {0};

        (void)snprintf(text, sizeof(text),
                       "{\"version\":1,\"keys\":[{\"access_key\":\"%.*s\",\"secret_key\":\"s\","
                       "\"root\":true}]}",
                       (int)n, longest);
        put(text, 0600);
        assert_int_equal(keys_open(dir, NULL, NULL, &k, &created, &e),
                         n < KEY_ACCESS ? 0 : -EINVAL);
        if (n < KEY_ACCESS)
            k = keys_free(k);
        else
            t_has(e.msg, "access_key has more than 128 characters");
    }
}

static void the_pair_from_outside_replaces_root_and_is_not_written(void **state)
{
    struct keys *k;
    struct key key;
    bool created;

    (void)state;
    k = open_ok("OUT", "side", &created);
    assert_false(created);
    assert_string_equal(keys_root(k).access_key, "OUT");
    assert_int_equal(faccessat(dir, "keys.json", F_OK, 0), -1);
    keys_free(k);

    put(GOOD, 0600);
    k = open_ok("OUT", "side", &created);
    assert_string_equal(keys_root(k).secret_key, "side");
    assert_int_equal(keys_find(k, S("R"), &key), -ENOENT);
    assert_int_equal(keys_find(k, S("A"), &key), 0);
    assert_false(key.root);
    keys_free(k);

    assert_int_equal(keys_open(dir, "OUT", NULL, &k, &created, NULL), -EINVAL);
    assert_int_equal(keys_open(dir, NULL, "side", &k, &created, NULL), -EINVAL);
    assert_int_equal(keys_open(dir, "A", "side", &k, &created, NULL), -EEXIST);
}

static const int64_t now_ms = 1795294078000;

static struct key wanted(const char *name, uint8_t scope)
{
    struct key key = {.scope = scope};

    for (size_t i = 0; name[i] && i < sizeof(key.name) - 1; i++)
        key.name[i] = name[i];
    return key;
}

static void a_key_that_was_added_is_there_after_a_restart(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key want = wanted("ci", KEY_READ | KEY_DEPLOY), made, found;
    struct key root = keys_root(k);
    struct err e = {0};
    struct stat st;

    (void)state;
    (void)snprintf(want.account, sizeof(want.account), "p1");
    (void)snprintf(want.dialect, sizeof(want.dialect), "fc");
    t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    assert_int_equal(strlen(made.access_key), 20);
    assert_int_equal(strlen(made.secret_key), 40);
    keys_used(k, &root, now_ms);
    keys_free(k);

    assert_int_equal(fstatat(dir, "keys.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    k = open_ok(NULL, NULL, &created);
    assert_false(created);
    assert_int_equal(keys_find(k, str_of(made.access_key), &found), 0);
    assert_string_equal(found.secret_key, made.secret_key);
    assert_string_equal(found.name, "ci");
    assert_string_equal(found.account, "p1");
    assert_string_equal(found.dialect, "fc");
    assert_int_equal(found.scope, KEY_READ | KEY_DEPLOY);
    assert_int_equal(found.created_ms, now_ms);
    assert_false(found.root);
    assert_string_equal(keys_root(k).secret_key, root.secret_key);
    keys_free(k);
}

static void a_new_key_must_look_like_one(void **state)
{
    char name[KEY_NAME + 1];
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key made, want;
    struct err e = {0};

    (void)state;
    memset(name, 'n', sizeof(name));
    name[KEY_NAME - 1] = '\0';
    want = wanted(name, KEY_READ);
    t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EEXIST);
    want = wanted("", KEY_READ);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EINVAL);
    want = wanted("a b", KEY_READ);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EINVAL);
    want = wanted("none", 0);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EINVAL);
    want = wanted("half", KEY_READ);
    (void)snprintf(want.dialect, sizeof(want.dialect), "fc");
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EINVAL);
    t_has(e.msg, "needs an account");
    want = wanted("root", KEY_READ);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EEXIST);
    keys_free(k);
}

static void there_is_room_for_256_keys_and_no_more(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key made, want;
    struct err e = {0};
    char name[16];

    (void)state;
    for (int i = 1; i < KEYS_LIMIT; i++) { /* the root pair is one of them */
        (void)snprintf(name, sizeof(name), "k%d", i);
        want = wanted(name, KEY_READ);
        t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    }
    want = wanted("more", KEY_READ);
    assert_int_equal(keys_add(k, &want, now_ms, &made, &e), -EDQUOT);
    t_has(e.msg, "256");
    keys_free(k);
    k = open_ok(NULL, NULL, &created);
    assert_false(created);
    t_ok(keys_remove(k, str_of(made.access_key), &e), &e);
    t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    keys_free(k);
}

static void an_old_secret_is_kept_as_long_as_its_grace(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key before = keys_root(k), after, found;
    struct role_root roles = keys_role_root(k), old;
    struct err e = {0};

    (void)state;
    t_ok(keys_rotate(k, str_of(before.access_key), 60, now_ms, &after, &e), &e);
    assert_string_equal(after.access_key, before.access_key);
    assert_string_not_equal(after.secret_key, before.secret_key);
    keys_free(k);

    k = open_ok(NULL, NULL, &created);
    assert_int_equal(keys_find(k, str_of(before.access_key), &found), 0);
    assert_string_equal(found.secret_key, after.secret_key);
    assert_string_equal(found.old_secret, before.secret_key);
    assert_int_equal(found.ends_ms, now_ms + 60000);
    assert_true(keys_old_role_root(k, now_ms + 59999, &old));
    assert_memory_equal(&old, &roles, sizeof(old));
    assert_false(keys_old_role_root(k, now_ms + 60000, &old));

    t_ok(keys_rotate(k, str_of(before.access_key), 0, now_ms, &after, &e), &e);
    assert_int_equal(keys_find(k, str_of(before.access_key), &found), 0);
    assert_string_equal(found.old_secret, "");
    assert_int_equal(found.ends_ms, 0);
    assert_false(keys_old_role_root(k, now_ms, &old));
    assert_int_equal(keys_rotate(k, S("nobody"), 0, now_ms, &after, &e), -ENOENT);
    keys_free(k);
}

static void the_root_pair_cannot_be_removed(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key root = keys_root(k);
    struct err e = {0};

    (void)state;
    assert_int_equal(keys_remove(k, str_of(root.access_key), &e), -EPERM);
    assert_int_equal(keys_remove(k, S("nobody"), &e), -ENOENT);
    keys_free(k);
}

/* What the environment brings is never written, and what the file had for root is never lost. */
static void a_change_under_a_pair_from_outside_keeps_the_files_own_root(void **state)
{
    bool created;
    struct key made, want = wanted("ci", KEY_READ), found;
    struct err e = {0};
    struct keys *k;

    (void)state;
    put(GOOD, 0600);
    k = open_ok("OUT", "side", &created);
    t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    assert_int_equal(keys_rotate(k, S("OUT"), 0, now_ms, &found, &e), -EPERM);
    keys_free(k);
    k = open_ok(NULL, NULL, &created);
    assert_false(created);
    assert_string_equal(keys_root(k).access_key, "R");
    assert_int_equal(keys_find(k, S("OUT"), &found), -ENOENT);
    assert_int_equal(keys_find(k, str_of(made.access_key), &found), 0);
    keys_free(k);

    assert_int_equal(unlinkat(dir, "keys.json", 0), 0);
    k = open_ok("OUT", "side", &created);
    t_ok(keys_add(k, &want, now_ms, &made, &e), &e);
    keys_free(k);
    k = open_ok(NULL, NULL, &created); /* the file has no root: one is made now */
    assert_true(created);
    assert_int_equal(keys_find(k, str_of(made.access_key), &found), 0);
    keys_free(k);
}

static void a_change_that_cannot_be_written_changes_nothing(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key made, want = wanted("ci", KEY_READ), root = keys_root(k), found;
    struct err e = {0};

    (void)state;
    /* A directory in the way of the rename fails for root, too. */
    assert_int_equal(unlinkat(dir, "keys.json", 0), 0);
    assert_int_equal(mkdirat(dir, "keys.json", 0700), 0);
    assert_int_equal(mkdirat(dir, "keys.json/x", 0700), 0);
    assert_true(keys_add(k, &want, now_ms, &made, &e) < 0);
    t_has(e.msg, "write keys.json");
    assert_true(keys_rotate(k, str_of(root.access_key), 0, now_ms, &made, &e) < 0);
    assert_int_equal(keys_find(k, str_of(root.access_key), &found), 0);
    assert_string_equal(found.secret_key, root.secret_key);
    keys_free(k);
}

static bool count_one(void *user, const struct key *key)
{
    assert_string_equal(key->secret_key, "");
    assert_string_equal(key->old_secret, "");
    *(size_t *)user += 1;
    return true;
}

static void a_walk_shows_no_secret_and_the_last_use(void **state)
{
    bool created;
    struct keys *k = open_ok(NULL, NULL, &created);
    struct key root = keys_root(k), found;
    size_t n = 0;

    (void)state;
    keys_each(k, count_one, &n);
    assert_int_equal(n, 1);
    keys_used(k, &root, now_ms);
    assert_int_equal(keys_find(k, str_of(root.access_key), &found), 0);
    assert_int_equal(found.used_ms, now_ms);
    keys_free(k);
}

int main(void)
{
#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
            WITH_DIR(the_first_start_makes_a_root_pair_only_the_owner_can_read),
            WITH_DIR(a_file_that_others_may_use_is_refused),
            WITH_DIR(a_symbolic_link_is_not_followed),
            WITH_DIR(a_file_that_says_something_else_is_refused),
            WITH_DIR(an_access_key_has_a_longest_length),
            WITH_DIR(the_pair_from_outside_replaces_root_and_is_not_written),
            WITH_DIR(a_key_that_was_added_is_there_after_a_restart),
            WITH_DIR(a_new_key_must_look_like_one),
            WITH_DIR(there_is_room_for_256_keys_and_no_more),
            WITH_DIR(an_old_secret_is_kept_as_long_as_its_grace),
            WITH_DIR(the_root_pair_cannot_be_removed),
            WITH_DIR(a_change_under_a_pair_from_outside_keeps_the_files_own_root),
            WITH_DIR(a_change_that_cannot_be_written_changes_nothing),
            WITH_DIR(a_walk_shows_no_secret_and_the_last_use),
    };

    return T_RUN(tests);
}
