/* SPDX-License-Identifier: Apache-2.0 */
/* fc.h - the two halves of this dialect, as the rest of the house sees them. */
#ifndef EVOKE_DIALECT_FC_H
#define EVOKE_DIALECT_FC_H

struct api_set;
struct shape_ops;

extern const struct shape_ops fc_shape; /* shape/ */
extern const struct api_set fc_api;     /* api/: 2016-08-15 */
extern const struct api_set fc3_api;    /* v3/: 2023-03-30 */

#endif
