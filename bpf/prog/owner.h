/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What we know of a socket: to whom it is connected and was connected before. */
#ifndef LB_OWNER_H
#define LB_OWNER_H

#include "select.h"
#include "flows.h"

static __always_inline struct lb_owner *find_owner(struct bpf_sock *sk)
{
	return bpf_sk_storage_get(&lb_owner, sk, 0, 0);
}

static __always_inline void uncount(struct lb_record *record)
{
	struct lb_backend *backend;

	if (!(record->flags & LB_RECORD_COUNTED))
		return;
	record->flags &= ~LB_RECORD_COUNTED;
	backend = backend_of_life(record->backend, record->life);
	if (backend)
		__sync_fetch_and_add(&backend->open, -1);
}

/* Forgets a record that no socket stands for any more. */
static __always_inline void drop_record(struct lb_record *record, __u64 cookie)
{
	uncount(record);
	if (record->flags & LB_RECORD_INDEXED)
		unindex_flow(record, cookie);
	__builtin_memset(record, 0, sizeof(*record));
}

/* At close, and when a socket that was connected through us begins to listen. */
static __always_inline void forget_socket(struct lb_owner *owner, __u64 cookie)
{
	drop_record(&owner->current, cookie);
	drop_record(&owner->previous, cookie);
}

/* Before a connect: the record that tells the truth (the actual peer decides) becomes `current`. A
 * failed connect leaves the older one true; an unconnected socket, and TCP before it connects,
 * none. */
static __always_inline void settle(struct lb_owner *owner, const struct lb_endpoint *actual,
				   int connected, __u64 cookie)
{
	if (connected && same_endpoint(&owner->current.peer, actual))
		return;
	drop_record(&owner->current, cookie);
	if (connected && same_endpoint(&owner->previous.peer, actual)) {
		owner->current = owner->previous;
		__builtin_memset(&owner->previous, 0, sizeof(owner->previous));
	}
}

/* Makes room for the record of the connect to come. */
static __always_inline void push_record(struct lb_owner *owner, __u64 cookie)
{
	drop_record(&owner->previous, cookie);
	if (owner->current.flags & LB_RECORD_INDEXED)
		uncount(&owner->current); /* optimistic: it is about to connect elsewhere */
	/* else its life would look idle, should this connect fail */
	owner->previous = owner->current;
	__builtin_memset(&owner->current, 0, sizeof(owner->current));
}

static __always_inline void fill_record(struct lb_record *record, const struct lb_service *service,
					struct lb_backend *backend, __u32 index,
					const struct lb_endpoint *dialled)
{
	record->life = backend->life;
	record->dialled = *dialled;
	record->peer = backend->endpoint;
	record->service = service->id;
	record->backend = index;
	record->flags = LB_RECORD_COUNTED;
	__sync_fetch_and_add(&backend->open, 1);
	__sync_fetch_and_add(&backend->connects, 1);
}

/* After the new record is written: where both name the same peer, the actual peer cannot tell them
 * apart any more, and what was dialled last counts. The older one would claim a socket that has
 * left its life. */
static __always_inline void supersede(struct lb_owner *owner, __u64 cookie)
{
	if (!same_endpoint(&owner->previous.peer, &owner->current.peer))
		return;
	drop_record(&owner->previous, cookie);
}

/* UDP sockets leave a life that drains at once, TCP sockets stay. */
static __always_inline int must_leave(const struct lb_backend *backend)
{
	__u32 state = *(volatile __u32 *)&backend->state;

	return state == LB_LIFE_CONDEMNED ||
	       (state == LB_LIFE_DRAINING && backend->endpoint.protocol == LB_IPPROTO_UDP);
}

/* Without room it is not lost for good: user space then looks at all lives. */
static __always_inline void tell_of_life(__u32 kind, __u32 service, __u64 life, __u64 cookie)
{
	struct lb_event *event = bpf_ringbuf_reserve(&lb_events, sizeof(*event), 0);

	if (!event) {
		count(LB_STAT_EVENTS_LOST);
		return;
	}
	event->kind = kind;
	event->service = service;
	event->life = life;
	event->cookie = cookie;
	bpf_ringbuf_submit(event, 0);
}

/* Tells user space of a socket that reached a life while it was being condemned: it condemns first
 * and walks the index afterwards, we file first and look at the state afterwards, so one of us sees
 * it. */
static __always_inline void report_if_condemned(struct lb_backend *backend,
						struct lb_record *record, __u64 cookie)
{
	if (!must_leave(backend))
		return;
	count(LB_STAT_RACED);
	tell_of_life(LB_EVENT_RACED, record->service, record->life, cookie);
}

#endif
