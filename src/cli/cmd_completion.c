/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_completion.c - evoke completion SHELL prints what a shell needs to know; evoke complete
 * answers it (complete.h). The latter runs at every press of a key: it is quick, and silent when
 * something is wrong.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "cli/output.h"

enum { ANSWER_MAX = 4 << 20, PATIENCE_MS = 700 };

/* COMP_WORDBREAKS cuts at '=' and ':'; complete.c knows of the first, nothing of ours has the
 * other. */
static const char bash_script[] =
        "# evoke completion for bash. For this shell: . <(evoke completion bash)\n"
        "# For all: evoke completion bash > /usr/share/bash-completion/completions/evoke\n"
        "_evoke() {\n"
        "    local IFS=$'\\n' lines kind cur=${COMP_WORDS[COMP_CWORD]}\n"
        "    lines=($(\"$1\" complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
        "    kind=${lines[0]}\n"
        "    [ \"$cur\" = = ] && cur=\n"
        "    COMPREPLY=(\"${lines[@]:1}\")\n"
        "    COMPREPLY=(\"${COMPREPLY[@]%%$'\\t'*}\")\n"
        "    case $kind in\n"
        "    files) COMPREPLY+=($(compgen -f -- \"$cur\")); compopt -o filenames ;;\n"
        "    dirs) COMPREPLY+=($(compgen -d -- \"$cur\")); compopt -o filenames ;;\n"
        "    esac\n"
        "}\n"
        "complete -F _evoke evoke\n";

static const char zsh_script[] =
        "#compdef evoke\n"
        "# evoke completion for zsh. For this shell: . <(evoke completion zsh)\n"
        "# For all: evoke completion zsh > /usr/share/zsh/vendor-completions/_evoke\n"
        "_evoke() {\n"
        "    local -a lines shown\n"
        "    local kind line\n"
        "    lines=(\"${(@f)$(\"${words[1]}\" complete -- \"${(@Q)words[2,CURRENT]}\" "
        "2>/dev/null)}\")\n"
        "    kind=$lines[1]\n"
        "    for line in \"${(@)lines[2,-1]}\"; do\n"
        "        shown+=(\"${${line%%$'\\t'*}//:/\\\\:}${${(M)line%$'\\t'*}:+:${line#*$'\\t'}}\")\n"
        "    done\n"
        "    (( $#shown )) && _describe -V evoke shown\n"
        "    case $kind in\n"
        "    files) compset -P '--*='; _files ;;\n"
        "    dirs) compset -P '--*='; _files -/ ;;\n"
        "    esac\n"
        "}\n"
        "if [ \"$funcstack[1]\" = _evoke ]; then _evoke \"$@\"; else compdef _evoke evoke; fi\n";

static const char fish_script[] =
        "# evoke completion for fish. For this shell: evoke completion fish | source\n"
        "# For you: evoke completion fish > ~/.config/fish/completions/evoke.fish\n"
        "function __evoke_complete\n"
        "    set -l words (commandline -opc) (commandline -ct)\n"
        "    test (count (commandline -ct)) -eq 0; and set -a words ''\n"
        "    set -l lines ($words[1] complete -- $words[2..-1] 2>/dev/null)\n"
        "    switch \"$lines[1]\"\n"
        "        case files\n"
        "            __fish_complete_path (string replace -r '^--[^=]*=' '' -- (commandline -ct))\n"
        "        case dirs\n"
        "            __fish_complete_directories (string replace -r '^--[^=]*=' '' -- "
        "(commandline -ct)) ''\n"
        "    end\n"
        "    printf '%s\\n' $lines[2..-1]\n"
        "end\n"
        "complete -c evoke -f -a '(__evoke_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

static int print_script(const struct common *common, const struct args *args)
{
    struct err e = {0};

    (void)common;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (strcmp(args->words[0], scripts[i].shell) == 0) {
            fputs(scripts[i].script, stdout);
            return EXIT_OK;
        }
    (void)err_set(&e, ERR_CALLER, -EINVAL, "completion: '%.64s' is not bash, zsh or fish",
                  args->words[0]);
    return command_fail(&e);
}

