/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program at a cgroup returns. */
#ifndef LB_VERDICT_H
#define LB_VERDICT_H

#define LB_REJECT 0
#define LB_PROCEED 1

#endif
