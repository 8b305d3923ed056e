/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - one table of options; flags, environment, file, checks and help all walk it.
 *
 * Adding an option is one row and one field. Sources are read from the weakest to the strongest
 * (default, file, environment, flag), each overwriting the one before, so a value is checked
 * wherever it came from and the message says where that was.
 */
#include "conf/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/obj.h"
#include "conf/address.h"

static int check_listen(struct str value, struct err *e)
{
    union address a;
    socklen_t n;

    return address_parse(value, &a, &n, e);
}

/* Lower case, as it is compared. */
static int check_domain(struct str value, struct err *e)
{
    bool label = false; /* the one before the dot has something in it */

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        bool inside = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';

        if (!inside && !(c == '.' && label))
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is no domain name in lower case",
                           STR_ARG(value));
        label = inside;
    }
    return label ? 0 : err_set(e, ERR_CALLER, -EINVAL, "'%.*s' ends with a dot", STR_ARG(value));
}

static int check_access_log(struct str value, struct err *e)
{
    if (value.p[0] == '/' || str_eq(value, S("-")))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is neither an absolute path nor -",
                   STR_ARG(value));
}

static int check_log_level(struct str value, struct err *e)
{
    struct log_conf log;

    return log_conf_parse(value, S("logfmt"), &log, e);
}

static int check_log_format(struct str value, struct err *e)
{
    struct log_conf log;

    return log_conf_parse(S("info"), value, &log, e);
}

static int check_otlp(struct str value, struct err *e)
{
    if ((str_starts(value, S("http://")) && value.n > 7) ||
        (str_starts(value, S("https://")) && value.n > 8))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not http://HOST:PORT or https://HOST:PORT",
                   (int)(value.n > 100 ? 100 : value.n), value.p);
}

/* "1", "0.25": no sign, at most 9 decimals. */
static int check_ratio(struct str value, struct err *e)
{
    struct str rest = value, whole = str_cut(&rest, '.');
    uint64_t one, part = 0;

    if (whole.n == 1 && str_u64(whole, 0, 1, &one) == 0 &&
        (!rest.p || (rest.n > 0 && rest.n <= 9 && str_u64(rest, 0, 999999999, &part) == 0)) &&
        (one == 0 || part == 0))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not 0 to 1, as 0.25", STR_ARG(value));
}

static int check_audit(struct str value, struct err *e)
{
    if (str_eq(value, S("changes")) || str_eq(value, S("all")) || str_eq(value, S("off")))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not changes, all or off", STR_ARG(value));
}

static int check_audit_full(struct str value, struct err *e)
{
    if (str_eq(value, S("go-on")) || str_eq(value, S("refuse")))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not go-on or refuse", STR_ARG(value));
}

#define FIELD(f) .offset = offsetof(struct options, f)

