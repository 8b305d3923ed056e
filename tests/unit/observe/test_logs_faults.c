/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does when it is killed, damaged, or has no room: nothing is lost in silence. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "logs_rig.h"
#include "observe/health.h"
#include "observe/logs/segment.h"

/* The only function's directory below logs/. */
static char *dir_of(const struct rig *g, const char *function)
{
    char dir[SEG_DIR_TEXT];

    seg_dir_name(str_of(function), dir);
    return xasprintf("%s/%s", g->logs_dir, dir);
}

static struct seg_list files_of(const struct rig *g, const char *function)
{
    struct seg_list l;
    char dir[SEG_DIR_TEXT];
    int fd = open(g->logs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    seg_dir_name(str_of(function), dir);
    assert_int_equal(seg_list_dir(fd, dir, &l), 0);
    close(fd);
    return l;
}

static char *path_of(const struct rig *g, const char *function, uint64_t first, const char *suffix)
{
    char name[SEG_NAME_TEXT], *dir = dir_of(g, function), *path;

    seg_file_name(first, suffix, name);
    path = xasprintf("%s/%s", dir, name);
    free(dir);
    return path;
}

static size_t gaps_of(const struct answer *a, const char *why)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        n += a->got[i].kind == LOG_KIND_GAP && strstr(a->got[i].reason, why) != NULL;
    return n;
}

/* ---- kill -9 ---- */

/* Writes numbered runs until it is killed; tells the pipe which are flushed. */
static void write_until_killed(struct rig *g, int pipe, volatile uint32_t *begun)
{
    struct logs_stats st;
    char request[32], text[64];

    rig_open(g);
    for (uint32_t i = 1;; i++) {
        *begun = i;
        (void)snprintf(request, sizeof(request), "r-%u", i);
        (void)snprintf(text, sizeof(text), "line %u\n", i);
        rig_run(g, g->fn, request, OUTCOME_OK, text);
        if (i % 50)
            continue;
        rig_settle(g);
        logs_stats(g->logs, &st);
        if (st.records != i || write(pipe, &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

static uint32_t kill_a_writer(struct rig *g, uint32_t after, uint32_t *ret_begun)
{
    volatile uint32_t *begun =
            mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t flushed = 0, n;
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_until_killed(g, ends[1], begun);
    close(ends[1]);
    for (uint32_t i = 0; i < after; i++)
        assert_int_equal(read(ends[0], &flushed, sizeof(flushed)), sizeof(flushed));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &n, sizeof(n)) == sizeof(n))
        flushed = n;
    close(ends[0]);
    *ret_begun = *begun;
    munmap((void *)begun, sizeof(*begun));
    return flushed;
}

static void a_killed_writer_loses_what_was_not_flushed_and_says_so(void **state)
{
    size_t told = 0;

    (void)state;
    /* On a busy machine a kill may come while nothing is under way: then once more. */
    for (uint32_t round = 1; round <= 8 || (told == 0 && round <= 100); round++) {
        struct rig g = rig_new();
        uint32_t after = round % 8 + 1, flushed, begun;
        struct answer *a;

        flushed = kill_a_writer(&g, after * after, &begun);
        rig_open(&g);
        a = rig_read_all(&g, HELLO);
        assert_true(a->n >= flushed);
        for (uint32_t i = 0; i < flushed; i++) {
            char want[64];

            (void)snprintf(want, sizeof(want), "line %u\n", i + 1);
            assert_string_equal(a->got[i].text, want);
        }
        /* The last one may have been counted and not begun. */
        assert_true(gaps_of(a, "uncleanly") == 1 || a->n + 1 >= begun);
        told += gaps_of(a, "uncleanly");
        answer_free(a);
        rig_done(&g);
    }
    assert_true(told > 0);
}

static void a_clean_end_is_not_told(void **state)
{
    struct rig g = rig_new();
    struct answer *a;

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "x\n");
    rig_close(&g);
    rig_open(&g);
    a = rig_read_all(&g, "");
    assert_int_equal(a->n, 1);
    answer_free(a);
    rig_done(&g);
}

static void only_functions_at_work_are_told_of_a_kill(void **state)
{
    struct rig g = rig_new();
    struct fn *busy = rig_fn("busy");
    struct answer *a;
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct run_facts f = rig_facts(busy, "under-way");

        rig_open(&g);
        rig_run(&g, g.fn, "r", OUTCOME_OK, "done before\n");
        rig_settle(&g);
        (void)logs_watch.begin(g.logs, &f); /* never printed, never flushed */
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    rig_open(&g);
    a = rig_read_all(&g, HELLO);
    assert_int_equal(gaps_of(a, ""), 0);
    assert_int_equal(a->n, 1);
    answer_free(a);
    a = rig_read_all(&g, "functiongraph/p/r/default/busy");
    assert_int_equal(gaps_of(a, "uncleanly"), 1);
    answer_free(a);
    fn_unref(busy);
    rig_done(&g);
}

/* Told to nobody by the daemon that wrote it, and of a function that the next one has not heard of. */
static void what_was_written_before_a_kill_comes_after_an_older_cursor(void **state)
{
    struct rig g = rig_new();
    struct logs_query q;
    struct answer *a;
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        rig_open(&g);
        rig_run(&g, g.fn, "r-1", OUTCOME_OK, "one\n");
        rig_settle(&g);
        rig_run(&g, g.fn, "r-2", OUTCOME_OK, "two\n");
        rig_settle(&g);
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    rig_open(&g);
    logs_query_init(&q);
    q.limit = 1;
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "one\n");
    q.has_after = true;
    q.after = a->cursor;
    q.wait_ms = 10000;
    q.limit = LOGS_LIMIT;
    answer_free(a);
    a = rig_read(&g, &q);
    assert_int_equal(a->n, 1);
    assert_string_equal(a->text.p, "two\n");
    answer_free(a);
    rig_done(&g);
}

