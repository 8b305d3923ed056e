/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_file.c - the configuration file: every fault with its line, not only the first.
 *
 * Who mends a file wants to mend it once. So a fault is told of and reading goes on; only a text
 * that is no YAML at all ends it, since nothing after that place can be believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/yaml.h"
#include "conf/options.h"

enum { FILE_MAX = 1 << 20 };

static const char *nearest_name(const char *word)
{
    struct nearest best = {0};

    for (size_t i = 0; options_at(i); i++)
        if (!options_at(i)->flag_only)
            nearest_try(&best, word, options_at(i)->name);
    return best.name;
}

static int refuse_key(const char *key, struct err *e)
{
    const char *name = nearest_name(key);

    return err_set(e, ERR_CALLER, -EINVAL, "%.64s: there is no such option%s%s%s", key,
                   name ? "; did you mean '" : "", name ? name : "", name ? "'?" : "");
}

static int set_from_node(struct options *o, const struct conf_option *opt, const struct cJSON *it,
                         struct err *e)
{
    char number[64];

    if (cJSON_IsString(it))
        return options_set(o, opt, opt->name, str_of(it->valuestring), e);
    if (cJSON_IsNumber(it)) {
        snprintf(number, sizeof(number), trunc(it->valuedouble) == it->valuedouble ? "%.0f" : "%g",
                 it->valuedouble);
        return options_set(o, opt, opt->name, str_of(number), e);
    }
    return err_set(e, ERR_CALLER, -EINVAL, "%s: must be a text or a number", opt->name);
}

static int set_key(struct options *o, const struct yaml_key *key, struct err *e)
{
    const char *name = key->value->string;
    const struct conf_option *opt = options_find(str_of(name));

    if (!opt || opt->flag_only)
        return refuse_key(name, e);
    if (key->first_line)
        return err_set(e, ERR_CALLER, -EINVAL, "%s is given twice, first in line %zu", name,
                       key->first_line);
    return set_from_node(o, opt, key->value, e);
}

static void tell(options_fault_fn *fault, void *user, size_t line, const char *message)
{
    if (fault)
        fault(user, &(struct options_fault){.line = line, .message = message});
}

/* A text with nothing in it but comments is what packaging/evoke.yaml is. */
static bool has_content(struct str text)
{
    while (text.n > 0) {
        struct str line = str_trim(str_cut(&text, '\n'));

        if (line.n > 0 && line.p[0] != '#' && !str_eq(line, S("\r")))
            return true;
    }
    return false;
}

int options_read(struct options *o, struct str text, options_fault_fn *fault, void *user)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(yaml_keys_done) struct yaml_keys keys = {0};
    struct err e = {0};
    int set = 0, faults = 0;

    if (!has_content(text))
        return 0;
    tree = yaml_parse_keys(text, &keys, &e);
    if (!tree) {
        tell(fault, user, 0, e.msg); /* it begins with its line and column */
        return -EINVAL;
    }
    if (cJSON_IsNull(tree))
        return 0;
    if (!cJSON_IsObject(tree)) {
        tell(fault, user, 1, "must be a map of options, as in 'instances: 100'");
        return -EINVAL;
    }
    for (size_t i = 0; i < keys.n; i++) {
        e = (struct err){0};
        if (set_key(o, &keys.list[i], &e) >= 0) {
            set++;
            continue;
        }
        faults++;
        tell(fault, user, keys.list[i].line, e.msg);
    }
    return faults ? -EINVAL : set;
}

struct first {
    const char *path;
    struct err *e;
};

static void keep_first(void *user, const struct options_fault *f)
{
    struct first *first = user;

    if (first->e && first->e->code != 0)
        return;
    if (f->line)
        (void)err_set(first->e, ERR_CALLER, -EINVAL, "%s: line %zu: %s", first->path, f->line,
                      f->message);
    else
        (void)err_set(first->e, ERR_CALLER, -EINVAL, "%s: %s", first->path, f->message);
}

int options_read_file(struct options *o, const char *path, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    struct first first = {.path = path, .e = e};
    int r;

    buf_init(&text, FILE_MAX);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0)
        return r;
    return options_read(o, buf_str(&text), keep_first, &first);
}
