/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - the bytes of an object for whoever deploys it, from wherever its bucket is.
 *
 *   which bucket is meant? -> a server's: GET into a nameless file ----------------\
 *                          -> ours: its record -> one blob: that file ------------> a map of it
 *                                             \-> parts: copied into a nameless file -/
 *
 * The bytes are a read-only map: a package of 300 MB costs no memory that the kernel could not take
 * back. At most AT_ONCE of these run at a time, so that workers are left for others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/list.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "object/internal.h"
#include "object/remote.h"
#include "store/blob.h"

enum { FETCH_MAGIC = 0x4f424647, AT_ONCE = 2, WAITING_MOST = 256, COPY_BYTES = 256 << 10 };

struct fetch {
    uint32_t magic;
    struct list node; /* objects.fetches, while it waits for its turn */
    struct objects *o;
    char *bucket, *key;          /* as they are in the store, or at the server */
    const struct remote *remote; /* NULL: ours */
    struct object ob;
    uint64_t max;
    struct object_bytes bytes;
    int r;
    struct err err;
    object_fn *fn;
    void *user;
};

void object_bytes_done(struct object_bytes *b)
{
    if (b->map)
        (void)munmap(b->map, b->view.n);
    *b = (struct object_bytes){0};
}

/* ---- which bucket ---- */

static bool is_digits(struct str s)
{
    uint64_t n;

    return s.n > 0 && str_u64(s, 0, UINT64_MAX, &n) == 0;
}

static bool may(const struct bucket *b, struct str account)
{
    return account.n == 0 || str_eq(str_of(b->owner), account);
}

/* SCF leaves the appid out of a bucket's name, which stands behind it after a hyphen. */
static const struct bucket *with_appid(const struct objects *o, const struct object_ref *ref)
{
    for (uint32_t i = 0; i < o->nbuckets; i++) {
        struct str name = str_of(o->buckets[i]->name), rest = str_from(name, ref->bucket.n);

        if (!o->buckets[i]->hidden && str_starts(name, ref->bucket) && str_starts(rest, S("-")) &&
            is_digits(str_from(rest, 1)) && may(o->buckets[i], ref->account))
            return o->buckets[i];
    }
    return NULL;
}

static void find_bucket(struct fetch *f, const struct object_ref *ref)
{
    const struct bucket *b;

    f->bucket = str_dup(ref->bucket);
    f->remote = remote_of(f->o->remotes, ref->bucket);
    if (f->remote)
        return;
    b = objects_bucket(f->o, ref->bucket);
    if (!b && ref->dialect == DIALECT_SCF)
        b = with_appid(f->o, ref);
    if (!b) {
        f->r = err_set(&f->err, ERR_CALLER, -ENXIO, "there is no bucket '%.*s'",
                       (int)(ref->bucket.n < 64 ? ref->bucket.n : 64), ref->bucket.p);
    } else if (!may(b, ref->account)) {
        f->r = err_set(&f->err, ERR_CALLER, -EACCES, "bucket '%s' is another account's", b->name);
    } else {
        free(f->bucket);
        f->bucket = xstrdup(b->name);
    }
}

/* ---- on a worker ---- */

static int nameless(int dir)
{
    char name[64];
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd < 0 ? -errno : fd;
    (void)snprintf(name, sizeof(name), ".object-%d-%p", (int)getpid(), (void *)&name);
    fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)unlinkat(dir, name, 0);
    return fd;
}

static int map_file(int fd, uint64_t n, struct object_bytes *ret)
{
    void *p;

    *ret = (struct object_bytes){.view = S("")};
    if (n == 0)
        return 0;
    p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret = (struct object_bytes){.view = {p, n}, .map = p};
    return 0;
}

int objects_gather(struct objects *o, int (*next)(void *user, struct str *ret), void *user,
                   struct object_bytes *ret)
{
    cleanup_close int fd = nameless(o->spool_dir);
    struct str piece = STR_NONE;
    uint64_t n = 0;
    int r = fd < 0 ? fd : 1;

    while (r == 1) {
        r = next(user, &piece);
        if (r != 1)
            break;
        r = io_write_all(fd, piece.p, piece.n);
        n += piece.n;
        if (r == 0)
            r = 1;
    }
    return r < 0 ? r : map_file(fd, n, ret);
}

int objects_blob_size(struct objects *o, const char *sha, uint64_t *ret)
{
    int fd = blob_open(o->blobs, sha, ret);

    if (fd < 0)
        return fd;
    fd_close(fd);
    return 0;
}

static int copy_part(struct objects *o, const struct object_part *p, int to)
{
    cleanup_with(buf_done) struct buf chunk;
    uint64_t at = 0;
    int r = 0;

    buf_init(&chunk, COPY_BYTES);
    while (r == 0 && at < p->size) {
        buf_reset(&chunk);
        r = blob_read(o->blobs, p->sha, at, COPY_BYTES, &chunk);
        if (r == 0 && chunk.n == 0)
            r = -EIO;
        if (r == 0)
            r = io_write_all(to, chunk.p, chunk.n);
        at += chunk.n;
    }
    return r == 0 && at != p->size ? -EIO : r;
}

