/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_restore.c - evoke restore FILE --data DIR: a data directory from a backup, without a daemon. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/restore.h"

static void print_result(enum output_format format, const char *dir, const struct restored *got)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct buf text;
    struct jw w;

    buf_init(&text, 64 << 10);
    jw_init(&w, &text);
    jw_obj(&w);
    jw_kstrz(&w, "data", dir);
    jw_kint(&w, "files", (int64_t)got->files);
    jw_kint(&w, "bytes", (int64_t)got->bytes);
    jw_kbool(&w, "keys", got->keys);
    jw_obj_end(&w);
    tree = json_parse(buf_str(&text), NULL);
    output_object(format, tree);
    buf_done(&text);
    fprintf(stderr, "evoke: start it with `evoke serve --data %s`%s\n", dir,
            got->keys ? "" : "; it holds no keys, a new root pair will be made");
}

static int run(const struct common *common, const struct args *args)
{
    const char *path = args->words[0], *dir = args_text(args, "data");
    cleanup_close int fd = -EBADF;
    struct restored got;
    struct err e = {0};

    if (!dir) {
        (void)err_set(&e, ERR_CALLER, -EINVAL, "--data is missing: which directory shall it be?");
        return command_fail(&e);
    }
    fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_sys(&e, "open '%s'", path);
        return command_fail(&e);
    }
    if (restore(fd, dir, &got, &e) < 0) {
        (void)err_wrap(&e, e.code, "restore '%.64s'", path);
        return command_fail(&e);
    }
    print_result(common->format, dir, &got);
    return EXIT_OK;
}

static const struct option options[] = {
        {.name = "data",
         .kind = OPTION_TEXT,
         .arg = "DIR",
         .help = "the data directory to make; must not be there, or be empty",
         .min = 1,
         .max = 4096,
         .complete = COMPLETE_DIR},
};

const struct command command_restore = {
        .name = "restore",
        .group = GROUP_SERVE,
        .args = "FILE|-",
        .summary = "make a data directory from a backup",
        .beside = true,
        .help = "Checks the hash of every file before it puts anything in place. No daemon may\n"
                "be using the directory. The keys of the backup are valid again.",
        .examples = "evoke restore evoke.tar --data /var/lib/evoke\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FILE,
        .local = true,
        .run = run,
};