static const struct conf_option table[] = {
        {"config", OPT_TEXT, FIELD(config), "EVOKE_CONFIG", "FILE", NULL, 0, 4095,
         "YAML file with any of the options below, without dashes", .flag_only = true},
        {"data", OPT_TEXT, FIELD(data), "EVOKE_DATA", "DIR", NULL, 1, 3000,
         "data directory (root: /var/lib/evoke, else ~/.local/share/evoke)"},
        {"listen", OPT_TEXT, FIELD(listen), "EVOKE_LISTEN", "ADDR:PORT", "127.0.0.1:8900", 3, 255,
         "where the APIs are served; port 0 takes a free one", .check = check_listen},
        {"public", OPT_TEXT, FIELD(public), "EVOKE_PUBLIC", "0.0.0.0:8080", NULL, 3, 255,
         "a second listener for the world: gateway and HTTP triggers, no API of ours (none)",
         .check = check_listen},
        {"hosts", OPT_TEXT, FIELD(hosts), "EVOKE_HOSTS", "NAME,...", NULL, 1, 4000,
         "names in the Host header that are ours, besides addresses, localhost and the machine's"},
        {"region", OPT_TEXT, FIELD(region), "EVOKE_REGION", "NAME", "local-1", 1, 64,
         "region of requests that name none"},
        {"gateway-domain", OPT_TEXT, FIELD(gateway_domain), "EVOKE_GATEWAY_DOMAIN", "NAME",
         "apigw.localhost", 1, 200, "API groups are called as <id>.NAME", .check = check_domain},
        {"access-log", OPT_TEXT, FIELD(access_log), NULL, "/FILE|-", NULL, 1, 3000,
         "one line of JSON per request of the gateway; - is standard error (none)",
         .check = check_access_log},
        {"user", OPT_TEXT, FIELD(user), NULL, "NAME|UID", NULL, 1, 64,
         "as root: whom the daemon runs as (evoke if there is such a user, else 699999)"},
        {"instances", OPT_INT, FIELD(instances), NULL, "N", "1000", 1, 4000,
         "function instances at once, all functions together", .reloads = true},
        {"functions", OPT_INT, FIELD(functions), NULL, "N", "10000", 1, 1000000,
         "functions that may be deployed, and groups of them", .reloads = true},
        {"keep-warm", OPT_INT, FIELD(keep_warm_s), NULL, "SECONDS", "60", 0, 86400,
         "how long an idle instance is kept", .reloads = true},
        {"waiting", OPT_INT, FIELD(waiting), NULL, "N", "1000", 1, 1000000,
         "requests that may wait for an instance, per function", .reloads = true},
        {"objects-max", OPT_INT, FIELD(objects), NULL, "N", "100000", 0, 10000000,
         "objects in the buckets of the data directory", .reloads = true},
        {"objects-size", OPT_INT, FIELD(objects_gb), NULL, "GIB", "20", 0, 1048576,
         "and their bytes", .reloads = true},
        {"object-stores", OPT_TEXT, FIELD(object_stores), NULL, "FILE", NULL, 1, 4095,
         "YAML list of S3-compatible servers whose buckets code may come from (none)"},
        {"async-waiting", OPT_INT, FIELD(async_waiting), NULL, "N", "1000000", 1, 100000000,
         "asynchronous events that may wait, per function", .reloads = true},
        {"async-running", OPT_INT, FIELD(async_running), NULL, "N", "64", 1, 4000,
         "asynchronous events tried at once, all functions together", .reloads = true},
        {"async-per-function", OPT_INT, FIELD(async_per_function), NULL, "N", "16", 1, 4000,
         "and of one function; never more than it may have runs", .reloads = true},
        {"async-keep", OPT_INT, FIELD(async_keep_h), NULL, "HOURS", "72", 1, 87600,
         "how long events that have ended can be looked at; dead ones stay", .reloads = true},
        {"async-keep-count", OPT_INT, FIELD(async_keep_count), NULL, "N", "100000", 0, 100000000,
         "and at most so many of them; the oldest go first", .reloads = true},
        {"memory", OPT_INT, FIELD(memory_mb), NULL, "MIB", "0", 0, 1 << 24,
         "memory of all instances, at their limits while busy (0: 80 % of what is available)",
         .reloads = true},
        {"freeze-after", OPT_INT, FIELD(freeze_after_ms), NULL, "MS", "300", 0, 3600000,
         "an instance idle for so long is frozen (0: never)", .reloads = true},
        {"metrics-functions", OPT_INT, FIELD(metrics_functions), NULL, "N", "1000", 1, 100000,
         "functions with figures of their own in /metrics, top and history; others are summed"},
        {"history-mb", OPT_INT, FIELD(history_mb), NULL, "MB", "256", 1, 1048576,
         "disk for the history of minutes, 30 days at most; the oldest days go first"},
        {"log-function-size", OPT_INT, FIELD(log_function_mb), NULL, "MIB", "256", 1, 1048576,
         "what a function prints is kept up to so much; the oldest goes first", .reloads = true},
        {"log-size", OPT_INT, FIELD(log_mb), NULL, "MIB", "4096", 1, 1048576,
         "and what all functions print", .reloads = true},
        {"log-age", OPT_INT, FIELD(log_age_h), NULL, "HOURS", "168", 1, 87600,
         "nothing older is kept", .reloads = true},
        {"drain", OPT_INT, FIELD(drain_s), NULL, "SECONDS", "30", 0, 3600,
         "how long running invocations may go on after SIGTERM", .reloads = true},
        {"python", OPT_TEXT, FIELD(python), NULL, "FILE", "/usr/bin/python3", 1, 4095,
         "interpreter of the Python runtimes; it and its libraries must lie below /usr"},
        {"node", OPT_TEXT, FIELD(node), NULL, "FILE", "/usr/bin/node", 1, 4095,
         "interpreter of the Node.js runtimes; likewise"},
        {"audit", OPT_TEXT, FIELD(audit), NULL, "WHAT", "changes", 1, 16,
         "calls the audit trail records: changes (and what was refused), all, or off",
         .reloads = true, .check = check_audit},
        {"audit-full", OPT_TEXT, FIELD(audit_full), NULL, "WHAT", "go-on", 1, 16,
         "while the trail cannot be written: go-on, or refuse what would change something",
         .reloads = true, .check = check_audit_full},
        {"audit-size", OPT_INT, FIELD(audit_mb), NULL, "MIB", "256", 1, 1 << 20,
         "size of the audit trail; the oldest goes first", .reloads = true},
        {"audit-age", OPT_INT, FIELD(audit_days), NULL, "DAYS", "90", 1, 36500,
         "how long the audit trail is kept", .reloads = true},
        {"otlp-endpoint", OPT_TEXT, FIELD(otlp_endpoint), "OTEL_EXPORTER_OTLP_ENDPOINT",
         "http://HOST:PORT", NULL, 8, 1000,
         "collector that gets traces (OTLP/HTTP); none: no traces", .check = check_otlp},
        {"trace-ratio", OPT_TEXT, FIELD(trace_ratio), NULL, "0..1", "1", 1, 11,
         "part of the traces that begin here which is sent; others follow their caller",
         .reloads = true, .check = check_ratio},
        {"log-level", OPT_TEXT, FIELD(log_level), "EVOKE_LOG_LEVEL", "LEVELS", "info", 1, 1000,
         "err, warn, info or debug; of a component too: info,pool=debug,http=warn", .reloads = true,
         .check = check_log_level},
        {"log-format", OPT_TEXT, FIELD(log_format), "EVOKE_LOG_FORMAT", "FORMAT", "logfmt", 1, 16,
         "logfmt or json (journald gets fields of its own)", .reloads = true,
         .check = check_log_format},
        {"help", OPT_FLAG, FIELD(help), NULL, NULL, NULL, 0, 0, "show this text",
         .flag_only = true},
};

