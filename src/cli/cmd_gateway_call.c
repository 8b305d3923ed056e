/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_gateway_call.c - evoke gateway call API [PATH]: a try of an API, published or not.
 *
 * The daemon calls it as its callers would and tells what they would have got: status and headers on
 * stderr, the body on stdout, byte for byte, and where the time went.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/gateway.h"
#include "cli/output.h"
#include "cli/term.h"
#include "cli/view.h"

enum { BODY_MAX = 12 << 20, REQUEST_MAX = 80 << 20, PATH_TEXT = 4096 };

/* ---- the request ---- */

static int add_headers(const struct args *args, struct cJSON *request, struct err *e)
{
    struct cJSON *list = cJSON_AddArrayToObject(request, "headers");
    const char *text;
    size_t i = 0;

    while ((text = args_each(args, "header", &i))) {
        struct str rest = str_of(text), name = str_trim(str_cut(&rest, ':'));
        cleanup_free char *key = str_dup(name), *value = str_dup(str_trim(rest));
        struct cJSON *one;

        if (name.n == 0 || !rest.p)
            return err_set(e, ERR_CALLER, -EINVAL, "--header '%.100s' is not 'Name: value'", text);
        one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", key);
        cJSON_AddStringToObject(one, "value", value);
        cJSON_AddItemToArray(list, one);
    }
    return 0;
}

/* "@file", "@-" and text, as curl has it. */
static int add_body(const struct args *args, struct cJSON *request, struct err *e)
{
    const char *word = args_text(args, "body");
    cleanup_with(buf_done) struct buf body, base64;
    int r = 0;

    buf_init(&body, BODY_MAX);
    buf_init(&base64, 2ul * BODY_MAX);
    if (!word)
        return 0;
    if (word[0] == '@')
        r = io_read_file(AT_FDCWD, strcmp(word, "@-") == 0 ? "/dev/stdin" : word + 1, &body, e);
    else
        buf_addz(&body, word);
    if (r < 0)
        return r;
    base64_encode(buf_str(&body), &base64);
    cJSON_AddStringToObject(request, "body_base64", base64.p);
    return 0;
}

/* Its own path, where that has no {parameter}. */
static const char *path_of(const struct args *args, const struct cJSON *api, struct err *e)
{
    struct str own = gateway_text(api, "req_uri");

    if (args->n > 1)
        return args->words[1];
    if (!str_has(own, '{'))
        return own.p;
    err_set(e, ERR_CALLER, -EINVAL, "say with which path to call %.*s", STR_ARG(own));
    return NULL;
}

static const char *method_of(const struct args *args, const struct cJSON *api)
{
    const char *said = args_text(args, "method");
    struct str own = gateway_text(api, "req_method");

    if (said)
        return said;
    return own.n == 0 || str_eq(own, S("ANY")) ? "GET" : own.p;
}

static int put_request(const struct args *args, const struct cJSON *api, struct buf *out,
                       struct err *e)
{
    cleanup_with(json_freep) struct cJSON *request = cJSON_CreateObject();
    const char *path = path_of(args, api, e), *stage = args_text(args, "stage");
    int r;

    if (!path)
        return -EINVAL;
    cJSON_AddStringToObject(request, "method", method_of(args, api));
    cJSON_AddStringToObject(request, "target", path);
    if (stage)
        cJSON_AddStringToObject(request, "stage", stage);
    r = add_headers(args, request, e);
    if (r >= 0)
        r = add_body(args, request, e);
    json_print(request, out);
    return r;
}

/* ---- the answer ---- */

static void print_head(const struct cJSON *answer)
{
    const struct cJSON *one;
    struct term err = term_of(stderr);
    cleanup_with(buf_done) struct buf head;

    buf_init(&head, OUTPUT_MAX);
    buf_addf(&head, "%lld\n", (long long)view_int(answer, "status"));
    cJSON_ArrayForEach(one, json_get(answer, "headers"))
            buf_addf(&head, "%s: %s\n", view_text(one, "name").p, view_text(one, "value").p);
    buf_addc(&head, '\n');
    (void)term_write(&err, buf_str(&head));
    fflush(stderr);
}

