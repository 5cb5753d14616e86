/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a socket: the peer that it is connected to, and the one before. */
#ifndef LB_OWNER_H
#define LB_OWNER_H

#include "history.h"

static __always_inline struct lb_owner *find_owner(struct bpf_sock *sk)
{
	return bpf_sk_storage_get(&lb_owner, sk, 0, 0);
}

/* At close, when a TCP connection is over, and when a socket that was connected through us begins
 * to listen. */
static __always_inline void forget_socket(struct lb_owner *owner, __u64 cookie)
{
	drop_record(&owner->current, cookie);
	drop_record(&owner->previous, cookie);
}

/* At close, of UDP. */
static __always_inline void forget_crowd(struct bpf_sock *sk, const struct lb_owner *owner,
					 __u64 cookie)
{
	struct lb_walk walk = {.cookie = cookie, .found = LB_NO_RECORD};
	struct lb_recalled known;

	if (!(owner->flags & LB_OWNER_CROWD))
		return;
	known = recall(sk);
	walk.few = known.few;
	walk.more = known.more;
	if (known.few)
		WALK(&walk, step_over_connects);
}

/* UDP sockets leave a life that drains at once, TCP sockets stay. */
static __always_inline int must_leave(const struct lb_backend *backend)
{
	__u32 state = *(volatile __u32 *)&backend->state;

	return state == LB_LIFE_CONDEMNED ||
	       (state == LB_LIFE_DRAINING && backend->endpoint.protocol == LB_IPPROTO_UDP);
}

/* Without room it is not lost for good: user space then rescans all lives. */
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
