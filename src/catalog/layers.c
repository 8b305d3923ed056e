/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers.c - versions of shared packages, kept as resources.
 *
 * Publishing takes two writes: the name's last number goes up, and then the version is written under
 * it. A crash between the two loses a number, which nobody had seen; and a number that was given is
 * never given again, whatever is deleted. Of two who publish at once one loses the comparison of the
 * first write, and takes the number after.
 *
 *   begin --> count up --0--> write the version --> the caller hears
 *               ^   |
 *               +---+ -ESTALE, -EEXIST: somebody was faster
 */
#include "catalog/layers.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "catalog/internal.h"
#include "catalog/versions.h"
#include "loop/loop.h"

enum { PUBLISH_MAGIC = 0x6c617965, TRIES = 100, PATH_MAX_BYTES = 4 * RESOURCE_ID };

static const char of_version[] = "layer", of_last[] = "layer-last";

/* "<dialect>/<account>/<region>/<name>" and, but for 0, "/<version>". */
static void add_id(const struct fn_key *owner, struct str name, uint32_t version, struct buf *out)
{
    uri_encode(str_of(dialect_names[owner->dialect]), "", out);
    buf_addc(out, '/');
    uri_encode(owner->account, "", out);
    buf_addc(out, '/');
    uri_encode(owner->region, "", out);
    buf_addc(out, '/');
    uri_encode(name, "", out);
    if (version > 0)
        buf_addf(out, "/%u", version);
}

static void add_parent(const struct fn_key *owner, struct str name, struct buf *out)
{
    buf_addz(out, "layer/");
    add_id(owner, name, 0, out);
}

/* ---- reading ---- */

int layer_of(const struct resource *res, struct layer *l)
{
    int64_t version = 0, size = 0;
    struct str sha = STR_NONE;
    struct err e = {0};

    *l = (struct layer){.of = res, .tree = json_parse(str_of(res->body), &e)};
    if (!l->tree || json_str(l->tree, "name", false, &l->name, &e) < 0 ||
        json_str(l->tree, "description", false, &l->description, &e) < 0 ||
        json_str(l->tree, "runtimes", false, &l->runtimes, &e) < 0 ||
        json_str(l->tree, "digest", false, &l->digest, &e) < 0 ||
        json_str(l->tree, "extra", false, &l->extra, &e) < 0 ||
        json_str(l->tree, "sha", false, &sha, &e) < 0 || sha.n != SHA256_HEX - 1 ||
        json_int(l->tree, "version", false, 1, UINT32_MAX, &version, &e) < 0 ||
        json_int(l->tree, "size", false, 0, INT64_MAX, &size, &e) < 0)
        return -EINVAL;
    memcpy(l->sha, sha.p, sha.n);
    l->version = (uint32_t)version;
    l->size = (uint64_t)size;
    return 0;
}

void layer_done(struct layer *l)
{
    json_free(l->tree);
    *l = (struct layer){0};
}

int catalog_layer(const struct catalog *c, const struct fn_key *owner, struct str name,
                  uint32_t version, struct layer *ret)
{
    cleanup_with(buf_done) struct buf id;
    const struct resource *res = NULL;

    *ret = (struct layer){0};
    buf_init(&id, PATH_MAX_BYTES);
    add_id(owner, name, version, &id);
    if (name.n > 0 && version > 0 && buf_ok(&id))
        res = catalog_resource(c, str_of(of_version), buf_str(&id));
    if (!res)
        return -ENOENT;
    if (layer_of(res, ret) < 0) {
        layer_done(ret);
        return -ENOENT;
    }
    return 0;
}

struct each {
    bool (*fn)(void *user, const struct layer *l);
    void *user;
};

static bool each_resource(void *user, const struct resource *res)
{
    const struct each *each = user;
    cleanup_with(layer_done) struct layer l;

    return layer_of(res, &l) < 0 || each->fn(each->user, &l);
}