static void print_body(const struct cJSON *answer)
{
    struct str text = view_text(answer, "body"), base64 = view_text(answer, "body_base64");
    struct term out = term_of(stdout);
    cleanup_with(buf_done) struct buf bytes;

    buf_init(&bytes, OUTPUT_MAX);
    if (base64.n > 0 && base64_decode(base64, &bytes) == 0)
        text = buf_str(&bytes);
    if (out.tty && base64.n > 0) {
        fprintf(stderr, "(%zu bytes that are no text: redirect stdout to keep them)\n", text.n);
        return;
    }
    (void)term_write(&out, text);
    if (out.tty && text.n > 0 && text.p[text.n - 1] != '\n')
        putchar('\n');
    fflush(stdout);
}

static void print_ms(const char *title, const struct cJSON *call, const char *key)
{
    const struct cJSON *ms = json_get(call, key);

    fprintf(stderr, "  %-12s %.3f ms\n", title, ms ? ms->valuedouble : 0);
}

static void print_times(const struct cJSON *answer)
{
    const struct cJSON *call = json_get(answer, "call");
    struct str fault = view_text(call, "fault");

    fprintf(stderr, "\nSummary:\n  %-12s %s\n", "Request id", view_text(call, "request_id").p);
    if (fault.n > 0)
        fprintf(stderr, "  %-12s %.*s\n", "Refused", STR_ARG(fault));
    print_ms("Authorizer", call, "authorizer_ms");
    print_ms("Backend", call, "backend_ms");
    print_ms("In all", call, "ms");
}

static int call(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL, *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, request;
    const struct cJSON *api = NULL;
    struct err e = {0};

    buf_init(&path, PATH_TEXT);
    buf_init(&request, REQUEST_MAX);
    if (client_new(common, &client, &e) < 0 ||
        gateway_find(client, "api", args->words[0], &all, &api, &e) < 0 ||
        put_request(args, api, &request, &e) < 0)
        return command_fail(&e);
    gateway_path("api", view_text(api, "id"), "debug", &path);
    if (gateway_send(client, "POST", buf_str(&path), STR_NONE, buf_str(&request), &answer, &e) < 0)
        return command_fail(&e);
    if (common->format != OUTPUT_TABLE) {
        output_object(common->format, answer);
    } else {
        print_head(answer);
        print_body(answer);
        print_times(answer);
    }
    return view_int(answer, "status") < 400 ? EXIT_OK : EXIT_FUNCTION;
}

static const struct option options[] = {
        {.name = "method",
         .kind = OPTION_TEXT,
         .arg = "METHOD",
         .help = "POST, PUT and so on",
         .def = "the API's, or GET"},
        {.name = "header",
         .letter = 'H',
         .kind = OPTION_TEXT,
         .arg = "'NAME: VALUE'",
         .help = "what a caller would send besides",
         .repeats = true},
        {.name = "body",
         .kind = OPTION_TEXT,
         .arg = "TEXT|@FILE|@-",
         .help = "what to send",
         .complete = COMPLETE_FILE},
        {.name = "stage",
         .kind = OPTION_TEXT,
         .arg = "STAGE",
         .help = "as it is published there",
         .def = "as it is edited"},
};

const struct command command_gateway_call = {
        .name = "gateway call",
        .group = GROUP_WRITE,
        .args = "API [PATH]",
        .summary = "try an API, published or not, as its callers would",
        .help = "PATH may have a query; without it, it is the API's own. Status, headers and\n"
                "times are on stderr, the body is on stdout. The exit code is 1 for a status of\n"
                "400 and more.",
        .examples = "evoke gateway call hello\n"
                    "evoke gateway call shop/orders '/orders/7?full=1' -H 'X-Token: abc'\n"
                    "evoke gateway call hello --stage RELEASE --body @order.json\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 2,
        .run = call,
};
