/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key.c - evoke key show, add, rotate, remove: who may speak to the daemon, and for what.
 *
 * The daemon keeps the keys; what is known here is the pair this command line uses, from the
 * environment or the local keys.json. A new secret is printed once, on stdout, where a script can
 * take it; all advice goes to stderr.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/settings.h"

enum { CALL_TIMEOUT_MS = 60000, SCOPE_TEXT = 64 };

static const struct column columns[] = {
        {"NAME", "name", NULL},       {"ACCESS KEY", "access_key", NULL},
        {"SCOPE", "scope", NULL},     {"ACCOUNT", "account", NULL},
        {"DIALECT", "dialect", NULL}, {"CREATED", "created", NULL},
        {"LAST USED", "used", NULL},  {"OLD SECRET ENDS", "ends", NULL},
};

static int call_json_answer(struct client *client, const char *method, struct str path,
                            struct str body, struct cJSON **ret, struct err *e)
{
    struct client_request req = {
            .method = method, .path = path, .body = body, .timeout_ms = CALL_TIMEOUT_MS};
    cleanup_with(buf_done) struct buf answer;
    int r = client_call(client, &req, &answer, e);

    if (r < 0 || !ret)
        return r < 0 ? r : 0;
    r = client_json(&answer, ret, e);
    explicit_bzero(answer.p, answer.n); /* it may hold a secret */
    return r;
}

static void add_time(struct cJSON *row, const struct cJSON *key, const char *from, const char *to)
{
    char text[CLOCK_TEXT];
    int64_t ms = 0;

    (void)json_int(key, from, false, 0, INT64_MAX, &ms, NULL);
    if (ms > 0)
        cJSON_AddStringToObject(row, to, clock_iso(ms, text));
}

/* As a table shows it: words and dates instead of lists and milliseconds. Owned. */
static struct cJSON *row_of(const struct cJSON *key)
{
    static const char *const same[] = {"name", "access_key", "secret_key", "account", "dialect"};
    cleanup_with(buf_done) struct buf scope;
    struct cJSON *row = cJSON_CreateObject();
    const struct cJSON *word;

    buf_init(&scope, 1024);
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct str text = STR_NONE;

        (void)json_str(key, same[i], false, &text, NULL);
        if (text.n)
            cJSON_AddStringToObject(row, same[i], text.p);
    }
    cJSON_ArrayForEach(word, json_get(key, "scope"))
    {
        if (cJSON_IsString(word))
            buf_addf(&scope, "%s%s", scope.n ? "," : "", word->valuestring);
    }
    cJSON_AddStringToObject(row, "scope", scope.p);
    add_time(row, key, "created_ms", "created");
    add_time(row, key, "used_ms", "used");
    add_time(row, key, "ends_ms", "ends");
    return row;
}

static void print_key(enum output_format format, const struct cJSON *key)
{
    cleanup_with(json_freep) struct cJSON *row = row_of(key);

    output_object(format, format == OUTPUT_TABLE ? row : key);
}

/* ---- show ---- */

static struct cJSON *describe_own(const struct settings *s, bool secret)
{
    const char *outside = getenv("EVOKE_ACCESS_KEY");
    struct cJSON *own = cJSON_CreateObject();

    cJSON_AddStringToObject(own, "access_key", s->access_key);
    if (secret)
        cJSON_AddStringToObject(own, "secret_key", s->secret_key);
    cJSON_AddStringToObject(own, "from", outside && outside[0] ? "environment" : "keys.json");
    return own;
}

static void print_table(const struct cJSON *own, const struct cJSON *keys)
{
    cleanup_with(json_freep) struct cJSON *rows = cJSON_CreateArray();
    cleanup_with(buf_done) struct buf out;
    const struct cJSON *key;

    buf_init(&out, OUTPUT_MAX);
    output_fields(own, &out);
    cJSON_ArrayForEach(key, keys)
    {
        cJSON_AddItemToArray(rows, row_of(key));
    }
    if (keys) {
        buf_addc(&out, '\n');
        output_rows(rows, columns, ARRAY_LEN(columns), &out);
    }
    fwrite(out.p, 1, out.n, stdout);
    explicit_bzero(out.p, out.n);
}