const struct command command_completion = {
        .name = "completion",
        .group = GROUP_HELP,
        .args = "bash|zsh|fish",
        .summary = "make the tab key complete commands, options and functions",
        .beside = true,
        .examples = ". <(evoke completion bash)\n"
                    "evoke completion fish > ~/.config/fish/completions/evoke.fish\n",
        .min_words = 1,
        .max_words = 1,
        .local = true,
        .no_output = true,
        .run = print_script,
};

/* ---- the answer ------------------------------------------------------------------------------ */

struct known {
    struct str parts[3], space, name; /* views into the answer */
};

static int by_name(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    int r = str_cmp(x->name, y->name);

    return r ? r : str_cmp(x->space, y->space);
}

static bool same_name(const struct known *a, const struct known *b)
{
    return str_eq(a->name, b->name);
}

static bool same_place(const struct known *a, const struct known *b)
{
    return same_name(a, b) && str_eq(a->space, b->space);
}

/* A name that is the only one of its kind is enough; else the space is needed, or all of it. */
static void add_names(const struct known *k, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        bool twice = (i > 0 && same_name(&k[i - 1], &k[i])) ||
                     (i + 1 < n && same_name(&k[i], &k[i + 1]));
        bool full = (i > 0 && same_place(&k[i - 1], &k[i])) ||
                    (i + 1 < n && same_place(&k[i], &k[i + 1]));

        for (size_t p = 0; full && p < ARRAY_LEN(k[i].parts); p++)
            buf_addf(out, "%.*s/", STR_ARG(k[i].parts[p]));
        if (twice)
            buf_addf(out, "%.*s/", STR_ARG(k[i].space));
        buf_addf(out, "%.*s\n", STR_ARG(k[i].name));
    }
}

static void add_list(const struct cJSON *functions, struct buf *out)
{
    int count = cJSON_GetArraySize(functions);
    cleanup_free struct known *known = xcalloc((size_t)count + 1, sizeof(*known));
    size_t n = 0;

    for (const struct cJSON *f = functions->child; f; f = f->next) {
        struct known *k = &known[n++];

        (void)json_str(f, "dialect", false, &k->parts[0], NULL);
        (void)json_str(f, "account", false, &k->parts[1], NULL);
        (void)json_str(f, "region", false, &k->parts[2], NULL);
        (void)json_str(f, "space", false, &k->space, NULL);
        (void)json_str(f, "name", false, &k->name, NULL);
    }
    if (n)
        qsort(known, n, sizeof(*known), by_name);
    add_names(known, n, out);
}

static void ask_functions(void *user, struct buf *out)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf body;
    struct client_request req = {
            .method = "GET", .path = S("/evoke/v1/functions"), .timeout_ms = PATIENCE_MS};
    const struct cJSON *functions;

    buf_init(&body, 0);
    if (client_new(user, &client, NULL) < 0 || client_call(client, &req, &body, NULL) < 0)
        return;
    list = json_parse(buf_str(&body), NULL);
    functions = list ? json_get(list, "functions") : NULL;
    if (functions)
        add_list(functions, out);
}

static int answer(const struct common *common, const struct args *args)
{
    struct common asked = {.endpoint = complete_option(args->words, args->n, "endpoint"),
                           .data = complete_option(args->words, args->n, "data")};
    cleanup_with(buf_done) struct buf out;

    (void)common;
    buf_init(&out, ANSWER_MAX);
    complete_words(args->words, args->n, ask_functions, &asked, &out);
    output_text(buf_str(&out));
    return EXIT_OK;
}

const struct command command_complete = {
        .name = "complete",
        .group = GROUP_HELP,
        .args = "[WORD...]",
        .summary = "say what a shell may offer next",
        .max_words = ARGS_WORDS,
        .local = true,
        .no_output = true,
        .hidden = true,
        .run = answer,
};