void catalog_each_layer(const struct catalog *c, const struct fn_key *owner, struct str name,
                        bool (*fn)(void *user, const struct layer *l), void *user)
{
    cleanup_with(buf_done) struct buf parent;
    struct each each = {.fn = fn, .user = user};
    struct resource_filter filter = {.kind = str_of(of_version), .dialect = -1};

    if (owner) {
        filter.dialect = (int)owner->dialect;
        filter.account = owner->account;
        filter.region = owner->region;
    }
    buf_init(&parent, PATH_MAX_BYTES);
    if (owner && name.n > 0) {
        add_parent(owner, name, &parent);
        filter.parent = buf_str(&parent);
    }
    if (buf_ok(&parent))
        catalog_each_resource(c, &filter, each_resource, &each);
}

static bool uses(const struct fn *f, struct str ref)
{
    for (uint32_t i = 0; i < f->nlayers; i++)
        if (str_eq(str_of(f->layers[i].ref), ref))
            return true;
    return false;
}

struct used {
    struct str ref;
    bool yes;
    const struct catalog *c;
};

static bool version_uses(void *user, const struct fn *f)
{
    struct used *used = user;

    used->yes = used->yes || uses(f, used->ref);
    return !used->yes;
}

static bool function_uses(void *user, const struct fn *f)
{
    struct used *used = user;
    struct fn_key key = fn_key_of(f);

    if (version_uses(used, f))
        catalog_each_version(used->c, &key, version_uses, used);
    return !used->yes;
}

bool catalog_layer_used(const struct catalog *c, const struct fn_key *owner, struct str ref)
{
    struct catalog_filter filter = {
            .dialect = (int)owner->dialect, .account = owner->account, .region = owner->region};
    struct used used = {.ref = ref, .c = c};

    catalog_each(c, &filter, function_uses, &used);
    return used.yes;
}

/* ---- publishing ---- */

struct publish {
    uint32_t magic;
    struct catalog *c;
    struct fn_key owner;           /* views into own */
    char *account, *region, *name; /* owned */
    char *body;                    /* owned: the version's, but for its number */
    uint32_t version;
    uint32_t tries;
    catalog_resource_fn *fn;
    void *user;
};

static void count_up(struct publish *p);

static void end(struct publish *p, int r, const struct resource *res)
{
    p->fn(p->user, r, res);
    catalog_ended(p->c);
    free(p->account);
    free(p->region);
    free(p->name);
    free(p->body);
    p->magic = 0;
    free(p);
}

static void on_written(void *user, int r, const struct resource *res)
{
    end(OBJ(user, struct publish, PUBLISH_MAGIC), r, res);
}

struct newest {
    int64_t created_ms;
    uint32_t version;
};

static bool look_newest(void *user, const struct layer *l)
{
    struct newest *n = user;

    if (l->of->created_ms > n->created_ms)
        n->created_ms = l->of->created_ms;
    if (l->version > n->version)
        n->version = l->version;
    return true;
}

static struct newest newest_of(const struct publish *p)
{
    struct newest n = {0};

    catalog_each_layer(p->c, &p->owner, str_of(p->name), look_newest, &n);
    return n;
}

/* A record of ours; version 0: of the name. */
static struct resource *draft_new(const struct publish *p, const char *kind, uint32_t version)
{
    cleanup_with(buf_done) struct buf text;
    struct resource *draft;
    int64_t now = clock_wall_ms(), before = newest_of(p).created_ms;

    buf_init(&text, 2ul * PATH_MAX_BYTES);
    add_id(&p->owner, str_of(p->name), version, &text);
    draft = resource_new(str_of(kind), buf_str(&text));
    draft->dialect = p->owner.dialect;
    fn_set(&draft->account, p->owner.account);
    fn_set(&draft->region, p->owner.region);
    if (version > 0) {
        buf_reset(&text);
        add_parent(&p->owner, str_of(p->name), &text);
        fn_set(&draft->parent, buf_str(&text));
    }
    /* They are listed by their time: two of one millisecond would stand by their text, 10 before 9. */
    draft->created_ms = draft->modified_ms = now > before ? now : before + 1;
    return draft;
}

