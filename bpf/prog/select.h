/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Service -> table -> backend. Weights, priorities and health are in the table already: choosing is
 * one index, whatever the number of backends. */
#ifndef LB_SELECT_H
#define LB_SELECT_H

#include "maps.h"
#include "address.h"

static __always_inline const struct lb_service *find_service(const struct lb_endpoint *dialled)
{
	return bpf_map_lookup_elem(&lb_services, dialled);
}

static __always_inline struct lb_backend *backend_at(__u32 index)
{
	return bpf_map_lookup_elem(&lb_backends, &index);
}

/* The element of a life, or null when that life is over and the element serves another. */
static __always_inline struct lb_backend *backend_of_life(__u32 index, __u64 life)
{
	struct lb_backend *backend = backend_at(index);

	return backend && backend->life == life ? backend : 0;
}

static __always_inline __u32 choose_position(const struct lb_service *service, __u32 length)
{
	__u32 table = service->table;
	__u64 *turn;

	if (service->policy == LB_POLICY_RANDOM)
		return bpf_get_prandom_u32() % length;
	turn = bpf_map_lookup_elem(&lb_turns, &table);
	if (!turn)
		return 0; /* cannot be: lb_turns has as many elements as there are tables */
	return (__u32)(__sync_fetch_and_add(turn, 1) % length);
}

/* Whom the service's table names next; null: nobody is eligible. `index` is where it is in
 * lb_backends. */
static __always_inline struct lb_backend *pick_backend(const struct lb_service *service,
						       __u32 family, __u32 *index)
{
	__u32 table = LB_TABLE_INDEX(service->table, family);
	__u64 *word = bpf_map_lookup_elem(&lb_tables, &table);
	__u64 seen;
	__u64 *slot;
	__u32 position;

	if (!word)
		return 0;
	seen = *(volatile __u64 *)word;
	if (!LB_TABLE_LENGTH(seen))
		return 0;
	position = LB_TABLE_OFFSET(seen) + choose_position(service, LB_TABLE_LENGTH(seen));
	slot = bpf_map_lookup_elem(&lb_slots, &position);
	if (!slot)
		return 0;
	*index = (__u32)*slot;
	return backend_at(*index);
}

#endif
