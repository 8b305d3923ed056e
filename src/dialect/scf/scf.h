/* SPDX-License-Identifier: Apache-2.0 */
/* scf.h - the two halves of this dialect, as the rest of the house sees them. */
#ifndef EVOKE_DIALECT_SCF_H
#define EVOKE_DIALECT_SCF_H

struct api_set;
struct shape_ops;

extern const struct shape_ops scf_shape;    /* shape/ */
extern const struct api_set scf_api;        /* api/ */
extern const struct api_set scf_vendor_api; /* api/vendor/calls.c */

#endif