static int show(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL, *all = cJSON_CreateObject();
    cleanup_with(client_freep) struct client *client = NULL;
    struct settings settings = {0};
    struct err e = {0};
    struct cJSON *own;
    int r = settings_load(common, &settings, &e);

    if (r == 0)
        r = client_new(common, &client, &e);
    if (r < 0) {
        settings_done(&settings);
        return command_fail(&e);
    }
    own = describe_own(&settings, args_has(args, "secret"));
    settings_done(&settings);
    cJSON_AddItemToObject(all, "using", own);

    r = client_get(client, S("/evoke/v1/keys"), STR_NONE, &answer, &e);
    if (r == 0)
        cJSON_AddItemToObject(all, "keys", cJSON_DetachItemFromObject(answer, "keys"));
    if (common->format == OUTPUT_TABLE)
        print_table(own, json_get(all, "keys"));
    else
        output_object(common->format, all);
    return r < 0 ? command_fail(&e) : EXIT_OK; /* its own pair is known also then */
}

static const struct option show_options[] = {
        {.name = "secret", .kind = OPTION_FLAG, .help = "show the secret of the pair in use"},
};

const struct command command_key_show = {
        .name = "key show",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "show the key pair in use, and all keys",
        .help = "Secrets of other keys are shown by nobody: they are told once, when made.",
        .examples = "evoke key show\n"
                    "evoke key show --secret --output json\n",
        .options = OPTION_TABLE(show_options),
        .run = show,
};

/* ---- add ---- */

static void add_words(struct cJSON *body, const char *text)
{
    struct cJSON *list = cJSON_AddArrayToObject(body, "scope");
    struct str rest = str_of(text);

    while (rest.p) {
        struct str word = str_trim(str_cut(&rest, ','));
        cleanup_free char *copy = str_dup(word);

        cJSON_AddItemToArray(list, cJSON_CreateString(copy));
    }
}

static int add(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject(), *key = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf text;
    struct err e = {0};

    buf_init(&text, 64 << 10);
    cJSON_AddStringToObject(body, "name", args->words[0]);
    if (!args_text(args, "scope")) {
        (void)err_set(&e, ERR_CALLER, -EINVAL,
                      "--scope is missing: what may the key do? One or more of read, invoke, "
                      "deploy, metrics, admin, with commas");
        return command_fail(&e);
    }
    add_words(body, args_text(args, "scope"));
    if (args_text(args, "account"))
        cJSON_AddStringToObject(body, "account", args_text(args, "account"));
    if (args_text(args, "dialect"))
        cJSON_AddStringToObject(body, "dialect", args_text(args, "dialect"));
    json_print(body, &text);
    if (client_new(common, &client, &e) < 0 ||
        call_json_answer(client, "POST", S("/evoke/v1/keys"), buf_str(&text), &key, &e) < 0)
        return command_fail(&e);
    print_key(common->format, key);
    fprintf(stderr, "evoke: keep the secret: it is shown this once\n");
    return EXIT_OK;
}

static const char *const dialects[] = {"functiongraph", "fc", "scf", NULL};

static const struct option add_options[] = {
        {.name = "scope",
         .kind = OPTION_TEXT,
         .arg = "WORDS",
         .help = "read, invoke, deploy, metrics, admin; with commas",
         .min = 1,
         .max = SCOPE_TEXT},
        {.name = "account",
         .kind = OPTION_TEXT,
         .arg = "ACCOUNT",
         .help = "only this account (project id)",
         .min = 1,
         .max = 64},
        {.name = "dialect",
         .kind = OPTION_CHOICE,
         .arg = "DIALECT",
         .help = "with --account: only of this cloud",
         .choices = dialects},
};

