/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The index behind termination at a cost of the affected sockets: (socket, life) -> tuple, in
 * drawers. */
#ifndef LB_FLOWS_H
#define LB_FLOWS_H

#include "maps.h"

const volatile __u32 cfg_drawers = 1; /* in use, at most LB_MAX_DRAWERS */

/* How many drawers a socket that finds its own full tries before it goes unindexed. */
#define LB_DRAWER_TRIES 8

static __always_inline int file_in_drawer(struct lb_backend *backend, __u32 drawer,
					  const struct lb_flow_key *key, const struct lb_flow *flow)
{
	void *flows = bpf_map_lookup_elem(&lb_flows, &drawer);

	if (!flows)
		return -1;
	/* Noted before it is filed: a walk of the noted drawers misses nothing. */
	if (!(backend->drawers[(drawer / 64) % LB_DRAWER_WORDS] & (1ULL << (drawer % 64))))
		__sync_fetch_and_or(&backend->drawers[(drawer / 64) % LB_DRAWER_WORDS],
				    1ULL << (drawer % 64));
	return bpf_map_update_elem(flows, key, flow, BPF_ANY) ? -1 : 0;
}

/* Files the socket under its life. Fails open: without room the slower engine finds the socket. */
static __always_inline void index_flow(struct lb_backend *backend, struct lb_record *record,
				       __u64 cookie, struct lb_flow *flow)
{
	struct lb_flow_key key = {.cookie = cookie, .life = record->life};
	__u32 drawer = backend->drawer;

	flow->dialled = record->dialled;
	flow->backend = record->backend;
	flow->since_ns = bpf_ktime_get_boot_ns();
	for (int i = 0; i < LB_DRAWER_TRIES; i++) {
		if (!file_in_drawer(backend, drawer, &key, flow)) {
			record->drawer = drawer;
			record->flags |= LB_RECORD_INDEXED;
			if (i)
				backend->drawer = drawer;
			return;
		}
		drawer = (drawer + 1) % cfg_drawers;
	}
	__sync_fetch_and_add(&backend->overflow, 1);
	count(LB_STAT_INDEX_OVERFLOW);
}

/* Whether it was still filed: user space may have been faster, and has uncounted it then. */
static __always_inline int unindex_flow(__u32 drawer, __u64 cookie, __u64 life)
{
	struct lb_flow_key key = {.cookie = cookie, .life = life};
	void *flows = bpf_map_lookup_elem(&lb_flows, &drawer);

	return flows && !bpf_map_delete_elem(flows, &key);
}

/* Files the socket anew, as one that counts no more. Whether it counted. */
static __always_inline int file_as_left(struct lb_record *record, __u64 cookie)
{
	struct lb_flow_key key = {.cookie = cookie, .life = record->life};
	__u32 drawer = record->drawer;
	void *flows = bpf_map_lookup_elem(&lb_flows, &drawer), *flow;

	if (!flows)
		return 0; /* cannot be: it was filed there */
	flow = bpf_map_lookup_elem(flows, &key);
	key.life |= LB_FLOW_LEFT;
	if (!flow || bpf_map_update_elem(flows, &key, flow, BPF_ANY))
		record->flags &= ~LB_RECORD_INDEXED; /* no room: lost, should this connect fail */
	key.life = record->life;
	if (!bpf_map_delete_elem(flows, &key))
		return 1;
	record->flags &= ~LB_RECORD_INDEXED; /* taken out by user space just now */
	key.life |= LB_FLOW_LEFT;
	bpf_map_delete_elem(flows, &key);
	return 0;
}

#endif