static void write_version(struct publish *p)
{
    struct resource *draft = draft_new(p, of_version, p->version);

    free(draft->body);
    draft->body = xasprintf("{\"version\":%u,%s", p->version, p->body + 1);
    catalog_create_resource(p->c, draft, on_written, p);
}

static void on_counted(void *user, int r, const struct resource *res)
{
    struct publish *p = OBJ(user, struct publish, PUBLISH_MAGIC);

    (void)res;
    if (r == 0)
        write_version(p);
    else if ((r == -ESTALE || r == -EEXIST || r == -ENOENT) && ++p->tries < TRIES)
        count_up(p);
    else
        end(p, r, NULL);
}

static uint32_t last_of(const struct resource *res)
{
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *tree = json_parse(str_of(res->body), &e);
    int64_t last = 0;

    (void)(tree ? json_int(tree, "last", false, 0, UINT32_MAX - 1, &last, &e) : 0);
    return (uint32_t)last;
}

static void count_up(struct publish *p)
{
    cleanup_with(buf_done) struct buf id;
    const struct resource *have;
    struct resource *draft;
    uint32_t last;

    buf_init(&id, PATH_MAX_BYTES);
    add_id(&p->owner, str_of(p->name), 0, &id);
    have = catalog_resource(p->c, str_of(of_last), buf_str(&id));
    draft = have ? resource_copy(have) : draft_new(p, of_last, 0);
    last = have ? last_of(have) : 0;
    p->version = newest_of(p).version;
    p->version = (last > p->version ? last : p->version) + 1;
    free(draft->body);
    draft->body = xasprintf("{\"last\":%u}", p->version);
    if (have)
        catalog_update_resource(p->c, draft, on_counted, p);
    else
        catalog_create_resource(p->c, draft, on_counted, p);
}

static char *body_of(const struct layer *what)
{
    cleanup_with(buf_done) struct buf body;
    struct jw w;

    buf_init(&body, 2ul * RESOURCE_BODY); /* too long a one is refused by the write */
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "name");
    jw_str(&w, what->name);
    jw_kstr(&w, "description", what->description);
    jw_kstr(&w, "runtimes", what->runtimes);
    jw_kstr(&w, "digest", what->digest);
    jw_kstr(&w, "extra", what->extra);
    jw_kstrz(&w, "sha", what->sha);
    jw_kint(&w, "size", (int64_t)what->size);
    jw_obj_end(&w);
    return buf_ok(&body) ? str_dup(buf_str(&body)) : NULL;
}

static void refuse(void *user)
{
    end(OBJ(user, struct publish, PUBLISH_MAGIC), -E2BIG, NULL);
}

void catalog_publish_layer(struct catalog *c, const struct fn_key *owner, const struct layer *what,
                           catalog_resource_fn *fn, void *user)
{
    struct publish *p = xnew(struct publish);

    p->magic = PUBLISH_MAGIC;
    p->c = c;
    p->account = str_dup(owner->account);
    p->region = str_dup(owner->region);
    p->name = str_dup(what->name);
    p->owner = (struct fn_key){
            .dialect = owner->dialect, .account = str_of(p->account), .region = str_of(p->region)};
    p->fn = fn;
    p->user = user;
    p->body = body_of(what);
    catalog_began(c);
    if (p->body)
        count_up(p);
    else
        loop_defer(c->loop, refuse, p);
}

void catalog_delete_layer(struct catalog *c, const struct fn_key *owner, struct str name,
                          uint32_t version, catalog_resource_fn *fn, void *user)
{
    cleanup_with(buf_done) struct buf id;

    buf_init(&id, PATH_MAX_BYTES);
    add_id(owner, name, version, &id);
    catalog_delete_resource(c, str_of(of_version), buf_str(&id), fn, user);
}
