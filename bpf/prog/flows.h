/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The index behind termination at a cost of the affected sockets: see lb_flow. */
#ifndef LB_FLOWS_H
#define LB_FLOWS_H

#include "maps.h"

const volatile __u32 cfg_chunk_bits = 12; /* a chunk of lb_flows has 2^n flows */

static __always_inline struct lb_flow *flow_at(__u32 number)
{
	__u32 chunk = number >> cfg_chunk_bits, place = number & ((1U << cfg_chunk_bits) - 1);
	void *flows = bpf_map_lookup_elem(&lb_flows, &chunk);

	return flows ? bpf_map_lookup_elem(flows, &place) : 0;
}

static __always_inline __u64 *tag_at(__u32 number)
{
	return bpf_map_lookup_elem(&lb_flow_tags, &number);
}

/* A free flow; null: there is none. Fails open: the slower engine finds the socket. */
static __always_inline struct lb_flow *take_flow(struct lb_backend *backend, __u32 *number)
{
	int missing = bpf_map_pop_elem(&lb_free_flows, number);

	if (!missing && *number == LB_FLOWS_LOW) {
		tell_of_life(LB_EVENT_INDEX_LOW, 0, 0, 0);
		missing = bpf_map_pop_elem(&lb_free_flows, number);
	}
	if (!missing)
		return flow_at(*number);
	__sync_fetch_and_add(&backend->overflow, 1);
	count(LB_STAT_INDEX_OVERFLOW);
	return 0;
}

/* Makes the flow visible under its life; where it is from, and whose, is written there already. An
 * exchange is a full barrier: what reads the tag sees the flow, and what we read after this is
 * read after it was visible. */
static __always_inline void file_flow(struct lb_flow *flow, __u32 number, struct lb_record *record,
				      __u64 cookie, __u64 is_udp)
{
	__u64 *tag = tag_at(number);

	if (!tag)
		return; /* cannot be: as many tags as flows */
	flow->cookie = cookie;
	flow->life = record->life;
	flow->remote = record->peer;
	flow->dialled = record->dialled;
	flow->since_ns = bpf_ktime_get_coarse_ns();
	record->flow = number;
	record->generation = LB_GENERATION(*tag + LB_TAG_ONE_GENERATION);
	__sync_lock_test_and_set(tag, LB_TAG(record->generation, record->backend) | is_udp);
	record->flags |= LB_RECORD_INDEXED;
}

/* The tag under which this record was filed. */
static __always_inline __u64 tag_of(const struct lb_record *record)
{
	__u64 tag = LB_TAG(record->generation, record->backend);

	return record->peer.protocol == LB_IPPROTO_UDP ? tag | LB_TAG_UDP : tag;
}

/* Whether it was still filed under this tag: user space may have been faster, and has uncounted it
 * then. */
static __always_inline int take_out(__u32 number, __u64 tag)
{
	__u64 *place = tag_at(number);

	if (!place || __sync_val_compare_and_swap(place, tag, tag & LB_TAG_GENERATION) != tag)
		return 0;
	bpf_map_push_elem(&lb_free_flows, &number, BPF_ANY);
	return 1;
}

#endif
