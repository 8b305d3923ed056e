/* SPDX-License-Identifier: Apache-2.0 */
/* docs.h - the table of commands as a page and as manual pages. */
#ifndef EVOKE_CLI_DOCS_H
#define EVOKE_CLI_DOCS_H

struct buf;
struct command;

void docs_markdown(struct buf *out); /* docs/cli.md */
/* evoke-<command>(1); NULL: evoke(1). man(7) */
void docs_man(const struct command *cmd, struct buf *out);
/* "evoke", "evoke-invoke", "evoke-key-add" */
void docs_man_name(const struct command *cmd, struct buf *out);

#endif
