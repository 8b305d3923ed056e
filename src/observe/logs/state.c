/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - the mark of a clean end, and what is told when it is missing.
 *
 *   logs/state   "1 <epoch> <clean|open> <boot id>"
 *
 * The epoch grows with every start and is the upper part of every sequence: numbers go on growing
 * whatever was lost. After an unclean end each function that had something unwritten is told so in
 * its own log, as the first thing of this epoch. When the machine itself went down (another boot id)
 * the list of those is as old as the kernel's last write of it: then whoever wrote in the last
 * minute of the store is told as well.
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"

enum { OTHERS = 2, LAST_MINUTE_S = 60, NAME_BYTES = 8192 };

static const char why_killed[] = "the daemon ended uncleanly: what was said in the moment before, "
                                 "and the end of runs under way, may be missing";
static const char why_power[] = "the machine went down: what was said in the last seconds before "
                                "may be missing";

struct state {
    uint64_t epoch;
    bool clean, known;
    char boot[40];
};

static void boot_id(char out[40])
{
    cleanup_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, 36);

    out[n > 0 ? n : 0] = '\0';
}

static void parse(struct str text, struct state *ret)
{
    struct str rest = str_trim(text), version = str_cut(&rest, ' '), epoch = str_cut(&rest, ' ');
    struct str end = str_cut(&rest, ' '), boot = str_cut(&rest, '\n');

    if (!str_eq(version, S("1")) || str_u64(epoch, 1, 1 << 23, &ret->epoch) < 0 ||
        boot.n >= sizeof(ret->boot))
        return;
    ret->clean = str_eq(end, S("clean"));
    ret->known = true;
    if (boot.n > 0)
        memcpy(ret->boot, boot.p, boot.n);
}

/* Calls fn for every function's directory. */
static int each_dir(struct logs *s, void (*fn)(struct logs *s, const char *dir, void *user),
                    void *user)
{
    DIR *d = io_open_dir(s->dir, ".");
    struct dirent *de;

    if (!d)
        return -errno;
    while ((de = readdir(d)))
        if (is_hex(str_of(de->d_name), SEG_DIR_TEXT - 1))
            fn(s, de->d_name, user);
    closedir(d);
    return 0;
}

/* Without a state its epoch is found again: above that of every record. */
static void highest(struct logs *s, const char *dir, void *user)
{
    uint64_t *epoch = user;
    struct segment seg;
    struct seg_mend mend;

    if (segment_find(s->dir, dir, &seg, &mend) == 0 && seg.last_seq >> LOGS_SEQ_EPOCH > *epoch)
        *epoch = seg.last_seq >> LOGS_SEQ_EPOCH;
    segment_close(&seg);
}

static int write_state(struct logs *s, bool clean, struct err *e)
{
    char text[128], boot[40];

    boot_id(boot);
    (void)snprintf(text, sizeof(text), "1 %llu %s %s\n",
                   (unsigned long long)(s->seq >> LOGS_SEQ_EPOCH), clean ? "clean" : "open", boot);
    return io_write_file(s->dir, "state", str_of(text), 0600, e);
}

/* ---- telling ---- */

static void tell(struct logs *s, struct str path, const char *why)
{
    struct flog *f = logs_flog(s, path);

    if (f && f->pending == 0)
        logs_tell_gap(f, 0, 0, why);
}

static int64_t written_s(struct logs *s, const char *dir)
{
    char path[SEG_DIR_TEXT + SEG_NAME_TEXT + 8], name[SEG_NAME_TEXT];
    struct seg_list list;
    struct stat st = {0};

    if (seg_list_dir(s->dir, dir, &list) == 0 && list.n > 0) {
        seg_file_name(list.files[list.n - 1].first_seq, ".log", name);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        if (fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
            st.st_mtime = 0;
    }
    seg_list_done(&list);
    return st.st_mtime;
}

static void latest(struct logs *s, const char *dir, void *user)
{
    int64_t *at = user, mine = written_s(s, dir);

    *at = mine > *at ? mine : *at;
}

struct telling {
    const char *why;
    int64_t since_s;
};

static void tell_dir(struct logs *s, const char *dir, void *user)
{
    const struct telling *t = user;
    cleanup_with(buf_done) struct buf name;

    buf_init(&name, NAME_BYTES);
    if (written_s(s, dir) >= t->since_s && seg_function_name(s->dir, dir, &name) >= 0)
        tell(s, buf_str(&name), t->why);
}

static void tell_unclean(struct logs *s, bool same_boot)
{
    struct telling t = {.why = same_boot ? why_killed : why_power, .since_s = INT64_MAX};
    bool others = s->hot[0].used == OTHERS;
    uint32_t n = 0;
    char(*paths)[LOGS_HOT_TEXT] = xcalloc(LOGS_HOT_SLOTS, sizeof(*paths));

    for (uint32_t i = 1; i < LOGS_HOT_SLOTS; i++) {
        if (s->hot[i].used == 1 && memchr(s->hot[i].path, 0, LOGS_HOT_TEXT))
            memcpy(paths[n++], s->hot[i].path, LOGS_HOT_TEXT);
    }
    memset(s->hot, 0, LOGS_HOT_SLOTS * sizeof(*s->hot));
    for (uint32_t i = 0; i < n; i++)
        tell(s, str_of(paths[i]), t.why);
    free(paths);
    if (others) {
        t.since_s = 0;
    } else if (!same_boot) {
        t.since_s = 0;
        (void)each_dir(s, latest, &t.since_s);
        t.since_s -= LAST_MINUTE_S;
    }
    if (t.since_s < INT64_MAX)
        (void)each_dir(s, tell_dir, &t);
}

int logs_state_keep(struct logs *s)
{
    int r = s->state_kept ? 0 : write_state(s, false, NULL);

    s->state_kept = r >= 0;
    return r < 0 ? r : logs_hot_keep(s);
}

void logs_state_open(struct logs *s)
{
    cleanup_with(buf_done) struct buf text;
    struct state before = {0};
    char boot[40];
    int r;

    buf_init(&text, 256);
    r = io_read_file(s->dir, "state", &text, NULL);
    if (r >= 0)
        parse(buf_str(&text), &before);
    if (!before.known)
        (void)each_dir(s, highest, &before.epoch);
    s->seq = (before.epoch + 1) << LOGS_SEQ_EPOCH;
    s->flushed_seq = s->seq;
    s->batch = batch_new(s);
    s->kept_r = logs_state_keep(s);
    logs_hot_adopt(s);
    boot_id(boot);
    if (before.clean)
        memset(s->hot, 0, LOGS_HOT_SLOTS * sizeof(*s->hot));
    else
        tell_unclean(s, !before.known || strcmp(before.boot, boot) == 0);
    if (s->kept_r < 0)
        logs_say_failing(s, NULL, s->kept_r);
}

void logs_state_close(struct logs *s)
{
    if (!s->failing)
        memset(s->hot, 0, LOGS_HOT_SLOTS * sizeof(*s->hot));
    (void)write_state(s, !s->failing, NULL);
}
