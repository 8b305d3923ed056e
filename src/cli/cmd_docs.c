/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_docs.c - evoke docs markdown|man DIR: for the build, which makes docs/cli.md and the manual
 * of it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "cli/command.h"
#include "cli/docs.h"
#include "cli/output.h"

enum { PAGE_MAX = 1 << 20 };

static int write_page(const char *dir, const struct command *cmd, struct err *e)
{
    cleanup_with(buf_done) struct buf name, page;
    cleanup_free char *path = NULL;

    buf_init(&name, 256);
    buf_init(&page, PAGE_MAX);
    docs_man_name(cmd, &name);
    docs_man(cmd, &page);
    path = xasprintf("%s/%s.1", dir, name.p);
    return io_write_file(AT_FDCWD, path, buf_str(&page), 0644, e);
}

static int write_manual(const char *dir, struct err *e)
{
    const struct command *cmd;
    int r = io_mkdir_p(dir, 0755, e);

    if (r >= 0)
        r = write_page(dir, NULL, e);
    for (size_t i = 0; r >= 0 && (cmd = command_at(i)); i++)
        if (!cmd->hidden)
            r = write_page(dir, cmd, e);
    /* Ninja looks at the directory to see whether its pages are newer than the program. */
    if (r >= 0 && utimensat(AT_FDCWD, dir, NULL, 0) < 0)
        r = err_sys(e, "touch '%s'", dir);
    return r;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(buf_done) struct buf out;
    struct err e = {0};

    (void)common;
    buf_init(&out, PAGE_MAX);
    if (strcmp(args->words[0], "markdown") == 0 && args->n == 1) {
        docs_markdown(&out);
        output_text(buf_str(&out));
        return EXIT_OK;
    }
    if (strcmp(args->words[0], "man") == 0 && args->n == 2)
        return write_manual(args->words[1], &e) < 0 ? command_fail(&e) : EXIT_OK;
    (void)err_set(&e, ERR_CALLER, -EINVAL, "docs: markdown, or man and a directory");
    return command_fail(&e);
}

const struct command command_docs = {
        .name = "docs",
        .group = GROUP_HELP,
        .args = "markdown|man [DIR]",
        .summary = "print the page of all commands, or write the manual into a directory",
        .min_words = 1,
        .max_words = 2,
        .complete = COMPLETE_DIR,
        .local = true,
        .no_output = true,
        .hidden = true,
        .run = run,
};
