/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of shared packages, and what a function sees of those it uses. */
#include "catalog/layers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "catalog/package.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"
#include "zip_make.h"

static const struct fn_key owner = {DIALECT_FC, {"account", 7}, {"region", 6}, {0}, {0}};

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct catalog *c;
    char *dir, *blob_dir, *code_dir;
    struct err e;
    bool done;
    int r;
    char sha[SHA256_HEX];
    uint32_t version; /* of the last published */
    char seen[256];   /* "name:version " of each that was listed */
    struct catalog_gc removed;
};

static int set_up(void **state)
{
    struct fix *f = *state = xnew(struct fix);

    f->dir = tempdir_new();
    f->blob_dir = xasprintf("%s/blobs", f->dir);
    f->code_dir = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    t_ok(blobs_open(f->blob_dir, &f->blobs, &f->e), &f->e);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code_dir, &f->c, &f->e), &f->e);
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
    free(f->blob_dir);
    free(f->code_dir);
    free(f);
    return 0;
}

static int wait_for(struct fix *f)
{
    loop_run_until(f->loop, &f->done);
    f->done = false;
    return f->r;
}

static void on_code(void *user, int r, const char *sha, const struct err *e)
{
    struct fix *f = user;

    f->r = r;
    f->e = *e;
    if (sha)
        memcpy(f->sha, sha, SHA256_HEX);
    f->done = true;
}

static void on_ready(void *user, int r, const struct err *e)
{
    struct fix *f = user;

    f->r = r;
    f->e = *e;
    f->done = true;
}

static void on_resource(void *user, int r, const struct resource *res)
{
    struct fix *f = user;
    const char *slash = res ? strrchr(res->id, '/') : NULL;

    f->r = r;
    f->version = slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
    f->done = true;
}

static void on_fn(void *user, int r, const struct fn *fn)
{
    (void)fn;
    on_ready(user, r, &(struct err){0});
}

static void on_gc(void *user, int r, const struct catalog_gc *removed)
{
    ((struct fix *)user)->removed = *removed;
    on_ready(user, r, &(struct err){0});
}

/* ---- versions ---- */

static struct layer sample(const struct fix *f, const char *name)
{
    struct layer l = {.name = str_of(name),
                      .description = S("for \"all\""),
                      .runtimes = S("[\"python3\"]"),
                      .digest = S("123"),
                      .extra = S("{\"license\":\"MIT\"}"),
                      .size = 42};

    memset(l.sha, 'a', SHA256_HEX - 1);
    if (f->sha[0])
        memcpy(l.sha, f->sha, SHA256_HEX);
    return l;
}

static uint32_t publish(struct fix *f, const char *name)
{
    struct layer l = sample(f, name);

    catalog_publish_layer(f->c, &owner, &l, on_resource, f);
    assert_int_equal(wait_for(f), 0);
    return f->version;
}

static int delete_version(struct fix *f, const char *name, uint32_t version)
{
    catalog_delete_layer(f->c, &owner, str_of(name), version, on_resource, f);
    return wait_for(f);
}

static void a_version_is_read_as_it_was_published(void **state)
{
    struct fix *f = *state;
    struct layer l;

    assert_int_equal(publish(f, "lib"), 1);
    t_ok(catalog_layer(f->c, &owner, S("lib"), 1, &l), &f->e);
    t_str(l.name, S("lib"));
    t_str(l.description, S("for \"all\""));
    t_str(l.runtimes, S("[\"python3\"]"));
    t_str(l.digest, S("123"));
    t_str(l.extra, S("{\"license\":\"MIT\"}"));
    assert_int_equal(l.size, 42);
    assert_int_equal(l.version, 1);
    assert_int_equal(strlen(l.sha), SHA256_HEX - 1);
    layer_done(&l);
    assert_int_equal(catalog_layer(f->c, &owner, S("lib"), 2, &l), -ENOENT);
    assert_int_equal(catalog_layer(f->c, &owner, S("lib"), 0, &l), -ENOENT);
    assert_int_equal(catalog_layer(f->c, &owner, S("li"), 1, &l), -ENOENT);
}

static void nobody_sees_the_layers_of_another(void **state)
{
    struct fix *f = *state;
    struct fn_key other = owner;
    struct layer l;

    publish(f, "lib");
    other.account = S("another");
    assert_int_equal(catalog_layer(f->c, &other, S("lib"), 1, &l), -ENOENT);
    other = owner;
    other.region = S("elsewhere");
    assert_int_equal(catalog_layer(f->c, &other, S("lib"), 1, &l), -ENOENT);
    other = owner;
    other.dialect = DIALECT_SCF;
    assert_int_equal(catalog_layer(f->c, &other, S("lib"), 1, &l), -ENOENT);
}