/* ---- damage ---- */

static void fill(struct rig *g, unsigned from, unsigned to, size_t width)
{
    for (unsigned i = from; i < to; i++) {
        char request[32], *text = xcalloc(1, width + 32);

        (void)snprintf(request, sizeof(request), "r-%u", i);
        (void)snprintf(text, width + 32, "line %u %0*d\n", i, (int)width, 0);
        rig_run(g, g->fn, request, OUTCOME_OK, text);
        free(text);
        if (i % 16 == 0)
            rig_settle(g);
    }
    rig_settle(g);
}

static void flip(const char *path, off_t at)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char c;

    assert_int_equal(pread(fd, &c, 1, at), 1);
    c = (char)(c ^ 0x55);
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void a_torn_tail_is_cut_off_and_told(void **state)
{
    struct rig g = rig_new();
    struct seg_list l;
    struct answer *a;
    struct stat st;
    char *path;

    (void)state;
    rig_open(&g);
    fill(&g, 0, 10, 100);
    rig_close(&g);
    l = files_of(&g, HELLO);
    assert_int_equal(l.n, 1);
    path = path_of(&g, HELLO, l.files[0].first_seq, ".log");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 7), 0);
    rig_open(&g);
    fill(&g, 10, 12, 100);
    a = rig_read_all(&g, HELLO);
    assert_int_equal(gaps_of(a, "not written whole"), 1);
    assert_int_equal(a->n, 9 + 2 + 1);
    assert_true(a->lost_bytes > 100);
    answer_free(a);
    seg_list_done(&l);
    free(path);
    rig_done(&g);
}

/* A function prints a whole record, checksum and all; what is left of the record around it is torn
 * or damaged. */
