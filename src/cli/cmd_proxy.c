/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_proxy.c - evoke proxy [-- COMMAND...] and evoke proxy-env: the way to us for tools that know no
 * endpoint option (src/proxy/).
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/settings.h"
#include "proxy/proxy.h"

enum { PORT = 8901, VALUE_MAX = 16 << 10, NOT_STARTED = 127, KILLED = 128 };

/* ---- its variables ---- */

static int variable(size_t i, const char *directory, uint16_t port, const char **ret_name,
                    struct buf *value)
{
    const char *before;

    buf_reset(value);
    if (!proxy_variable(i, directory, port, ret_name, value))
        return 0;
    /* What the user has excluded stays so; what we have put there once is not put there again. */
    before = strcasecmp(*ret_name, "no_proxy") == 0 ? getenv(*ret_name) : NULL;
    if (before && *before && !strstr(before, value->p))
        buf_addf(value, ",%s", before);
    else if (before && *before) {
        buf_reset(value);
        buf_addz(value, before);
    }
    return 1;
}

static void set_variables(const char *directory, uint16_t port)
{
    cleanup_with(buf_done) struct buf value;
    const char *name;

    buf_init(&value, VALUE_MAX);
    for (size_t i = 0; variable(i, directory, port, &name, &value); i++)
        (void)setenv(name, value.p, 1);
}

/* In single quotes, as every shell of the POSIX kind reads it. */
static void print_quoted(const char *s)
{
    putchar('\'');
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*s);
    }
    putchar('\'');
}

static bool answers(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static int directory_of(char **ret, struct err *e)
{
    *ret = proxy_directory();
    if (*ret)
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL,
                   "neither XDG_CONFIG_HOME nor HOME says where to keep the proxy's certificates");
}

static int print_variables(const struct common *common, const struct args *args)
{
    uint16_t port = (uint16_t)args_number(args, "port", PORT);
    cleanup_free char *directory = NULL;
    cleanup_with(buf_done) struct buf value;
    const char *name;
    struct err e = {0};

    (void)common;
    buf_init(&value, VALUE_MAX);
    if (directory_of(&directory, &e) < 0)
        return command_fail(&e);
    if (!answers(port)) {
        fprintf(stderr,
                "evoke: there is no proxy on 127.0.0.1:%u\n  next: start one with `evoke proxy`, "
                "or "
                "run one command with `evoke proxy -- COMMAND...`\n",
                port);
        return EXIT_UNREACHABLE;
    }
    for (size_t i = 0; variable(i, directory, port, &name, &value); i++) {
        printf("export %s=", name);
        print_quoted(value.p);
        putchar('\n');
    }
    return EXIT_OK;
}

/* ---- serving ---- */

/* With the signals that a command line has, not those that the proxy waits for itself. */
static int start(const struct args *args, const char *const *words, pid_t *ret, struct err *e)
{
    const char *argv[ARGS_WORDS + 1];
    posix_spawnattr_t attr;
    sigset_t none;
    int r;

    for (size_t i = 0; i < args->n; i++)
        argv[i] = words[i];
    argv[args->n] = NULL;
    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    r = posix_spawnp(ret, argv[0], NULL, &attr, (char **)argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    return r == 0 ? 0
                  : err_set(e, ERR_CALLER, -r, "'%.128s' cannot be run: %s", argv[0], strerror(r));
}

static int run_command(struct proxy *p, const char *directory, const struct args *args)
{
    struct err e = {0};
    int status = 0;
    pid_t pid;

    set_variables(directory, proxy_port(p));
    if (start(args, args->words, &pid, &e) < 0) {
        (void)command_fail(&e);
        return NOT_STARTED;
    }
    if (proxy_serve(p, pid, &status, &e) < 0)
        return command_fail(&e);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED + WTERMSIG(status);
}

static int run_alone(struct proxy *p, const struct proxy_conf *conf)
{
    struct err e = {0};

    fprintf(stderr,
            "proxy on http://127.0.0.1:%u to %s; Ctrl-C ends it\n"
            "  next: in another terminal, eval \"$(evoke proxy-env%s",
            proxy_port(p), conf->daemon, proxy_port(p) == PORT ? "" : " --port ");
    if (proxy_port(p) != PORT)
        fprintf(stderr, "%u", proxy_port(p));
    fputs(")\"\n", stderr);
    fflush(stderr);
    return proxy_serve(p, 0, NULL, &e) < 0 ? command_fail(&e) : EXIT_OK;
}

static int run(const struct common *common, const struct args *args)
{
    const char *endpoint = common->endpoint ? common->endpoint : getenv("EVOKE_ENDPOINT");
    cleanup_with(proxy_freep) struct proxy *p = NULL;
    cleanup_free char *directory = NULL;
    struct proxy_conf conf = {
            .port = (uint16_t)args_number(args, "port", args->n > 0 ? 0 : PORT),
            .daemon = endpoint && *endpoint ? endpoint : "http://127.0.0.1:8900",
            .strict = args_has(args, "strict"),
            .tell = args->n == 0 || args_has(args, "verbose"),
    };
    struct err e = {0};

    if (directory_of(&directory, &e) < 0)
        return command_fail(&e);
    conf.ca = directory;
    proxy_signals();
    if (proxy_open(&conf, &p, &e) < 0)
        return command_fail(&e);
    return args->n > 0 ? run_command(p, directory, args) : run_alone(p, &conf);
}

static const struct option proxy_options[] = {
        {.name = "port",
         .kind = OPTION_INT,
         .arg = "PORT",
         .help = "on 127.0.0.1; 0: any that is free",
         .def = "8901; for a command any",
         .min = 0,
         .max = UINT16_MAX},
        {.name = "strict", .kind = OPTION_FLAG, .help = "refuse every name that is not a cloud's"},
        {.name = "verbose",
         .kind = OPTION_FLAG,
         .help = "tell of each connection also when a command runs"},
};

static const struct option env_options[] = {
        {.name = "port",
         .kind = OPTION_INT,
         .arg = "PORT",
         .help = "of the proxy",
         .def = "8901",
         .min = 1,
         .max = UINT16_MAX},
};

const struct command command_proxy = {
        .name = "proxy",
        .group = GROUP_SERVE,
        .args = "[-- COMMAND...]",
        .summary = "bring tools to the daemon that know no endpoint option",
        .help = "An HTTP proxy on loopback. What a tool sends to a name of the clouds goes to the\n"
                "daemon; all else goes where it was to go. With COMMAND, runs it with the\n"
                "variables of `evoke proxy-env` set and ends with its exit code.",
        .examples = "evoke proxy -- serverless deploy\n"
                    "evoke proxy --port 8901\n",
        .options = OPTION_TABLE(proxy_options),
        .beside = true,
        .no_output = true,
        .max_words = ARGS_WORDS,
        .run = run,
};

const struct command command_proxy_env = {
        .name = "proxy-env",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "print what a shell sets so that programs use a running `evoke proxy`",
        .beside = true,
        .examples = "eval \"$(evoke proxy-env)\"\n",
        .options = OPTION_TABLE(env_options),
        .no_output = true,
        .local = true,
        .run = print_variables,
};
