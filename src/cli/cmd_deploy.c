/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_deploy.c - evoke deploy [DIR] [NAME...]: make the daemon's functions what DIR/evoke.yaml
 * says. Functions that are not in the manifest are left alone. Stops at the first failure; what was
 * deployed before it stays and was printed.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/manifest.h"
#include "cli/output.h"
#include "cli/pack.h"

enum { MANIFEST_MAX = 1 << 20, PACKAGE_MAX = 100 << 20, REQUEST_MAX = 139 << 20 };

static int load_manifest(const char *dir, struct manifest *ret, struct err *e)
{
    cleanup_free char *path = xasprintf("%s/evoke.yaml", dir);
    cleanup_with(buf_done) struct buf text;
    int r;

    buf_init(&text, MANIFEST_MAX);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0)
        return r;
    r = manifest_parse(buf_str(&text), ret, e);
    return r < 0 ? err_wrap(e, r, "%.100s", path) : 0;
}

static int package_code(const char *dir, const struct manifest_function *f, struct buf *zip,
                        struct err *e)
{
    bool absolute = f->code.p[0] == '/';
    cleanup_free char *path =
            xasprintf("%s%s%.*s", absolute ? "" : dir, absolute ? "" : "/", STR_ARG(f->code));

    return pack_path(path, zip, e);
}

/* Puts one function; answer gets the record, status 200 (updated) or 201 (created) is returned. */
static int deploy_one(struct client *c, const char *dir, const struct manifest_function *f,
                      struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf path, zip, request, answer;
    struct client_request req = {.method = "PUT", .timeout_ms = 300000};
    int r;

    buf_init(&path, 8 << 10);
    buf_init(&zip, PACKAGE_MAX);
    buf_init(&request, REQUEST_MAX);
    buf_init(&answer, 0);
    r = package_code(dir, f, &zip, e);
    if (r < 0)
        return r;
    manifest_request(f, buf_str(&zip), &request);
    if (!buf_ok(&request))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the package is too large");
    name_path(&f->name, &path);
    req.path = buf_str(&path);
    req.body = buf_str(&request);
    r = client_call(c, &req, &answer, e);
    if (r < 0)
        return r;
    *ret = json_parse(buf_str(&answer), e);
    return *ret ? r : -EPROTO;
}

static bool is_wanted(const struct args *words, const struct manifest_function *f)
{
    for (size_t i = 1; i < words->n; i++)
        if (str_eq(str_of(words->words[i]), f->name.name))
            return true;
    return words->n < 2;
}

static int check_wanted(const struct args *words, const struct manifest *m, struct err *e)
{
    for (size_t i = 1; i < words->n; i++) {
        size_t k = 0;

        while (k < m->n && !str_eq(m->functions[k].name.name, str_of(words->words[i])))
            k++;
        if (k == m->n)
            return err_set(e, ERR_CALLER, -ENOENT, "the manifest has no function '%.128s'",
                           words->words[i]);
    }
    return 0;
}

static const char *what_happened(struct client *c, int status)
{
    if (client_header(c, "X-Evoke-Unchanged").n)
        return "unchanged";
    return status == 201 ? "created" : "updated";
}

/* A line for people as soon as it is done. */
static void print_one(const struct manifest_function *f, const char *what,
                      const struct cJSON *record)
{
    cleanup_with(buf_done) struct buf name;
    struct str state = STR_NONE;

    buf_init(&name, 8 << 10);
    name_print(&f->name, &name);
    (void)json_str(record, "state", false, &state, NULL);
    printf("%s  %s  %.*s\n", name.p, what, STR_ARG(state));
    fflush(stdout);
}

/* records: what was deployed, also when a later one failed. */
static int deploy_all(struct client *c, const char *dir, const struct manifest *m,
                      const struct args *words, enum output_format format, struct cJSON *records,
                      struct err *e)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_function *f = &m->functions[i];
        struct cJSON *record = NULL;
        int status;

        if (!is_wanted(words, f))
            continue;
        status = deploy_one(c, dir, f, &record, e);
        if (status < 0)
            return err_wrap(e, status, "function '%.*s'", STR_ARG(f->name.name));
        if (format == OUTPUT_TABLE)
            print_one(f, what_happened(c, status), record);
        cJSON_AddItemToArray(records, record);
    }
    return 0;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(json_freep) struct cJSON *records = cJSON_CreateArray();
    cleanup_with(manifest_done) struct manifest m = {0};
    struct err e = {0};
    const char *dir;
    int r;

    dir = args->n ? args->words[0] : ".";
    if (load_manifest(dir, &m, &e) < 0 || check_wanted(args, &m, &e) < 0 ||
        client_new(common, &client, &e) < 0)
        return command_fail(&e);
    r = deploy_all(client, dir, &m, args, common->format, records, &e);
    if (common->format != OUTPUT_TABLE)
        output_object(common->format, records);
    return r < 0 ? command_fail(&e) : EXIT_OK;
}

const struct command command_deploy = {
        .name = "deploy",
        .group = GROUP_WRITE,
        .args = "[DIR] [NAME...]",
        .summary = "create or update the functions of DIR/evoke.yaml",
        .help = "Packages the code of each function in the manifest and deploys it; with NAMEs,\n"
                "only those. DIR is the current directory when left out. docs/manifest.md",
        .examples = "evoke deploy\n"
                    "evoke deploy shop thumbnail\n",
        .max_words = ARGS_WORDS,
        .complete = COMPLETE_DIR,
        .run = run,
};
