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

/* A backend that was chosen. */
struct lb_pick {
	__u32 index;  /* in lb_backends */
	__u32 key;    /* what maglev chose it by */
	__u64 socket; /* its cookie, if it is what decides; 0: the service's policy does */
	/* Where in lb_slots: in `position` of this table. */
	__u32 offset;
	__u32 length;
	__u32 position;
};

/* Spreads a key over all bits (the finalizer of MurmurHash3). */
static __always_inline __u32 spread(__u64 key)
{
	key = (key ^ (key >> 33)) * 0xff51afd7ed558ccdULL;
	key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return (__u32)(key ^ (key >> 33));
}

static __always_inline __u32 key_of_caller(const struct lb_service *service)
{
	__u64 key;

	if (service->hash_key == LB_HASH_UID)
		key = (__u32)bpf_get_current_uid_gid();
	else if (service->hash_key == LB_HASH_PROCESS)
		key = bpf_get_current_pid_tgid() >> 32;
	else
		key = bpf_get_current_cgroup_id();
	return spread(key);
}

static __always_inline __u32 next_turn(__u32 table, __u32 length)
{
	__u64 *turn = bpf_map_lookup_elem(&lb_turns, &table);

	if (!turn)
		return 0; /* cannot be: lb_turns has as many elements as lb_tables */
	return (__u32)(__sync_fetch_and_add(turn, 1) % length);
}

static __always_inline __u64 slot_at(__u32 position)
{
	__u64 *slot = bpf_map_lookup_elem(&lb_slots, &position);

	return slot ? *slot : 0; /* cannot be: tables lie within lb_slots */
}

/* Its sockets and the one to come. In a new set of maps, for the moment until it knows what the one
 * before it counted (LB_COUNTED_APART), those that came and went since. */
static __always_inline __u64 sockets_with_next(__u64 slot)
{
	struct lb_backend *backend = backend_at(LB_SLOT_BACKEND(slot));
	__s64 open = backend ? (__s64)(*(volatile __u64 *)&backend->open << 1) >> 1 : 0;

	return open > 0 ? open + 1 : 1;
}

/* Two choices (Mitzenmacher): of two slots at random that whose backend would have fewer sockets
 * for its share. Heavy backends have more slots, so that they are asked as often as they need to
 * be. */
static __always_inline __u32 less_busy_of_two(__u32 offset, __u32 length)
{
	__u32 random = bpf_get_prandom_u32();
	__u32 first = random % length, second;
	__u64 a, b;

	if (length == 1)
		return first;
	second = (first + 1 + random / length % (length - 1)) % length;
	a = slot_at(offset + first);
	b = slot_at(offset + second);
	if (sockets_with_next(a) * LB_SLOT_SHARE(b) <= sockets_with_next(b) * LB_SLOT_SHARE(a))
		return first;
	return second;
}

static __always_inline __u32 choose_position(const struct lb_service *service, __u32 table,
					     __u32 offset, __u32 length, struct lb_pick *pick)
{
	if (pick->socket && service->policy != LB_POLICY_MAGLEV)
		return spread(pick->socket ^ ((__u64)service->id << 32)) % length;
	switch (service->policy) {
	case LB_POLICY_RANDOM:
		return bpf_get_prandom_u32() % length;
	case LB_POLICY_LEAST_CONN:
		return less_busy_of_two(offset, length);
	case LB_POLICY_MAGLEV:
		pick->key = key_of_caller(service);
		return pick->key % length;
	}
	return next_turn(table, length);
}

/* The backend that the service's table has next; null: none is eligible. */
static __always_inline struct lb_backend *pick_backend(const struct lb_service *service,
						       __u32 family, struct lb_pick *pick)
{
	__u32 table = LB_TABLE_INDEX(service->table, family);
	__u64 *word = bpf_map_lookup_elem(&lb_tables, &table);
	__u64 seen;

	if (!word)
		return 0;
	seen = *(volatile __u64 *)word;
	pick->offset = LB_TABLE_OFFSET(seen);
	pick->length = LB_TABLE_LENGTH(seen);
	if (!pick->length)
		return 0;
	pick->position = choose_position(service, table, pick->offset, pick->length, pick);
	pick->index = LB_SLOT_BACKEND(slot_at(pick->offset + pick->position));
	return backend_at(pick->index);
}

#endif