static int read_ours(struct fetch *f)
{
    cleanup_close int fd = -EBADF;
    uint64_t n = 0;
    int r = 0;

    if (f->ob.nparts == 1) {
        fd = blob_open(f->o->blobs, f->ob.parts[0].sha, &n);
        if (fd >= 0 && n != f->ob.size)
            r = -EIO;
    } else {
        fd = nameless(f->o->spool_dir);
        for (uint32_t i = 0; fd >= 0 && r == 0 && i < f->ob.nparts; i++)
            r = copy_part(f->o, &f->ob.parts[i], fd);
    }
    if (fd < 0)
        r = fd;
    if (r == 0)
        r = map_file(fd, f->ob.size, &f->bytes);
    return r == 0 ? 0
                  : err_set(&f->err, ERR_HOST, r == -ENOENT ? -EIO : r, "read the object: %s",
                            strerror(-r));
}

static int read_remote(struct fetch *f)
{
    cleanup_close int fd = nameless(f->o->spool_dir);
    off_t n;
    int r;

    if (fd < 0)
        return err_set(&f->err, ERR_HOST, fd, "make a file for the object: %s", strerror(-fd));
    r = remote_get(f->remote, str_of(f->bucket), str_of(f->key), f->max, fd, &f->err);
    if (r < 0)
        return r;
    n = lseek(fd, 0, SEEK_END);
    r = n < 0 ? -errno : map_file(fd, (uint64_t)n, &f->bytes);
    return r == 0 ? 0 : err_set(&f->err, ERR_HOST, r, "read the object: %s", strerror(-r));
}

static void work(void *user)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);

    f->r = f->remote ? read_remote(f) : read_ours(f);
}

/* ---- on the loop ---- */

static void end(struct fetch *f)
{
    struct objects *o = f->o;

    f->fn(f->user, f->r, f->r == 0 ? &f->bytes : NULL, &f->err);
    object_bytes_done(&f->bytes);
    object_done(&f->ob);
    free(f->bucket);
    free(f->key);
    f->magic = 0;
    free(f);
    objects_ended(o);
}

static void on_worked(void *user);

static void next(struct objects *o)
{
    struct list *node;

    while (o->fetching < AT_ONCE && (node = list_pop_front(&o->fetches))) {
        o->fetching++;
        loop_work(o->loop, work, on_worked, container_of(node, struct fetch, node));
    }
}

static void on_worked(void *user)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);
    struct objects *o = f->o;

    o->fetching--;
    o->nfetches--;
    next(o);
    end(f);
}

static void queue(struct fetch *f)
{
    f->o->nfetches++;
    list_push_back(&f->o->fetches, &f->node);
    next(f->o);
}

static void on_found(void *user, int r, const struct object *ob)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);

    if (r == -ENOENT)
        f->r = err_set(&f->err, ERR_CALLER, r, "there is no object '%.128s' in bucket '%s'", f->key,
                       f->bucket);
    else if (r < 0)
        f->r = err_set(&f->err, ERR_HOST, r, "find the object: %s", strerror(-r));
    else if (ob->size > f->max)
        f->r = err_set(&f->err, ERR_LIMIT, -EMSGSIZE, "the object has %llu bytes, %llu are allowed",
                       (unsigned long long)ob->size, (unsigned long long)f->max);
    if (f->r < 0) {
        end(f);
        return;
    }
    object_copy(ob, &f->ob);
    queue(f);
}

void object_hold(struct objects *o)
{
    objects_began(o);
}

void object_release(struct objects *o)
{
    objects_ended(o);
}

static void refuse(void *user)
{
    end(OBJ(user, struct fetch, FETCH_MAGIC));
}

void object_get(struct objects *o, const struct object_ref *ref, uint64_t max, object_fn *fn,
                void *user)
{
    struct fetch *f = xnew(struct fetch);
    struct str key = ref->key;

    if (ref->dialect == DIALECT_SCF && str_starts(key, S("/")))
        key = str_from(key, 1);
    *f = (struct fetch){.magic = FETCH_MAGIC, .o = o, .max = max, .fn = fn, .user = user};
    list_init(&f->node);
    f->key = str_dup(key);
    objects_began(o);
    find_bucket(f, ref);
    if (f->r == 0 && o->nfetches >= WAITING_MOST)
        f->r = err_set(&f->err, ERR_LIMIT, -EAGAIN, "too many objects are being fetched");
    if (f->r == 0 && !object_key_is_valid(key))
        f->r = err_set(&f->err, ERR_CALLER, -ENOENT, "'%.128s' is no name of an object", f->key);
    if (f->r < 0)
        loop_defer(o->loop, refuse, f);
    else if (f->remote)
        queue(f);
    else
        objects_find(o, str_of(f->bucket), key, on_found, f);
}
