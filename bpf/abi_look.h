/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h that is about the quick look; never pinned. */
#ifndef RESEAT_BPF_ABI_LOOK_H
#define RESEAT_BPF_ABI_LOOK_H

#include "bpf/abi.h"

/* lb_looks: whether sockets are still what was filed of them; the first of life 0 ends the list. */
#define LB_LOOKS 128
struct lb_look {
	__u64 life;
	struct lb_endpoint local;
	struct lb_endpoint remote;
	__u32 states; /* bit n: TCP state n */
	__u32 live;   /* the answer: in one of these states, connected to `remote`, of this life */
};
LB_ASSERT_SIZE(struct lb_look, 56);

#endif
