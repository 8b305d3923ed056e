/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - every command, as `evoke help` lists them. A new command is a row and a file. */
#include <string.h>

#include "base/obj.h"
#include "cli/command.h"

extern const struct command command_audit;
extern const struct command command_backup;
extern const struct command command_cancel;
extern const struct command command_complete;
extern const struct command command_completion;
extern const struct command command_config_check;
extern const struct command command_config_example;
extern const struct command command_config_markdown;
extern const struct command command_deadletter_list;
extern const struct command command_deadletter_purge;
extern const struct command command_deadletter_redrive;
extern const struct command command_deadletter_show;
extern const struct command command_delete;
extern const struct command command_deploy;
extern const struct command command_describe;
extern const struct command command_docs;
extern const struct command command_doctor;
extern const struct command command_gateway_apply;
extern const struct command command_gateway_call;
extern const struct command command_gateway_delete;
extern const struct command command_gateway_list;
extern const struct command command_gateway_offline;
extern const struct command command_gateway_publish;
extern const struct command command_gateway_rollback;
extern const struct command command_gateway_routes;
extern const struct command command_gateway_show;
extern const struct command command_get;
extern const struct command command_get_invocation;
extern const struct command command_get_ledger;
extern const struct command command_help_row;
extern const struct command command_init;
extern const struct command command_invoke;
extern const struct command command_key_add;
extern const struct command command_key_remove;
extern const struct command command_key_rotate;
extern const struct command command_key_show;
extern const struct command command_list;
extern const struct command command_list_invocations;
extern const struct command command_logs;
extern const struct command command_serve;
extern const struct command command_proxy;
extern const struct command command_proxy_env;
extern const struct command command_replay;
extern const struct command command_restore;
extern const struct command command_status;
extern const struct command command_top;
extern const struct command command_trigger_create;
extern const struct command command_trigger_delete;
extern const struct command command_trigger_disable;
extern const struct command command_trigger_enable;
extern const struct command command_trigger_http;
extern const struct command command_trigger_list;
extern const struct command command_trigger_show;
extern const struct command command_version;
extern const struct command command_version_list;
extern const struct command command_version_publish;
extern const struct command command_version_delete;
extern const struct command command_alias_list;
extern const struct command command_alias_set;
extern const struct command command_alias_delete;
extern const struct command command_why;

/* clang-format off */
static const struct command *const commands[] = { /* a line each */
        &command_serve,
        &command_config_check,
        &command_config_example,
        &command_config_markdown,
        &command_status,
        &command_doctor,
        &command_proxy,
        &command_proxy_env,
        &command_key_show,
        &command_key_add,
        &command_key_rotate,
        &command_key_remove,
        &command_backup,
        &command_restore,
        &command_init,
        &command_deploy,
        &command_delete,
        &command_trigger_list,
        &command_trigger_show,
        &command_trigger_create,
        &command_trigger_http,
        &command_trigger_delete,
        &command_trigger_enable,
        &command_trigger_disable,
        &command_version_list,
        &command_version_publish,
        &command_version_delete,
        &command_alias_list,
        &command_alias_set,
        &command_alias_delete,
        &command_gateway_apply,
        &command_gateway_list,
        &command_gateway_show,
        &command_gateway_routes,
        &command_gateway_call,
        &command_gateway_publish,
        &command_gateway_rollback,
        &command_gateway_offline,
        &command_gateway_delete,
        &command_invoke,
        &command_replay,
        &command_cancel,
        &command_deadletter_list,
        &command_deadletter_show,
        &command_deadletter_redrive,
        &command_deadletter_purge,
        &command_list,
        &command_list_invocations,
        &command_get,
        &command_get_invocation,
        &command_get_ledger,
        &command_describe,
        &command_logs,
        &command_why,
        &command_top,
        &command_audit,
        &command_version,
        &command_completion,
        &command_help_row,
        &command_complete,
        &command_docs,
};
/* clang-format on */

/* First words of commands of two. */
static const struct {
    const char *word, *what;
} families[] = {
        {"alias", "names that point at versions of a function"},
        {"config", "the daemon's configuration"},
        {"deadletter", "events that failed"},
        {"gateway", "groups, APIs and authorizers of the gateway"},
        {"get", "a function, an event, the ledger"},
        {"key", "access keys and accounts"},
        {"list", "functions, events"},
        {"trigger", "triggers"},
        {"version", "this program, and published versions of a function"},
};

const struct command *command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? commands[i] : NULL;
}

const struct option common_help_option = {
        .name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "show this text"};

static const char *const formats[] = {
        [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml", NULL};

const struct option common_output_option = {.name = "output",
                                            .letter = 'o',
                                            .kind = OPTION_CHOICE,
                                            .arg = "FORMAT",
                                            .help = "table, json or yaml",
                                            .def = "table",
                                            .choices = formats};

const struct option common_daemon_options[2] = {
        {.name = "endpoint",
         .kind = OPTION_TEXT,
         .arg = "URL",
         .help = "where the daemon is",
         .env = "EVOKE_ENDPOINT",
         .def = "http://127.0.0.1:8900",
         .min = 1,
         .max = 255},
        {.name = "data",
         .kind = OPTION_TEXT,
         .arg = "DIR",
         .help = "the daemon's data directory, where its key pair is",
         .env = "EVOKE_DATA",
         .min = 1,
         .max = 3000,
         .complete = COMPLETE_DIR},
};

size_t command_options(const struct command *cmd, struct option_table ret[COMMAND_TABLES])
{
    size_t n = 0;

    ret[n++] = cmd->options;
    if (cmd->shared)
        ret[n++] = *cmd->shared;
    if (!cmd->local)
        ret[n++] = OPTION_TABLE(common_daemon_options);
    if (!cmd->no_output)
        ret[n++] = (struct option_table){&common_output_option, 1};
    ret[n++] = (struct option_table){&common_help_option, 1};
    return n;
}

/* How many words of argv the name is; 0: it is another's. */
static int name_matches(const char *name, int argc, char *const *argv)
{
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);

    if (strlen(argv[0]) != first || memcmp(argv[0], name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

const struct command *command_find(int argc, char *const *argv, int *ret_words, bool *ret_group)
{
    const struct command *found = NULL, *cmd;

    *ret_words = 0;
    *ret_group = false;
    if (argc < 1)
        return NULL;
    for (size_t i = 0; (cmd = command_at(i)); i++) {
        int words = name_matches(cmd->name, argc, argv);
        size_t n = strlen(argv[0]);

        if (strncmp(cmd->name, argv[0], n) == 0 && cmd->name[n] == ' ')
            *ret_group = true;
        if (words > *ret_words) { /* "key add" is more than "key" */
            *ret_words = words;
            found = cmd;
        }
    }
    return found;
}

bool command_exists(const char *name)
{
    const struct command *cmd;

    for (size_t i = 0; (cmd = command_at(i)); i++)
        if (strcmp(cmd->name, name) == 0)
            return true;
    return false;
}

const char *command_family(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (strcmp(families[i].word, word) == 0)
            return families[i].what;
    return NULL;
}