static void a_number_is_never_given_twice(void **state)
{
    struct fix *f = *state;

    assert_int_equal(publish(f, "lib"), 1);
    assert_int_equal(publish(f, "lib"), 2);
    assert_int_equal(delete_version(f, "lib", 2), 0);
    assert_int_equal(delete_version(f, "lib", 2), -ENOENT);
    assert_int_equal(publish(f, "lib"), 3);
    assert_int_equal(delete_version(f, "lib", 1), 0);
    assert_int_equal(delete_version(f, "lib", 3), 0);
    assert_int_equal(publish(f, "lib"), 4);
    assert_int_equal(publish(f, "other"), 1);
}

static void after_a_restart_neither(void **state)
{
    struct fix *f = *state;

    publish(f, "lib");
    assert_int_equal(delete_version(f, "lib", 1), 0);
    f->c = catalog_free(f->c);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code_dir, &f->c, &f->e), &f->e);
    assert_int_equal(publish(f, "lib"), 2);
}

struct many {
    bool done;
    uint32_t left, seen;
};

static void on_many(void *user, int r, const struct resource *res)
{
    struct many *m = user;

    assert_int_equal(r, 0);
    m->seen |= 1u << strtoul(strrchr(res->id, '/') + 1, NULL, 10);
    m->done = --m->left == 0;
}

static void those_who_publish_at_once_get_a_number_each(void **state)
{
    struct fix *f = *state;
    struct many m = {.left = 8};
    struct layer l = sample(f, "lib");

    for (int i = 0; i < 8; i++)
        catalog_publish_layer(f->c, &owner, &l, on_many, &m);
    loop_run_until(f->loop, &m.done);
    assert_int_equal(m.seen, 0x1fe);
}

static bool note(void *user, const struct layer *l)
{
    struct fix *f = user;
    size_t n = strlen(f->seen);

    (void)snprintf(f->seen + n, sizeof(f->seen) - n, "%.*s:%u ", STR_ARG(l->name), l->version);
    return true;
}

static void they_are_listed_as_they_came(void **state)
{
    struct fix *f = *state;

    for (int i = 0; i < 11; i++)
        publish(f, "lib");
    publish(f, "a/b");
    catalog_each_layer(f->c, &owner, S("lib"), note, f);
    assert_string_equal(f->seen,
                        "lib:1 lib:2 lib:3 lib:4 lib:5 lib:6 lib:7 lib:8 lib:9 lib:10 lib:11 ");
    f->seen[0] = '\0';
    catalog_each_layer(f->c, &owner, S("a/b"), note, f);
    assert_string_equal(f->seen, "a/b:1 ");
}

static void what_is_too_long_is_refused(void **state)
{
    struct fix *f = *state;
    char *text = xcalloc(RESOURCE_BODY * 3, 1);
    struct layer l = sample(f, "lib");

    memset(text, 'x', RESOURCE_BODY + 1);
    l.description = str_of(text);
    catalog_publish_layer(f->c, &owner, &l, on_resource, f);
    assert_int_equal(wait_for(f), -E2BIG);
    memset(text, 'x', RESOURCE_BODY * 3 - 1);
    l.description = str_of(text);
    catalog_publish_layer(f->c, &owner, &l, on_resource, f);
    assert_int_equal(wait_for(f), -E2BIG);
    free(text);
    assert_int_equal(catalog_layer(f->c, &owner, S("lib"), 1, &l), -ENOENT);
}

/* ---- what functions see ---- */

struct file {
    const char *path, *text; /* text NULL: a directory; "->x": a link to x */
};

static const char *pack(struct fix *f, const struct file *files, size_t n)
{
    struct zip_make z;
    struct buf zip;

    buf_init(&zip, 1 << 20);
    zip_start(&z, &zip);
    for (size_t i = 0; i < n; i++) {
        struct zip_entry entry = {.name = str_of(files[i].path), .data = str_of(files[i].text)};

        if (!files[i].text)
            entry.mode = S_IFDIR | 0755;
        else if (strncmp(files[i].text, "->", 2) == 0)
            entry.mode = S_IFLNK | 0777, entry.data = str_of(files[i].text + 2);
        zip_add(&z, &entry);
    }
    zip_finish(&z);
    catalog_put_code(f->c, &zip, &package_limits_default, on_code, f);
    if (wait_for(f) < 0)
        fail_msg("package: %s", f->e.msg);
    return f->sha;
}

