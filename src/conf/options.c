/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - one table of options; flags, environment, file, checks and help all walk it.
 *
 * Adding an option is one row and one field. Sources are read from the weakest to the strongest
 * (default, file, environment, flag), each overwriting the one before, so a value is checked
 * wherever it came from and the message says where that was.
 */
#include "conf/options.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/str.h"
#include "base/yaml.h"

enum opt_type { OPT_TEXT, OPT_INT, OPT_FLAG };

struct option {
    const char *name; /* flag without dashes, and key in the file */
    enum opt_type type;
    size_t offset;
    const char *env; /* or NULL */
    const char *arg; /* placeholder in the help */
    const char *def; /* default as text; NULL: none, or found out at run time */
    int64_t min, max;
    const char *help;
};

#define FIELD(f) .offset = offsetof(struct options, f)

static const struct option table[] = {
        {"config", OPT_TEXT, FIELD(config), "EVOKE_CONFIG", "FILE", NULL, 0, 4095,
         "YAML file with any of the options below, without dashes"},
        {"data", OPT_TEXT, FIELD(data), "EVOKE_DATA", "DIR", NULL, 1, 3000,
         "data directory (root: /var/lib/evoke, else ~/.local/share/evoke)"},
        {"listen", OPT_TEXT, FIELD(listen), "EVOKE_LISTEN", "ADDR:PORT", "127.0.0.1:8900", 3, 255,
         "where the APIs are served; port 0 takes a free one"},
        {"region", OPT_TEXT, FIELD(region), "EVOKE_REGION", "NAME", "local-1", 1, 64,
         "region of requests that name none"},
        {"user", OPT_TEXT, FIELD(user), NULL, "NAME|UID", NULL, 1, 64,
         "as root: whom the daemon runs as (evoke if there is such a user, else 699999)"},
        {"instances", OPT_INT, FIELD(instances), NULL, "N", "1000", 1, 4000,
         "function instances at once, all functions together"},
        {"functions", OPT_INT, FIELD(functions), NULL, "N", "10000", 1, 1000000,
         "functions that may be deployed, and groups of them"},
        {"keep-warm", OPT_INT, FIELD(keep_warm_s), NULL, "SECONDS", "60", 0, 86400,
         "how long an idle instance is kept"},
        {"waiting", OPT_INT, FIELD(waiting), NULL, "N", "1000", 1, 1000000,
         "requests that may wait for an instance, per function"},
        {"memory", OPT_INT, FIELD(memory_mb), NULL, "MIB", "0", 0, 1 << 24,
         "memory of all instances, at their limits while busy (0: 80 % of what is available)"},
        {"freeze-after", OPT_INT, FIELD(freeze_after_ms), NULL, "MS", "300", 0, 3600000,
         "an instance idle for so long is frozen (0: never)"},
        {"drain", OPT_INT, FIELD(drain_s), NULL, "SECONDS", "30", 0, 3600,
         "how long running invocations may go on after SIGTERM"},
        {"python", OPT_TEXT, FIELD(python), NULL, "FILE", "/usr/bin/python3", 1, 4095,
         "interpreter of the Python runtimes; it and its libraries must lie below /usr"},
        {"node", OPT_TEXT, FIELD(node), NULL, "FILE", "/usr/bin/node", 1, 4095,
         "interpreter of the Node.js runtimes; likewise"},
        {"log-level", OPT_TEXT, FIELD(log_level), "EVOKE_LOG_LEVEL", "LEVELS", "info", 1, 1000,
         "err, warn, info or debug; of a component too: info,pool=debug,http=warn"},
        {"log-format", OPT_TEXT, FIELD(log_format), "EVOKE_LOG_FORMAT", "FORMAT", "logfmt", 1, 16,
         "logfmt or json (journald gets fields of its own)"},
        {"help", OPT_FLAG, FIELD(help), NULL, NULL, NULL, 0, 0, "show this text"},
};

static const struct option *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(name, str_of(table[i].name)))
            return &table[i];
    return NULL;
}

/* source names where the value came from: "--listen", "EVOKE_LISTEN", "evoke.yaml: listen". */
static int set(struct options *o, const struct option *opt, const char *source, struct str value,
               struct err *e)
{
    void *field = (char *)o + opt->offset;
    int64_t number;
    int r;

    switch (opt->type) {
    case OPT_TEXT:
        if (value.n < (size_t)opt->min || value.n > (size_t)opt->max)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: %zu characters, allowed are %lld to %lld",
                           source, value.n, (long long)opt->min, (long long)opt->max);
        free(*(char **)field);
        *(char **)field = str_dup(value);
        return 0;
    case OPT_INT:
        r = str_i64(value, opt->min, opt->max, &number);
        if (r == -ERANGE)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: %.*s is outside %lld to %lld", source,
                           STR_ARG(value), (long long)opt->min, (long long)opt->max);
        if (r < 0)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: '%.*s' is not a whole number", source,
                           STR_ARG(value));
        *(int64_t *)field = number;
        return 0;
    case OPT_FLAG:
        *(bool *)field = true;
        return 0;
    }
    assert(!"every option type is handled");
    return -EINVAL;
}

static int set_defaults(struct options *o, struct err *e)
{
    const char *home = getenv("HOME");
    int r;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!table[i].def)
            continue;

        r = set(o, &table[i], table[i].name, str_of(table[i].def), e);
        if (r < 0)
            return r;
    }
    if (geteuid() == 0)
        o->data = xstrdup("/var/lib/evoke");
    else if (home && home[0] == '/')
        o->data = xasprintf("%s/.local/share/evoke", home);
    return 0;
}

