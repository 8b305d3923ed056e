/* SPDX-License-Identifier: Apache-2.0 */
/* scf.h - what of this dialect the rest of the house sees. Its API half is still to come. */
#ifndef EVOKE_DIALECT_SCF_H
#define EVOKE_DIALECT_SCF_H

struct shape_ops;

extern const struct shape_ops scf_shape; /* shape/ */

#endif
