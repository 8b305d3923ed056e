/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - one program: `evoke serve` is the keeper, the keeper starts it again as `evoke daemon`,
 * everything else is the command line.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cli.h"
#include "conf/options.h"
#include "daemon/daemon.h"
#include "daemon/keeper.h"

static int explain_serve(void)
{
    static char name[] = "evoke", help[] = "help", serve[] = "serve";
    char *argv[] = {name, help, serve, NULL};

    return cli_main(3, argv);
}

static int run(int argc, char **argv, const char *process,
               int (*process_main)(struct options *, int argc, char **argv))
{
    struct options o;
    struct log_conf log;
    struct err e = {0};
    int code;

    if (options_load(argc, argv, &o, &e) < 0 || options_log(&o, &log, &e) < 0) {
        fprintf(stderr,
                "evoke: serve: %s\n  next: `evoke help serve` lists the options; `evoke config "
                "check` "
                "names every fault of a file\n",
                e.msg);
        return 2;
    }
    if (o.help) {
        code = explain_serve();
    } else {
        log_open(process, log.level);
        log_set(&log);
        code = process_main(&o, argc, argv);
        log_flush(true);
    }
    options_done(&o);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return run(argc - 2, argv + 2, "keeper", keeper_main);
    if (argc > 1 && strcmp(argv[1], "daemon") == 0 && strcmp(argv[0], "evoke-daemon") == 0)
        return run(argc - 2, argv + 2, "daemon", daemon_main);
    return cli_main(argc, argv);
}
