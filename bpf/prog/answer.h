/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The source address that a datagram of a backend is given: what was dialled last at that peer. */
#ifndef LB_ANSWER_H
#define LB_ANSWER_H

#include "dial.h"

static __always_inline int dialled_by_record(const struct lb_record *record,
					     const struct lb_endpoint *peer,
					     struct lb_endpoint *dialled)
{
	if (!record->life || !same_endpoint(&record->peer, peer))
		return 0;
	*dialled = record->dialled;
	return 1;
}

/* What the application dialled to be connected to `peer`; 0: not balanced. */
static __always_inline int dialled_peer(struct bpf_sock_addr *ctx, struct lb_owner *owner,
					const struct lb_endpoint *peer, struct lb_endpoint *dialled)
{
	if (!owner)
		return 0; /* never dialled a service: accepted sockets, direct connects */
	bring_back(ctx, owner, peer);
	if (same_endpoint(&owner->current.peer, peer))
		return dialled_by_record(ELEMENT(&owner->current), peer, dialled);
	return dialled_by_record(ELEMENT(&owner->previous), peer, dialled);
}

static __always_inline const struct lb_peer *find_peer(__u32 service,
						       const struct lb_endpoint *backend)
{
	struct lb_peer_key key = {.service = service, .backend = *backend};

	return bpf_map_lookup_elem(&lb_peers, &key);
}

/* What the socket's datagrams say of a source. 1: it is `dialled`; 0: they say nothing. */
static __always_inline int dialled_by_sending(struct bpf_sock_addr *ctx,
					      const struct lb_endpoint *source,
					      struct lb_endpoint *dialled)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_record *newest = recalled_at(&known, find_newest_sent(ctx, source));
	const struct lb_peer *peer;

	if (newest) {
		*dialled = newest->dialled;
		return !(newest->flags & LB_RECORD_OVERRIDDEN);
	}
	if (!known.few || !(known.few->flags & LB_HISTORY_OVERFLOWED))
		return 0;
	peer = find_peer(0, source);
	if (!peer)
		return 0;
	*dialled = peer->dialled;
	return 1;
}

static __always_inline int is_connected_to(struct bpf_sock *sk, const struct lb_endpoint *peer)
{
	struct lb_endpoint actual = {};

	return actual_peer(sk, peer->protocol, &actual) && same_endpoint(&actual, peer);
}

/* What the socket's connects say of a source; 0: nothing. */
static __always_inline int dialled_by_connecting(struct bpf_sock_addr *ctx, struct lb_owner *owner,
						 const struct lb_endpoint *source,
						 struct lb_endpoint *dialled)
{
	struct lb_record *record = ELEMENT(&owner->current);

	bring_back(ctx, owner, source);
	if (!same_endpoint(&record->peer, source))
		record = ELEMENT(&owner->previous);
	if (same_endpoint(&record->peer, source)) {
		if (!record->life)
			return 0; /* by its own address */
		*dialled = record->dialled;
		return !(record->flags & LB_RECORD_OVERRIDDEN) || is_connected_to(ctx->sk, source);
	}
	/* Queued from a backend that it has left more than one connect ago. */
	if (!owner->current.life || owner->flags & LB_OWNER_PAST_US ||
	    !find_peer(owner->current.service, source))
		return 0;
	*dialled = owner->current.dialled;
	return 1;
}

/* What the application dialled to get a datagram from `source`; 0: not balanced. */
static __always_inline int dialled_source(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					  const struct lb_endpoint *source,
					  struct lb_endpoint *dialled)
{
	struct lb_owner *owner = find_owner(sk);

	if (!owner)
		return 0;
	if (owner->flags & LB_OWNER_SENDER && dialled_by_sending(ctx, source, dialled))
		return 1;
	return dialled_by_connecting(ctx, owner, source, dialled);
}

#endif
