/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nft.c - libnftables, loaded only where and when it is needed.
 *
 * Rules change at start and when an address of the host does, never for an instance. So the library
 * is not linked: the launcher, whose memory every instance's init begins as a copy of, never has it
 * in its address space, and a host without it runs functions, only without egress.
 */
#include "sandbox/nft.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"

static const char library[] = "libnftables.so.1";

/* What we call of it, nftables/libnftables.h. */
struct calls {
    void *(*new_cx)(uint32_t flags);
    void (*free_cx)(void *cx);
    int (*buffer_error)(void *cx);
    int (*buffer_output)(void *cx);
    const char *(*error)(void *cx);
    const char *(*output)(void *cx);
    int (*run)(void *cx, const char *text);
};

/* Resolved in the order of struct calls. */
static const char *const symbols[] = {
        "nft_ctx_new",
        "nft_ctx_free",
        "nft_ctx_buffer_error",
        "nft_ctx_buffer_output",
        "nft_ctx_get_error_buffer",
        "nft_ctx_get_output_buffer",
        "nft_run_cmd_from_buffer",
};

union table {
    struct calls call;
    void *at[ARRAY_LEN(symbols)];
};

static_assert(sizeof(struct calls) == sizeof symbols, "one symbol for each call");

struct nft {
    void *lib, *cx;
    union table t;
};

static int load(struct nft *nft, struct err *e)
{
    nft->lib = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!nft->lib)
        return err_set(e, ERR_HOST, -ENOENT, "%s is missing (package libnftables1)", library);
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        nft->t.at[i] = dlsym(nft->lib, symbols[i]);
        if (!nft->t.at[i])
            return err_set(e, ERR_HOST, -ENOSYS, "%s has no %s", library, symbols[i]);
    }
    nft->cx = nft->t.call.new_cx(0);
    if (!nft->cx || nft->t.call.buffer_error(nft->cx) != 0 ||
        nft->t.call.buffer_output(nft->cx) != 0)
        return err_set(e, ERR_HOST, -ENOMEM, "%s does not start", library);
    return 0;
}

/* Its message is several lines with a drawing; the first says what is wrong. */
static int say_first_line(const char *text, struct err *e)
{
    return err_set(e, ERR_HOST, -EINVAL, "nftables: %.*s", (int)strcspn(text, "\n"), text);
}

int nft_hold(const char *rules, struct nft **ret, struct err *e)
{
    struct nft *nft = xnew(struct nft);
    int r = load(nft, e);

    if (r >= 0 && nft->t.call.run(nft->cx, rules) != 0)
        r = say_first_line(nft->t.call.error(nft->cx), e);
    if (r < 0) {
        nft_free(nft);
        return r;
    }
    *ret = nft;
    return 0;
}

char *nft_ask(struct nft *nft, const char *command)
{
    if (nft->t.call.run(nft->cx, command) != 0)
        return NULL;
    return xstrdup(nft->t.call.output(nft->cx));
}

struct nft *nft_free(struct nft *nft)
{
    if (!nft)
        return NULL;
    if (nft->cx)
        nft->t.call.free_cx(nft->cx);
    if (nft->lib)
        dlclose(nft->lib);
    free(nft);
    return NULL;
}

int nft_apply(const char *rules, struct err *e)
{
    cleanup_close int read_end = -EBADF;
    cleanup_close int write_end = -EBADF;
    struct err said = {0};
    int fds[2], status = 0;
    ssize_t n;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    read_end = fds[0];
    write_end = fds[1];
    pid = fork();
    if (pid < 0)
        return err_sys(e, "fork");
    if (pid == 0) {
        struct nft *nft = NULL;

        (void)nft_hold(rules, &nft, &said);
        /* Not freed: the kernel takes all of it, and a leak checker would ask. */
        (void)!write(write_end, &said, sizeof said);
        _exit(0);
    }

    fd_close(TAKE_FD(write_end));
    n = io_read_full(read_end, &said, sizeof said);
    (void)waitpid(pid, &status, 0);
    if (n != (ssize_t)sizeof said && WIFSIGNALED(status))
        return err_set(e, ERR_HOST, -ECHILD, "the process that sets rules was killed by signal %d",
                       WTERMSIG(status));
    if (n != (ssize_t)sizeof said)
        return err_set(e, ERR_HOST, -ECHILD, "the process that sets rules ended with exit code %d",
                       WEXITSTATUS(status));
    if (said.code < 0)
        return err_set(e, said.kind, said.code, "%s", said.msg);
    return 0;
}