#define PACK(f, ...)                                                                               \
    pack(f, (const struct file[]){__VA_ARGS__},                                                    \
         sizeof((struct file[]){__VA_ARGS__}) / sizeof(struct file))

static struct fn *draft_new(struct fix *f, const char *name)
{
    struct fn_key key = owner;
    struct fn *draft;

    key.space = S("space");
    key.name = str_of(name);
    draft = fn_new(&key);
    memcpy(draft->code.sha, PACK(f, {"index.py", "code"}), SHA256_HEX);
    return draft;
}

static int ready(struct fix *f, const struct fn *fn, uint64_t most)
{
    catalog_ready_layers(f->c, fn, most, on_ready, f);
    return wait_for(f);
}

static char *union_path(struct fix *f, const struct fn *fn, const char *path)
{
    char key[SHA256_HEX], name[LAYERS_DIRECTORY];

    return xasprintf("%s/%s%s%s", f->code_dir, layers_directory(fn_layers_key(fn, key), name),
                     path[0] ? "/" : "", path);
}

static void assert_file(struct fix *f, const struct fn *fn, const char *path, const char *want)
{
    char *real = union_path(f, fn, path);
    struct buf text;

    buf_init(&text, 1 << 10);
    t_ok(io_read_file(AT_FDCWD, real, &text, &f->e), &f->e);
    t_str(buf_str(&text), str_of(want));
    buf_done(&text);
    free(real);
}

static bool is_there(struct fix *f, const struct fn *fn, const char *path)
{
    char *real = union_path(f, fn, path);
    bool yes = access(real, F_OK) == 0;

    free(real);
    return yes;
}

static void later_layers_overwrite_earlier_ones(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");

    fn_add_layer(fn, S("one"),
                 PACK(f, {"lib/a", "one"}, {"lib/b", "one"}, {"file", "one"}, {"dir/x", "one"}), 1);
    fn_add_layer(fn, S("two"),
                 PACK(f, {"lib/b", "two"}, {"lib/c", "two"}, {"file/x", "two"}, {"dir", "two"}), 1);
    assert_int_equal(ready(f, fn, 0), 0);
    assert_file(f, fn, "lib/a", "one");
    assert_file(f, fn, "lib/b", "two");
    assert_file(f, fn, "lib/c", "two");
    assert_file(f, fn, "file/x", "two");
    assert_file(f, fn, "dir", "two");
    fn_unref(fn);
}

static void the_order_makes_another_union(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn"), *other = draft_new(f, "other");
    char one[SHA256_HEX], two[SHA256_HEX];

    memcpy(one, PACK(f, {"file", "one"}), SHA256_HEX);
    memcpy(two, PACK(f, {"file", "two"}), SHA256_HEX);
    fn_add_layer(fn, S("one"), one, 1);
    fn_add_layer(fn, S("two"), two, 1);
    fn_add_layer(other, S("two"), two, 1);
    fn_add_layer(other, S("one"), one, 1);
    assert_int_equal(ready(f, fn, 0), 0);
    assert_int_equal(ready(f, other, 0), 0);
    assert_file(f, fn, "file", "two");
    assert_file(f, other, "file", "one");
    fn_unref(fn);
    fn_unref(other);
}

