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
static __always_inline void forget_socket(struct lb_owner *owner)
{
	drop_record(&owner->current);
	drop_record(&owner->previous);
}

/* At close, of UDP. */
static __always_inline void forget_crowd(struct bpf_sock *sk, const struct lb_owner *owner)
{
	struct lb_walk walk = {.found = LB_NO_RECORD};
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