const struct conf_option *options_at(size_t i)
{
    return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

const struct conf_option *options_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(name, str_of(table[i].name)))
            return &table[i];
    return NULL;
}

static int set_text(char **field, const struct conf_option *opt, const char *source,
                    struct str value, struct err *e)
{
    int r;

    if (value.n < (size_t)opt->min || value.n > (size_t)opt->max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s: %zu characters, allowed are %lld to %lld",
                       source, value.n, (long long)opt->min, (long long)opt->max);
    if (str_has(value, '\0') || str_has(value, '\n'))
        return err_set(e, ERR_CALLER, -EINVAL, "%s: a line break or NUL character in it", source);
    r = opt->check ? opt->check(value, e) : 0;
    if (r < 0)
        return err_wrap(e, r, "%s", source);
    free(*field);
    *field = str_dup(value);
    return 0;
}

int options_set(struct options *o, const struct conf_option *opt, const char *source,
                struct str value, struct err *e)
{
    void *field = (char *)o + opt->offset;
    int64_t number;
    int r;

    switch (opt->type) {
    case OPT_TEXT:
        return set_text(field, opt, source, value, e);
    case OPT_INT:
        r = str_i64(value, opt->min, opt->max, &number);
        if (r == -ERANGE)
            return err_set(e, ERR_CALLER, -EINVAL, "%s: %.*s is outside %lld to %lld", source,
                           STR_ARG(value), (long long)opt->min, (long long)opt->max);
        if (r < 0)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "%s: '%.*s' is not a whole number; it is %lld to %lld", source,
                           STR_ARG(value), (long long)opt->min, (long long)opt->max);
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

