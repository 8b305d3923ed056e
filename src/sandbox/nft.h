/* SPDX-License-Identifier: Apache-2.0 */
/* nft.h - rules of a network namespace, as text for nft(8). */
#ifndef EVOKE_SANDBOX_NFT_H
#define EVOKE_SANDBOX_NFT_H

struct err;
struct nft; /* rules that end with their owner */

/* In the network namespace of the caller, in a child that exits: all of the text, or nothing. */
int nft_apply(const char *rules, struct err *e);
/* The same, and stay: tables with `flags owner` end when this is freed, or the process ends. */
int nft_hold(const char *rules, struct nft **ret, struct err *e);
/* What a command prints, owned by the caller, or NULL. */
char *nft_ask(struct nft *nft, const char *command);
struct nft *nft_free(struct nft *nft);

#endif