static void a_record_that_was_printed_is_never_believed(void **state)
{
    struct log_record lie = {.kind = LOG_KIND_RUN, .flags = LOG_END, .request_id = S("lie")};

    (void)state;
    for (int torn = 0; torn < 2; torn++) {
        struct rig g = rig_new();
        struct run_facts facts = rig_facts(g.fn, "liar");
        struct answer *a;
        struct seg_list l;
        char text[512];
        size_t n = log_record_size(&lie, 0);
        char *path;
        void *run;

        rig_open(&g);
        rig_run(&g, g.fn, "before", OUTCOME_OK, "before\n");
        rig_settle(&g);
        a = rig_read_all(&g, HELLO);
        lie.seq = a->got[0].seq + 1;
        answer_free(a);
        log_record_put(text, &lie, STR_NONE, STR_NONE);
        log_record_seal(text);
        memset(text + n, 'x', sizeof(text) - n);
        run = logs_watch.begin(g.logs, &facts);
        logs_watch.log(g.logs, run, &facts, (struct str){text, sizeof(text)});
        logs_watch.end(g.logs, run, &facts);
        if (!torn)
            rig_run(&g, g.fn, "after", OUTCOME_OK, "after\n");
        rig_settle(&g);
        l = files_of(&g, HELLO);
        path = path_of(&g, HELLO, l.files[0].first_seq, ".log");
        seg_list_done(&l);
        rig_close(&g);
        if (torn) {
            struct stat st;

            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(truncate(path, st.st_size - 1), 0);
        } else {
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            char all[4096], *at;
            ssize_t size = pread(fd, all, sizeof(all), 0);

            close(fd);
            assert_true(size > 0);
            at = memmem(all, (size_t)size, "liar", 4);
            assert_non_null(at);
            flip(path, at - all);
        }
        g.conf.segment_bytes = 64; /* what is there is sealed, its sidecar made of it */
        rig_open(&g);
        rig_run(&g, g.fn, "later", OUTCOME_OK, "later\n");
        rig_settle(&g);
        for (uint32_t last = 0; last < 2; last++) {
            struct logs_query q;

            logs_query_init(&q);
            q.function = S(HELLO);
            q.last = last * 100;
            a = rig_read(&g, &q);
            assert_int_equal(a->r, 0);
            t_has(a->text.p, "before\n");
            t_has(a->text.p, "later\n");
            assert_true(torn || strstr(a->text.p, "after\n"));
            for (size_t i = 0; i < a->n; i++)
                assert_string_not_equal(a->got[i].request, "lie");
            answer_free(a);
        }
        free(path);
        rig_done(&g);
    }
}

static void a_damaged_record_is_skipped_and_told(void **state)
{
    struct rig g = rig_new();
    struct seg_list l;
    struct answer *a;
    char *path;

    (void)state;
    rig_open(&g);
    fill(&g, 0, 10, 100);
    l = files_of(&g, HELLO);
    path = path_of(&g, HELLO, l.files[0].first_seq, ".log");
    flip(path, SEG_HEAD + 3 * 230 + 150);
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, 10);
    assert_int_equal(gaps_of(a, "damaged"), 1);
    answer_free(a);
    flip(path, SEG_HEAD + 3 * 230 + 150);
    flip(path, SEG_HEAD); /* a magic: what follows is found again */
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, 10);
    assert_int_equal(gaps_of(a, "damaged"), 1);
    assert_int_equal(a->got[0].kind, LOG_KIND_GAP);
    answer_free(a);
    seg_list_done(&l);
    free(path);
    rig_done(&g);
}

/* A hole has the number of the record that follows it: an answer that ends between them would skip that. */
static void nothing_is_skipped_behind_damage_however_answers_are_cut(void **state)
{
    struct rig g = rig_new();
    struct logs_query q;
    struct seg_list l;
    struct stat st;
    char *path;

    (void)state;
    rig_open(&g);
    fill(&g, 0, 10, 100);
    l = files_of(&g, HELLO);
    path = path_of(&g, HELLO, l.files[0].first_seq, ".log");
    assert_int_equal(stat(path, &st), 0);
    flip(path, SEG_HEAD + (st.st_size - SEG_HEAD) / 10 * 3); /* the magic of the fourth */
    rig_close(&g);                                           /* or they would come from memory */
    rig_open(&g);
    for (uint32_t limit = 1; limit <= 10; limit++) {
        size_t records = 0, holes = 0;
        bool more = true;

        logs_query_init(&q);
        q.limit = limit;
        for (uint32_t i = 0; i < 20 && more; i++) {
            struct answer *a = rig_read(&g, &q);

            holes += gaps_of(a, "damaged");
            records += a->n - gaps_of(a, "");
            q.has_after = true;
            q.after = a->cursor;
            more = a->more;
            answer_free(a);
        }
        assert_false(more);
        assert_int_equal(holes, 1);
        assert_int_equal(records, 9);
    }
    seg_list_done(&l);
    free(path);
    rig_done(&g);
}