const struct command command_key_add = {
        .name = "key add",
        .group = GROUP_SERVE,
        .args = "NAME",
        .summary = "make a key that may do some things only",
        .help = "read     look at functions, their code, logs and state\n"
                "invoke   run functions\n"
                "deploy   create, change and delete functions\n"
                "metrics  scrape /metrics (HTTP Basic)\n"
                "admin    all of it, and keys, audit and backups",
        .examples = "evoke key add ci --scope read,deploy\n"
                    "evoke key add shop --scope invoke --account 0123 --dialect fc\n",
        .options = OPTION_TABLE(add_options),
        .min_words = 1,
        .max_words = 1,
        .run = add,
};

/* ---- rotate and remove: by name or access key ---- */

/* "/evoke/v1/keys/<access key>" of the key that word names; NULL: the root pair. */
static int find_path(struct client *client, const char *word, struct buf *path, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    const struct cJSON *key;
    int r = client_get(client, S("/evoke/v1/keys"), STR_NONE, &answer, e);

    if (r < 0)
        return r;
    cJSON_ArrayForEach(key, json_get(answer, "keys"))
    {
        struct str access = STR_NONE, name = STR_NONE;
        bool root = false;

        (void)json_str(key, "access_key", false, &access, NULL);
        (void)json_str(key, "name", false, &name, NULL);
        (void)json_bool(key, "root", false, &root, NULL);
        if (word ? !str_eq(access, str_of(word)) && !str_eq(name, str_of(word)) : !root)
            continue;
        buf_addz(path, "/evoke/v1/keys/");
        uri_encode(access, "", path);
        return root;
    }
    return err_set(e, ERR_CALLER, -ENOENT, "there is no key '%s'; `evoke key show` lists them",
                   word ? word : "root");
}

static int rotate(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *key = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    cleanup_free char *body =
            xasprintf("{\"grace_s\":%lld}", (long long)args_number(args, "grace", 0) / 1000);
    struct err e = {0};
    int root;

    buf_init(&path, 4096);
    if (client_new(common, &client, &e) < 0)
        return command_fail(&e);
    root = find_path(client, args->n ? args->words[0] : NULL, &path, &e);
    if (root < 0)
        return command_fail(&e);
    buf_addz(&path, "/rotate");
    if (call_json_answer(client, "POST", buf_str(&path), str_of(body), &key, &e) < 0)
        return command_fail(&e);
    print_key(common->format, key);
    fprintf(stderr, "evoke: keep the secret: it is shown this once\n");
    if (root)
        fprintf(stderr, "evoke: the temporary keys of functions with a role end with the old "
                        "secret; they see new ones at their next run\n");
    return EXIT_OK;
}

static const struct option rotate_options[] = {
        {.name = "grace",
         .kind = OPTION_DURATION,
         .arg = "TIME",
         .help = "the old secret stays good so long (none)",
         .min = 0,
         .max = 86400000},
};

const struct command command_key_rotate = {
        .name = "key rotate",
        .group = GROUP_SERVE,
        .args = "[KEY]",
        .summary = "give a key a new secret; the root pair if none is named",
        .help = "KEY is a name or an access key. The access key stays. Another root secret voids\n"
                "the temporary keys of all functions with a role: they see new ones at their\n"
                "next run.",
        .examples = "evoke key rotate ci --grace 10m\n"
                    "evoke key rotate\n",
        .options = OPTION_TABLE(rotate_options),
        .max_words = 1,
        .run = rotate,
};

static int remove_key(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, 4096);
    if (client_new(common, &client, &e) < 0 || find_path(client, args->words[0], &path, &e) < 0 ||
        call_json_answer(client, "DELETE", buf_str(&path), STR_NONE, NULL, &e) < 0)
        return command_fail(&e);
    return EXIT_OK;
}

const struct command command_key_remove = {
        .name = "key remove",
        .group = GROUP_SERVE,
        .args = "KEY",
        .summary = "remove a key: it opens nothing from then on",
        .help = "KEY is a name or an access key. The root pair cannot be removed.",
        .examples = "evoke key remove ci\n",
        .min_words = 1,
        .max_words = 1,
        .no_output = true,
        .run = remove_key,
};
