/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the workload may connect and send to. The rules of an address and the rules of a port are
 * two sets of bits, in the order of the configuration: the lowest bit in both is the rule that
 * decides, however many there are. */
#ifndef LB_POLICY_H
#define LB_POLICY_H

#include "maps.h"
#include "address.h"
#include "verdict.h"

/* May we ask for the name of a process? Since Linux 6.16 that needs CAP_PERFMON in these hooks. */
const volatile __u8 cfg_has_comm = 1;

/* The set in force, whole: what is read here is the same until the program ends. 0: no policies. */
static __always_inline __u32 rules_in_force(void)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&lb_rules, &zero);

	return number ? (__u32) * (volatile __u64 *)number : 0;
}

static __always_inline const struct lb_rule_bits *rules_of_address(__u32 number,
								   const struct lb_endpoint *to)
{
	struct lb_network network = {.prefix_bits = LB_NETWORK_BITS(128), .set = number};

	copy_judged(network.addr_be, to);
	return bpf_map_lookup_elem(&lb_policies, &network);
}

/* LB_RULES_TCP or LB_RULES_UDP. */
static __always_inline __u32 rules_of_protocol(const struct lb_endpoint *to)
{
	_Static_assert((LB_IPPROTO_TCP & 1) == LB_RULES_TCP, "see rules_of_protocol()");
	_Static_assert((LB_IPPROTO_UDP & 1) == LB_RULES_UDP, "see rules_of_protocol()");
	return *(const volatile __u8 *)&to->protocol & 1;
}

/* Those of the last span that does not begin after the port: 9 steps for 512 spans. */
static __always_inline const struct lb_rule_bits *rules_of_port(const struct lb_rule_set *set,
								const struct lb_endpoint *to)
{
	__u32 protocol = rules_of_protocol(to);
	__u32 port = host_port(to), high = set->spans[protocol];
	__u32 low = set->ports[protocol][0].first; /* 0, but no constant: see lowest_bit() */

	for (int i = 0; i < LB_PORT_STEPS; i++) {
		__u32 middle = (low + high) / 2 % LB_MAX_PORT_SPANS;

		if (set->ports[protocol][middle].first <= port)
			low = middle;
		else
			high = middle;
	}
	return &set->ports[protocol][low % LB_MAX_PORT_SPANS].rules;
}

/* Position of the lowest bit that is set: how many bits are below it (clang 14 has no builtin for
 * it here). Without a branch: without CAP_PERFMON the verifier refuses an index that is a constant
 * on some of its ways. */
static __always_inline __u32 lowest_bit(__u64 word)
{
	__u64 below = (word & -word) - 1;

	below -= (below >> 1) & 0x5555555555555555ULL;
	below = (below & 0x3333333333333333ULL) + ((below >> 2) & 0x3333333333333333ULL);
	below = (below + (below >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)((below * 0x0101010101010101ULL) >> 56);
}

static __always_inline __u32 first_in_both(const struct lb_rule_bits *a,
					   const struct lb_rule_bits *b)
{
	for (int i = 0; i < LB_RULE_WORDS; i++) {
		__u64 both = a->words[i] & b->words[i];

		if (both)
			return i * 64 + lowest_bit(both);
	}
	return LB_MAX_RULES;
}

/* The policy that denies connecting to `to`, as its place in lb_denials plus 1; 0: none does. Only
 * TCP and UDP are judged. Fails open where there is no rule, as is meant: what no policy names is
 * allowed. Global, so that the verifier reads it once and not for each way that leads to it. */
__noinline __u32 lb_denied_by(const struct lb_endpoint *to)
{
	__u32 number = rules_in_force(), element, rule;
	const struct lb_rule_bits *of_address;
	const struct lb_rule_set *set;

	if (!to || !number || (to->protocol != LB_IPPROTO_TCP && to->protocol != LB_IPPROTO_UDP))
		return 0;
	of_address = rules_of_address(number, to);
	element = number % LB_RULE_SETS;
	set = bpf_map_lookup_elem(&lb_rule_sets, &element);
	if (!of_address || !set)
		return 0;
	rule = first_in_both(of_address, rules_of_port(set, to));
	return rule < LB_MAX_RULES ? set->verdicts[rule] : 0;
}

/* At most once a second for each policy. */
static __always_inline void tell_denial(struct lb_denial *denial, __u32 policy, __u32 operation,
					const struct lb_endpoint *to)
{
	__u64 now = bpf_ktime_get_ns(), last = denial->told_ns;
	struct lb_denied *event;

	if (now - last < LB_SECOND_NS ||
	    __sync_val_compare_and_swap(&denial->told_ns, last, now) != last)
		return;
	event = bpf_ringbuf_reserve(&lb_events, sizeof(*event), 0);
	if (!event)
		return; /* the counter includes it */
	event->kind = LB_EVENT_DENIED;
	event->policy = policy;
	event->denied = denial->denied;
	event->dialled = *to;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->operation = operation;
	event->pad = 0;
	__builtin_memset(event->command, 0, sizeof(event->command));
	if (cfg_has_comm)
		bpf_get_current_comm(event->command, sizeof(event->command));
	bpf_ringbuf_submit(event, 0);
}

/* Refuses with EPERM, which a hook that sets no other error fails with. */
static __always_inline int deny(__u32 policy, __u32 operation, const struct lb_endpoint *to)
{
	__u32 element = policy - 1;
	struct lb_denial *denial = bpf_map_lookup_elem(&lb_denials, &element);

	count(LB_STAT_DENIED);
	if (denial) {
		__sync_fetch_and_add(&denial->denied, 1);
		tell_denial(denial, element, operation, to);
	}
	return LB_REJECT;
}

#endif