static void a_damaged_or_missing_sidecar_is_made_again(void **state)
{
    struct rig g = rig_new();
    struct seg_list l;
    struct answer *a;
    char *path;

    (void)state;
    g.conf.segment_bytes = 4096;
    rig_open(&g);
    fill(&g, 0, 64, 200);
    l = files_of(&g, HELLO);
    assert_true(l.n >= 3 && l.files[0].idx && l.files[1].idx && !l.files[l.n - 1].idx);
    path = path_of(&g, HELLO, l.files[0].first_seq, ".idx");
    flip(path, 100);
    free(path);
    path = path_of(&g, HELLO, l.files[1].first_seq, ".idx");
    assert_int_equal(unlink(path), 0);
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, 64);
    assert_int_equal(gaps_of(a, ""), 0);
    assert_int_equal(access(path, F_OK), 0);
    answer_free(a);
    seg_list_done(&l);
    free(path);
    rig_done(&g);
}

static void without_a_state_numbers_go_on_growing(void **state)
{
    struct rig g = rig_new();
    struct answer *a;
    uint64_t before;
    char *path;

    (void)state;
    for (int i = 0; i < 3; i++) { /* three epochs */
        rig_open(&g);
        fill(&g, 0, 2, 10);
        rig_close(&g);
    }
    rig_open(&g);
    a = rig_read_all(&g, HELLO);
    before = a->cursor;
    answer_free(a);
    rig_close(&g);
    path = xasprintf("%s/state", g.logs_dir);
    assert_int_equal(unlink(path), 0);
    free(path);
    rig_open(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "newest\n");
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, 7);
    assert_string_equal(a->got[6].text, "newest\n");
    assert_true(a->got[6].seq > a->got[5].seq);
    assert_true(before > 0);
    answer_free(a);
    rig_done(&g);
}

/* ---- no room ---- */

/* The path of the file that takes all that is left. */
static char *fill_disk(const struct rig *g)
{
    char *filler = xasprintf("%s/filler", g->dir), line[1024];
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    memset(line, 'x', sizeof(line));
    while (write(fd, line, sizeof(line)) > 0)
        ;
    close(fd);
    return filler;
}

static void a_full_disk_drops_counts_and_tells(void **state)
{
    struct rig g = rig_new();
    struct logs_stats st;
    struct answer *a;
    char *filler;
    uint64_t lost = 0, kept = 0;

    (void)state;
    if (mount("none", g.dir, "tmpfs", 0, "size=1m") < 0) {
        rig_done(&g);
        skip();
    }
    rig_open(&g);
    fill(&g, 0, 4, 100);
    filler = fill_disk(&g);
    fill(&g, 4, 104, 200); /* refused, but for what the last page still takes */
    logs_stats(g.logs, &st);
    assert_true(st.dropped_lines > 50 && st.disk_errors > 0);
    assert_int_equal(unlink(filler), 0);
    free(filler);
    for (;;) { /* told a second later, as a line of its own */
        a = rig_read_all(&g, HELLO);
        if (gaps_of(a, "disk was full") > 0)
            break;
        answer_free(a);
        rig_turn(&g);
    }
    for (size_t i = 0; i < a->n; i++) {
        lost += a->got[i].lost_lines;
        kept += a->got[i].lines;
    }
    assert_int_equal(lost + kept, 104);
    assert_int_equal(lost, st.dropped_lines);
    answer_free(a);
    fill(&g, 104, 106, 100);
    a = rig_read_all(&g, HELLO);
    assert_string_equal(a->got[a->n - 1].request, "r-105");
    answer_free(a);
    rig_close(&g);
    assert_int_equal(umount(g.dir), 0);
    rig_done(&g);
}

