/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* The part of abi.h that is about policies. */
#ifndef RESEAT_BPF_ABI_POLICY_H
#define RESEAT_BPF_ABI_POLICY_H

#include "bpf/abi.h"

/* Policies. A rule is one destination of one policy; rules are sets of bits, the lowest decides. A new set of
 * rules is written beside the one in force and put in its place by one store of its number. */
#define LB_MAX_RULES 256
#define LB_RULE_WORDS (LB_MAX_RULES / 64)
struct lb_rule_bits {
	__u64 words[LB_RULE_WORDS];
};
LB_ASSERT_SIZE(struct lb_rule_bits, 32);

/* lb_rules, element 0: number of the set in force, 8 bytes; 0: there are no policies. */

/* lb_policies: network, in a set -> the rules that hold all of it. The longest prefix decides. */
#define LB_MAX_NETWORKS 1024
#define LB_NETWORK_BITS(bits) (32 + (bits)) /* the set's number comes first */
struct lb_network {
	__u32 prefix_bits;
	__u32 set;
	__be32 addr_be[4];
};
LB_ASSERT_SIZE(struct lb_network, 24);

/* lb_rule_sets: the rest of set n, in element n % LB_RULE_SETS. Reused only after a grace period. */
#define LB_RULE_SETS 8
#define LB_RULES_TCP 0
#define LB_RULES_UDP 1
#define LB_PORT_STEPS 9
#define LB_MAX_PORT_SPANS (1 << LB_PORT_STEPS)
struct lb_port_span { /* up to where the next one begins */
	__u32 first;
	__u32 pad;
	struct lb_rule_bits rules;
};
LB_ASSERT_SIZE(struct lb_port_span, 40);

struct lb_rule_set {
	__u32 spans[2];
	struct lb_port_span ports[2][LB_MAX_PORT_SPANS]; /* the first begins at 0 */
	__u32 verdicts[LB_MAX_RULES];			 /* 0: allowed; else lb_denials index + 1 */
};
LB_ASSERT_SIZE(struct lb_rule_set, 8 + 2 * LB_MAX_PORT_SPANS * 40 + LB_MAX_RULES * 4);

/* lb_denials: what a policy has denied. Twice as many as there may be policies at a time. */
#define LB_MAX_DENIALS 256
#define LB_POLICY_NAME 64
struct lb_denial {
	__u64 denied;
	__u64 told_ns;		   /* when an event was last made of it */
	char name[LB_POLICY_NAME]; /* empty: unused */
};
LB_ASSERT_SIZE(struct lb_denial, 80);

/* lb_events, LB_EVENT_DENIED: a policy denied something; at most one a second for each policy. */
#define LB_DENIED_CONNECT 0
#define LB_DENIED_SEND 1
struct lb_denied {
	__u32 kind;
	__u32 policy; /* lb_denials index */
	__u64 denied; /* by it, ever */
	struct lb_endpoint dialled;
	__u32 pid; /* thread group, in the initial pid namespace */
	__u32 operation;
	__u32 pad;
	char command[16]; /* empty: we may not know it in here */
};
LB_ASSERT_SIZE(struct lb_denied, 64);

#endif