        r = options_set(o, &table[i], table[i].name, str_of(table[i].def), e);
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
        r = options_set(o, &table[i], table[i].env, str_of(value), e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int refuse_flag(struct str name, struct err *e)
{
    cleanup_free char *word = str_dup(name);
    struct nearest best = {0};

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        nearest_try(&best, word, table[i].name);
    return err_set(e, ERR_CALLER, -EINVAL, "there is no option '--%s'%s%s%s", word,
                   best.name ? "; did you mean --" : "", best.name ? best.name : "",
                   best.name ? "?" : "");
}

/* "--name value" and "--name=value". only: set just this option (the file's name is needed first).
 */
static int set_from_flags(struct options *o, int argc, char **argv, const char *only, struct err *e)
{
    bool given[ARRAY_LEN(table)] = {0};
    int r;

    for (int i = 0; i < argc; i++) {
        struct str rest = str_of(argv[i]), name;
        const struct conf_option *opt;

        if (str_eq(rest, S("-h")))
            rest = S("--help");
        if (!str_starts(rest, S("--")))
            return err_set(e, ERR_CALLER, -EINVAL, "'%s' is not an option of serve", argv[i]);
        rest = str_from(rest, 2);
        name = str_cut(&rest, '=');
        opt = options_find(name);
        if (!opt)
            return refuse_flag(name, e);
        if (given[opt - table])
            return err_set(e, ERR_CALLER, -EINVAL, "--%s is given twice", opt->name);
        given[opt - table] = true;

        if (opt->type == OPT_FLAG && rest.p)
            return err_set(e, ERR_CALLER, -EINVAL, "--%s takes no value", opt->name);
        if (opt->type != OPT_FLAG && !rest.p) {
            if (i + 1 >= argc)
                return err_set(e, ERR_CALLER, -EINVAL, "--%s needs a value (%s)", opt->name,
                               opt->arg);
            rest = str_of(argv[++i]);
        }
        if (only && strcmp(opt->name, only) != 0)
            continue;

        cleanup_free char *source = xasprintf("--%s", opt->name);
        r = options_set(o, opt, source, rest, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int options_load(int argc, char **argv, struct options *ret, struct err *e)
{
    struct options o = {0};
    int r;

    r = set_defaults(&o, e);
    if (r >= 0)
        r = set_from_environment(&o, e);
    if (r >= 0)
        r = set_from_flags(&o, argc, argv, "config", e);
    if (r >= 0 && o.config && *o.config) {
        r = options_read_file(&o, o.config, e);
        if (r >= 0)
            r = set_from_environment(&o, e);
    }
    if (r >= 0)
        r = set_from_flags(&o, argc, argv, NULL, e);
    if (r >= 0 && !o.data)
        r = err_set(e, ERR_CALLER, -EINVAL, "--data is needed: HOME is not set");
    if (r < 0) {
        options_done(&o);
        return r;
    }

    *ret = o;
    return 0;
}

char *options_value(const struct options *o, const struct conf_option *opt)
{
    const void *field = (const char *)o + opt->offset;

    switch (opt->type) {
    case OPT_TEXT:
        return xstrdup(*(char *const *)field);
    case OPT_INT:
        return xasprintf("%lld", (long long)*(const int64_t *)field);
    case OPT_FLAG:
        return *(const bool *)field ? xstrdup("true") : NULL;
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
        cleanup_free char *value = options_value(o, &table[i]);

        if (!value || strcmp(table[i].name, "config") == 0)
            continue;
        argv[n++] = table[i].type == OPT_FLAG ? xasprintf("--%s", table[i].name)
                                              : xasprintf("--%s=%s", table[i].name, value);
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
    *o = (struct options){0};
}