static void a_start_on_a_full_disk_keeps_logs_as_soon_as_there_is_room(void **state)
{
    struct rig g = rig_new();
    struct health *health = health_new();
    struct health_fault fault;
    struct logs_stats st;
    struct answer *a;
    char *filler;
    uint64_t first = 0;

    (void)state;
    if (mount("none", g.dir, "tmpfs", 0, "size=1m") < 0) {
        health_free(health);
        rig_done(&g);
        skip();
    }
    assert_int_equal(mkdir(g.logs_dir, 0700), 0);
    g.conf.health = health;
    for (int round = 0; round < 2; round++) { /* without a state, and with one */
        filler = fill_disk(&g);
        rig_open(&g);
        assert_true(health_fault(health, 0, &fault));
        assert_string_equal(fault.component, "logs");
        assert_non_null(strstr(fault.reason, "No space left"));
        fill(&g, 0, 3, 100);
        logs_stats(g.logs, &st);
        assert_int_equal(st.dropped_lines, 3);
        assert_int_equal(st.records, 0);
        assert_int_equal(unlink(filler), 0);
        free(filler);
        while (!health_ready(health))
            rig_turn(&g);
        fill(&g, 3, 5, 100);
        a = rig_read_all(&g, HELLO);
        assert_int_equal(gaps_of(a, "disk was full"), round + 1);
        assert_string_equal(a->got[a->n - 1].request, "r-4");
        assert_true(a->got[a->n - 1].seq >> 40 > first);
        first = a->got[a->n - 1].seq >> 40;
        answer_free(a);
        rig_close(&g);
    }
    filler = fill_disk(&g); /* and nobody says anything: well again by itself */
    rig_open(&g);
    assert_false(health_ready(health));
    assert_int_equal(unlink(filler), 0);
    free(filler);
    while (!health_ready(health))
        rig_turn(&g);
    rig_close(&g);
    assert_int_equal(umount(g.dir), 0);
    rig_done(&g);
    health_free(health);
}

static void a_full_buffer_drops_text_but_not_the_ends_of_runs(void **state)
{
    struct rig g = rig_new();
    struct logs_stats st;
    struct answer *a;
    uint64_t lost = 0, kept = 0, ends = 0;

    (void)state;
    g.conf.buffer_bytes = 16 << 10;
    rig_open(&g);
    for (unsigned i = 0; i < 32; i++) { /* in one turn of the loop: nothing is written meanwhile */
        char text[1025];

        memset(text, 'y', 1023);
        memcpy(text + 1023, "\n", 2);
        rig_run(&g, g.fn, "r", OUTCOME_OK, text);
    }
    logs_stats(g.logs, &st);
    assert_true(st.buffer_bytes <= (16 << 10) * 5 / 4);
    assert_true(st.dropped_lines > 0);
    rig_settle(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "room again\n");
    a = rig_read_all(&g, HELLO);
    for (size_t i = 0; i < a->n; i++) {
        lost += a->got[i].lost_lines;
        kept += a->got[i].lines;
        ends += (a->got[i].flags & LOG_END) != 0;
    }
    assert_int_equal(lost + kept, 33);
    assert_true(ends > 20);
    assert_int_equal(gaps_of(a, "buffer was full"), 1);
    answer_free(a);
    rig_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_killed_writer_loses_what_was_not_flushed_and_says_so),
            cmocka_unit_test(a_clean_end_is_not_told),
            cmocka_unit_test(only_functions_at_work_are_told_of_a_kill),
            cmocka_unit_test(what_was_written_before_a_kill_comes_after_an_older_cursor),
            cmocka_unit_test(a_torn_tail_is_cut_off_and_told),
            cmocka_unit_test(a_record_that_was_printed_is_never_believed),
            cmocka_unit_test(a_damaged_record_is_skipped_and_told),
            cmocka_unit_test(nothing_is_skipped_behind_damage_however_answers_are_cut),
            cmocka_unit_test(a_damaged_or_missing_sidecar_is_made_again),
            cmocka_unit_test(without_a_state_numbers_go_on_growing),
            cmocka_unit_test(a_full_disk_drops_counts_and_tells),
            cmocka_unit_test(a_start_on_a_full_disk_keeps_logs_as_soon_as_there_is_room),
            cmocka_unit_test(a_full_buffer_drops_text_but_not_the_ends_of_runs),
    };

    return T_RUN(tests);
}
