/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - what SCF says around a run.
 *
 *   Init Report RequestId: <id> Coldstart: 236ms (PullCode: 0ms InitRuntime: 0ms InitFunction: 236ms)
 *                               Memory: 128MB MemUsage: 16.76MB                  (cold; one line)
 *   START RequestId: <id>
 *   Event RequestId: <id>
 *   ERROR RequestId:<id> Result:{"errorCode":...}                                (it failed)
 *   Response RequestId:<id> RetMsg:"..."                                         (it did not)
 *   END RequestId: <id>
 *   Report RequestId:<id> Duration:1ms Memory:128MB MemUsage:16.7578MB
 *
 * These are the lines of 2021 and later, blanks and their absence included. The code of an instance
 * is mounted, not pulled, and its runtime was there before it was wanted: both parts of a cold
 * start are 0, and what is left is the function's own. A message has at most 8 KB there, and so has
 * what a run returned here.
 */
#include "dialect/scf/shape/parts.h"

#include "fn/fn.h"

/* Up to 2021 in steps of 100 ms, since then of one. */
uint64_t scf_billed_ms(const struct run *run)
{
    return (run->duration_ns + 999999) / 1000000;
}

static uint64_t whole_ms(uint64_t ns)
{
    return (ns + 500000) / 1000000;
}

static void put(struct buf *out, const char *what, const struct run *run)
{
    buf_addz(out, what);
    buf_addz(out, run->request_id);
}

static void put_init(const struct run *run, struct buf *out)
{
    uint64_t ms = whole_ms(run->init_ns);

    put(out, "Init Report RequestId: ", run);
    buf_addf(out, " Coldstart: %llums (PullCode: 0ms InitRuntime: 0ms InitFunction: %llums) ",
             (unsigned long long)ms, (unsigned long long)ms);
    buf_addf(out, "Memory: %uMB MemUsage: ", run->fn->memory_mb);
    buf_addfix(out, shape_memory(run, 100), 2);
    buf_addz(out, "MB\n");
}

/* How much of it is whole characters, with the line's other bytes within the limit. */
static struct str cut(struct str text)
{
    size_t n = SCF_LOG_LINE - 128;

    if (text.n <= n)
        return text;
    while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){text.p, n};
}

/* A line is a line, whatever the answer holds: JSON has no use for bare control characters. */
static void put_answer(struct str answer, struct buf *out)
{
    answer = cut(answer);
    for (size_t i = 0; i < answer.n; i++)
        buf_adds(out, (unsigned char)answer.p[i] < ' ' ? S(" ") : (struct str){answer.p + i, 1});
}

static void put_end(const struct run *run, struct buf *out)
{
    bool ok = run->outcome == OUTCOME_OK;

    put(out, ok ? "Response RequestId:" : "ERROR RequestId:", run);
    buf_addz(out, ok ? " RetMsg:" : " Result:");
    put_answer(run->answer, out);
    put(out, "\nEND RequestId: ", run);
    put(out, "\nReport RequestId:", run);
    buf_addz(out, " Duration:");
    buf_addu(out, whole_ms(run->duration_ns));
    buf_addz(out, "ms Memory:");
    buf_addu(out, run->fn->memory_mb);
    buf_addz(out, "MB MemUsage:");
    buf_addfix(out, shape_memory(run, 10000), 4);
    buf_addz(out, "MB\n");
}

void scf_log(const struct run *run, enum log_point point, struct buf *out)
{
    switch (point) {
    case LOG_LOAD_START:
        return;
    case LOG_LOAD_END:
        put_init(run, out);
        return;
    case LOG_RUN_START:
        put(out, "START RequestId: ", run);
        put(out, "\nEvent RequestId: ", run);
        buf_addc(out, '\n');
        return;
    case LOG_RUN_END:
        put_end(run, out);
        return;
    }
}
