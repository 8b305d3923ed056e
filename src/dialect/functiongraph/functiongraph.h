/* SPDX-License-Identifier: Apache-2.0 */
/* functiongraph.h - the two halves of this dialect, as the rest of the house sees them. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_H

struct api_set;
struct shape_ops;

extern const struct shape_ops functiongraph_shape; /* shape/ */
extern const struct api_set functiongraph_api;     /* api/ */
extern const struct api_set apig_api;              /* API Gateway's control plane, beside it */
extern const struct api_set iam_api;               /* tokens for both */

#endif