static void a_link_stays_a_link_and_leads_nowhere_while_it_is_merged(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");
    struct stat st;
    char *real;

    fn_add_layer(fn, S("one"), PACK(f, {"real/a", "one"}, {"link", "->real"}, {"to", "->real/a"}),
                 1);
    fn_add_layer(fn, S("two"), PACK(f, {"link/b", "two"}, {"to", "two"}), 1);
    assert_int_equal(ready(f, fn, 0), 0);
    assert_file(f, fn, "link/b", "two");
    assert_file(f, fn, "to", "two");
    assert_file(f, fn, "real/a", "one");
    assert_false(is_there(f, fn, "real/b"));
    real = union_path(f, fn, "link");
    assert_int_equal(lstat(real, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    free(real);
    fn_unref(fn);
}

static void wipe(struct fix *f, const char *name)
{
    char *path = xasprintf("%s/%s", f->code_dir, name);

    assert_int_equal(io_remove_tree(AT_FDCWD, path), 0);
    free(path);
}

static void it_is_made_again_from_the_packages(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");
    char sha[SHA256_HEX], key[SHA256_HEX], directory[LAYERS_DIRECTORY];

    memcpy(sha, PACK(f, {"file", "one"}), SHA256_HEX);
    fn_add_layer(fn, S("one"), sha, 1);
    assert_int_equal(ready(f, fn, 0), 0);
    wipe(f, sha);
    wipe(f, layers_directory(fn_layers_key(fn, key), directory));
    assert_false(is_there(f, fn, ""));
    assert_int_equal(ready(f, fn, 0), 0);
    assert_file(f, fn, "file", "one");
    fn_unref(fn);
}

static void the_whole_has_a_limit(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn"); /* 4 bytes of code */

    fn_add_layer(fn, S("one"), PACK(f, {"a", "12345"}, {"b", "12345"}), 1);
    fn_add_layer(fn, S("two"), PACK(f, {"b", "1234567"}), 1); /* in place of the one above */
    assert_int_equal(ready(f, fn, 16), 0);
    assert_int_equal(ready(f, fn, 15), -EFBIG);
    t_has(f->e.msg, "unpack to 16 bytes, the limit is 15");
    fn_unref(fn);
}

static void a_function_without_layers_has_no_union(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");
    char key[SHA256_HEX];

    assert_string_equal(fn_layers_key(fn, key), "");
    assert_int_equal(ready(f, fn, 0), 0);
    assert_false(is_there(f, fn, ""));
    fn_unref(fn);
}

static void on_turn(void *user)
{
    *(bool *)user = true;
}

static uint32_t collect(struct fix *f)
{
    bool turned = false; /* what left the table is let go at the end of a turn */

    loop_post(f->loop, on_turn, &turned);
    loop_run_until(f->loop, &turned);
    catalog_gc(f->c, 0, on_gc, f);
    assert_int_equal(wait_for(f), 0);
    return f->removed.directories;
}

static void gc_takes_what_no_function_and_no_version_names(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");
    struct fn *copy;
    char sha[SHA256_HEX];

    memcpy(sha, PACK(f, {"file", "one"}), SHA256_HEX);
    assert_int_equal(publish(f, "lib"), 1);
    fn_add_layer(fn, S("lib:1"), sha, 1);
    assert_int_equal(ready(f, fn, 0), 0);
    copy = fn_copy(fn);
    catalog_create(f->c, fn, on_fn, f);
    assert_int_equal(wait_for(f), 0);
    assert_true(catalog_layer_used(f->c, &owner, S("lib:1")));
    assert_false(catalog_layer_used(f->c, &owner, S("lib:2")));

    /* Named by both; by the function alone; by nobody. */
    (void)collect(f);
    assert_file(f, copy, "file", "one");
    assert_int_equal(delete_version(f, "lib", 1), 0);
    (void)collect(f);
    assert_file(f, copy, "file", "one");
    catalog_delete(f->c,
                   &(struct fn_key){DIALECT_FC, owner.account, owner.region, S("space"), S("fn")},
                   on_fn, f);
    assert_int_equal(wait_for(f), 0);
    assert_false(catalog_layer_used(f->c, &owner, S("lib:1")));
    assert_int_equal(collect(f), 3); /* code, layer, union */
    assert_false(is_there(f, copy, ""));
    fn_unref(copy);
}

static void gc_keeps_the_package_of_a_version_nobody_uses(void **state)
{
    struct fix *f = *state;
    struct fn *fn = draft_new(f, "fn");
    char sha[SHA256_HEX];

    memcpy(sha, PACK(f, {"file", "one"}), SHA256_HEX);
    publish(f, "lib");
    assert_int_equal(collect(f), 1); /* the code of `fn`, which nobody names */
    wipe(f, sha);
    catalog_ready_code(f->c, sha, on_ready, f);
    assert_int_equal(wait_for(f), 0);
    fn_unref(fn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
            T(a_version_is_read_as_it_was_published),
            T(nobody_sees_the_layers_of_another),
            T(a_number_is_never_given_twice),
            T(after_a_restart_neither),
            T(those_who_publish_at_once_get_a_number_each),
            T(they_are_listed_as_they_came),
            T(what_is_too_long_is_refused),
            T(later_layers_overwrite_earlier_ones),
            T(the_order_makes_another_union),
            T(a_link_stays_a_link_and_leads_nowhere_while_it_is_merged),
            T(it_is_made_again_from_the_packages),
            T(the_whole_has_a_limit),
            T(a_function_without_layers_has_no_union),
            T(gc_takes_what_no_function_and_no_version_names),
            T(gc_keeps_the_package_of_a_version_nobody_uses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