static int set_from_environment(struct options *o, struct err *e)
{
    int r;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *value = table[i].env ? getenv(table[i].env) : NULL;

        if (!value || !*value)
            continue;
        r = set(o, &table[i], table[i].env, str_of(value), e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_from_file(struct options *o, const char *path, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    char number[32];
    int r;

    buf_init(&text, 1 << 20);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0)
        return r;
    tree = yaml_parse(buf_str(&text), e);
    if (!tree)
        return err_wrap(e, -EINVAL, "%s", path);
    if (!cJSON_IsObject(tree))
        return err_set(e, ERR_CALLER, -EINVAL, "%s: must be a map of options", path);

    for (const struct cJSON *it = tree->child; it; it = it->next) {
        cleanup_free char *source = xasprintf("%s: %s", path, it->string);
        const struct option *opt = find(str_of(it->string));
        struct str value;

        if (!opt || opt->type == OPT_FLAG || strcmp(opt->name, "config") == 0)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: there is no such option", source);
        if (cJSON_IsString(it)) {
            value = str_of(it->valuestring);
        } else if (cJSON_IsNumber(it)) {
            snprintf(number, sizeof(number), "%.0f", it->valuedouble);
            value = str_of(number);
        } else {
            return err_set(e, ERR_CALLER, -EINVAL, "%s: must be a text or a number", source);
        }

        r = set(o, opt, source, value, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* "--name value" and "--name=value". only: set just this option (the file's name is needed first).
 */
static int set_from_flags(struct options *o, int argc, char **argv, const char *only, struct err *e)
{
    int r;

    for (int i = 0; i < argc; i++) {
        struct str rest = str_of(argv[i]), name;
        const struct option *opt;

        if (!str_starts(rest, S("--")))
            return err_set(e, ERR_CALLER, -EINVAL, "'%s' is not an option of serve", argv[i]);
        rest = str_from(rest, 2);
        name = str_cut(&rest, '=');
        opt = find(name);
        if (!opt)
            return err_set(e, ERR_CALLER, -EINVAL, "there is no option '--%.*s'", STR_ARG(name));

        if (opt->type != OPT_FLAG && !rest.p) {
            if (i + 1 >= argc)
                return err_set(e, ERR_CALLER, -EINVAL, "--%s needs a value (%s)", opt->name,
                               opt->arg);
            rest = str_of(argv[++i]);
        }
        if (only && strcmp(opt->name, only) != 0)
            continue;

        cleanup_free char *source = xasprintf("--%s", opt->name);
        r = set(o, opt, source, rest, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int options_load(int argc, char **argv, struct options *ret, struct err *e)
{
    struct options o = {0};
    struct log_conf log;
    int r;

    r = set_defaults(&o, e);
    if (r >= 0)
        r = set_from_environment(&o, e);
    if (r >= 0)
        r = set_from_flags(&o, argc, argv, "config", e);
    if (r >= 0 && o.config) {
        r = set_from_file(&o, o.config, e);
        if (r >= 0)
            r = set_from_environment(&o, e);
    }
    if (r >= 0)
        r = set_from_flags(&o, argc, argv, NULL, e);
    if (r >= 0 && !o.data)
        r = err_set(e, ERR_CALLER, -EINVAL, "--data is needed: HOME is not set");
    if (r >= 0)
        r = options_log(&o, &log, e);
    if (r < 0) {
        options_done(&o);
        return r;
    }

    *ret = o;
    return 0;
}

/* As one flag: "--name=value"; NULL: it has none. */
static char *flag_of(const struct options *o, const struct option *opt)
{
    const void *field = (const char *)o + opt->offset;
    const char *text;

    switch (opt->type) {
    case OPT_TEXT:
        text = *(char *const *)field;
        return text ? xasprintf("--%s=%s", opt->name, text) : NULL;
    case OPT_INT:
        return xasprintf("--%s=%lld", opt->name, (long long)*(const int64_t *)field);
    case OPT_FLAG:
        return *(const bool *)field ? xasprintf("--%s", opt->name) : NULL;
    }
    assert(!"every option type is handled");
    return NULL;
}

char **options_argv(const struct options *o, const char *name, const char *command)
{
    char **argv = xcalloc(ARRAY_LEN(table) + 3, sizeof *argv);
    size_t n = 0;

    argv[n++] = xstrdup(name);
    argv[n++] = xstrdup(command);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char *flag = strcmp(table[i].name, "config") == 0 ? NULL : flag_of(o, &table[i]);

        if (flag)
            argv[n++] = flag;
    }
    return argv;
}

void options_argv_freep(char ***argv)
{
    for (size_t i = 0; (*argv)[i]; i++)
        free((*argv)[i]);
    free(*argv);
}

int options_log(const struct options *o, struct log_conf *ret, struct err *e)
{
    return log_conf_parse(str_of(o->log_level), str_of(o->log_format), ret, e);
}

void options_done(struct options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].type == OPT_TEXT)
            free(*(char **)((char *)o + table[i].offset));
    memset(o, 0, sizeof(*o));
}

void options_help(FILE *out)
{
    char left[64];

    fputs("usage: evoke serve [options]\n\n"
          "Run the daemon in the foreground. Stop it with SIGTERM or Ctrl-C.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct option *opt = &table[i];

        snprintf(left, sizeof(left), "--%s%s%s", opt->name, opt->arg ? " " : "",
                 opt->arg ? opt->arg : "");
        fprintf(out, "  %-22s %s", left, opt->help);
        if (opt->def)
            fprintf(out, " [%s]", opt->def);
        if (opt->env)
            fprintf(out, " ($%s)", opt->env);
        fputc('\n', out);
    }
    fputs("\nEVOKE_ACCESS_KEY and EVOKE_SECRET_KEY replace the stored root key pair for this "
          "run.\n",
          out);
}
