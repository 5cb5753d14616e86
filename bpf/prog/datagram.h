/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sendto() on sockets that are not connected to their service. */
#ifndef LB_DATAGRAM_H
#define LB_DATAGRAM_H

#include "answer.h"
#include "connect.h"

static __always_inline int is_in_use(const struct lb_record *sent)
{
	return (sent->flags & (LB_RECORD_SENT | LB_RECORD_LEFT)) == LB_RECORD_SENT;
}

static long step_to_sent(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (!is_in_use(record) || !same_endpoint(&record->dialled, walk->dialled))
		return 0;
	walk->found = at;
	return 1;
}

/* Where datagrams to this service address go. */
__noinline int find_sent(struct bpf_sock_addr *ctx, const struct lb_endpoint *dialled)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {
		.few = known.few, .more = known.more, .dialled = dialled, .found = LB_NO_RECORD};

	if (known.few && dialled)
		WALK(&walk, step_to_sent);
	return walk.found;
}

static long step_to_other_name(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (!is_in_use(record) || !same_endpoint(&record->peer, walk->peer) ||
	    same_endpoint(&record->dialled, walk->dialled) || !live_backend(record))
		return 0;
	walk->found = at;
	return 1;
}

/* Does the socket send to this peer through another service address already? */
__noinline int has_other_name(struct bpf_sock_addr *ctx, const struct lb_endpoint *peer,
			      const struct lb_endpoint *dialled)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {.few = known.few,
			       .more = known.more,
			       .peer = peer,
			       .dialled = dialled,
			       .found = LB_NO_RECORD};

	if (known.few && peer && dialled)
		WALK(&walk, step_to_other_name);
	return walk.found >= 0;
}

/* The backend that got this socket's last datagram to the service, as long as that lives. */
static __always_inline struct lb_backend *backend_as_before(const struct lb_record *sent,
							    const struct lb_service *service)
{
	return sent && sent->service == service->id ? live_backend(sent) : 0;
}

/* One sendto() a service. */
struct lb_send {
	struct bpf_sock_addr *ctx;
	const struct lb_service *service;
	const struct lb_endpoint *dialled;
	const struct lb_endpoint *connected_to; /* all 0: the socket is not connected */
	struct lb_recalled known;
};

/* Would an answer from this backend be taken for one of another peer? */
static __always_inline int is_ambiguous(const struct lb_send *send, const struct lb_endpoint *peer)
{
	if (same_endpoint(send->connected_to, peer))
		return 1;
	return has_other_name(send->ctx, peer, send->dialled);
}

struct lb_slot_walk {
	const struct lb_send *send;
	struct lb_pick *pick;
	__u32 tried;
};

/* One step of bpf_loop(): 1 ends it. */
static long try_next_slot(__u32 step, struct lb_slot_walk *walk)
{
	struct lb_pick *pick = walk->pick;
	__u32 position = (pick->position + 1 + step) % pick->length;
	__u32 index = LB_SLOT_BACKEND(slot_at(pick->offset + position));
	struct lb_backend *backend;

	if (index == walk->tried)
		return 0; /* heavy backends have many slots */
	walk->tried = index;
	backend = backend_at(index);
	if (!backend || is_ambiguous(walk->send, &backend->endpoint))
		return 0;
	pick->index = index;
	return 1;
}

/* What one socket sends to two services goes to two backends where there are two: the answers are
 * named by where they come from. Not with maglev, which promises the backend. */
static __noinline struct lb_backend *pick_unambiguous(struct lb_send *send, struct lb_pick *pick)
{
	struct lb_backend *backend = pick_backend(send->service, family_of(send->dialled), pick);
	struct lb_slot_walk walk = {.send = send, .pick = pick, .tried = pick->index};

	if (!backend || send->service->policy == LB_POLICY_MAGLEV ||
	    !is_ambiguous(send, &backend->endpoint))
		return backend;
	bpf_loop(pick->length, try_next_slot, &walk, 0);
	return backend_at(pick->index);
}

static __noinline struct lb_record *room_for_sent(struct bpf_sock_addr *ctx)
{
	return room_for_record(ctx);
}

/* A service's datagrams go to another backend. Late answers of the one before keep their name. */
static __always_inline void leave_backend(struct bpf_sock_addr *ctx, const struct lb_record *sent,
					  struct lb_history *history)
{
	struct lb_record *room = room_for_sent(ctx);

	if (!room) {
		history->flags |= LB_HISTORY_OVERFLOWED;
		return;
	}
	*room = *sent;
	room->flags |= LB_RECORD_LEFT;
}

static __always_inline void fill_sent(struct lb_history *history, struct lb_record *sent,
				      const struct lb_send *send, const struct lb_backend *backend,
				      __u32 index)
{
	name_backend(sent, send->service, backend, index, send->dialled);
	sent->flags = LB_RECORD_SENT;
	sent->stamp = ++history->turn;
}

/* Names the peer's next datagrams. */
static __always_inline void renew_sent(struct lb_history *history, struct lb_record *sent)
{
	if (sent->stamp != history->turn)
		sent->stamp = ++history->turn;
	if (sent->flags & LB_RECORD_OVERRIDDEN)
		sent->flags &= ~LB_RECORD_OVERRIDDEN;
}

/* No room to note it: what the socket sends to this service goes where the table says. */
static __always_inline int send_unnoted(struct bpf_sock_addr *ctx, struct lb_send *send,
					struct lb_endpoint *to)
{
	struct lb_pick pick = {.socket = bpf_get_socket_cookie(ctx)};
	struct lb_backend *backend = pick_backend(send->service, family_of(send->dialled), &pick);

	if (!backend) {
		count(LB_STAT_NO_BACKEND);
		return refuse_connection();
	}
	count(LB_STAT_UNNOTED);
	if (send->known.few)
		send->known.few->flags |= LB_HISTORY_OVERFLOWED;
	*to = backend->endpoint;
	return LB_PROCEED;
}

/* The service's first datagram of this socket (`sent` is unused), or its backend is gone. */
static __always_inline int send_elsewhere(struct bpf_sock *sk, struct lb_owner *owner,
					  struct lb_send *send, struct lb_record *sent,
					  struct lb_endpoint *to)
{
	struct lb_history *history = bpf_sk_storage_get(&lb_history, sk, 0, 0);
	struct lb_pick pick = {};
	struct lb_backend *backend = pick_unambiguous(send, &pick);

	if (!backend) {
		count(LB_STAT_NO_BACKEND);
		return refuse_connection(); /* fails closed: no backend can be chosen */
	}
	count(LB_STAT_BALANCED);
	*to = backend->endpoint;
	__sync_fetch_and_add(&backend->connects, 1);
	if (!owner)
		owner = bpf_sk_storage_get(&lb_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!history || !owner) {
		count(LB_STAT_UNOWNED); /* fails open: delivered, but replies have the backend's
					   address */
		return LB_PROCEED;
	}
	owner->flags |= LB_OWNER_SENDER;
	if (is_in_use(sent) && !same_endpoint(&sent->peer, to))
		leave_backend(send->ctx, sent, history);
	fill_sent(history, sent, send, backend, pick.index);
	return LB_PROCEED;
}

static __always_inline int send_to_service(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					   struct lb_owner *owner, struct lb_send *send,
					   struct lb_endpoint *to)
{
	struct lb_backend *backend;
	struct lb_record *sent;

	send->known = recall(sk);
	sent = recalled_at(&send->known, find_sent(ctx, send->dialled));
	backend = backend_as_before(sent, send->service);
	if (backend && send->known.few) {
		count(LB_STAT_STICKY);
		renew_sent(send->known.few, sent);
		*to = backend->endpoint;
		return LB_PROCEED;
	}
	if (!sent)
		sent = room_for_sent(ctx);
	return sent ? send_elsewhere(sk, owner, send, sent, to) : send_unnoted(ctx, send, to);
}

/* An application that talks to this backend directly gets its answers as they are. Other threads
 * may count or connect meanwhile. */
static __always_inline void note_direct(struct bpf_sock_addr *ctx, struct lb_owner *owner,
					const struct lb_endpoint *peer, int connected)
{
	if (owner->flags & LB_OWNER_SENDER)
		override_sent(ctx, peer);
	if (same_endpoint(&owner->current.peer, peer))
		__sync_fetch_and_or(&owner->current.flags, LB_RECORD_OVERRIDDEN);
	if (same_endpoint(&owner->previous.peer, peer))
		__sync_fetch_and_or(&owner->previous.flags, LB_RECORD_OVERRIDDEN);
	if (!connected)
		owner->flags |= LB_OWNER_PAST_US;
}

static __always_inline int balance_datagram(struct bpf_sock_addr *ctx,
					    const struct lb_endpoint *dialled,
					    struct lb_endpoint *to)
{
	struct bpf_sock *sk = ctx->sk;
	struct lb_endpoint actual = {};
	struct lb_send send = {.ctx = ctx, .dialled = dialled, .connected_to = &actual};
	struct lb_owner *owner;
	int connected;
	__u32 policy;

	/* Port 0: a connected send with an IP-level control message; its address is not
	 * ours. */
	if (!sk || !dialled->port_be)
		return LB_PROCEED;
	owner = find_owner(sk);
	if (owner && owner->flags & LB_OWNER_EXEMPT)
		return LB_PROCEED;
	/* A v4-mapped connected socket comes here on every send, with the backend that connect
	 * chose: that is judged and translated already, even where a policy names the backend or it
	 * is a service address too. */
	connected = actual_peer(sk, dialled->protocol, &actual);
	if (connected && same_endpoint(&actual, dialled))
		return LB_PROCEED;
	policy = lb_denied_by(dialled);
	if (policy)
		return deny(policy, LB_DENIED_SEND, dialled);
	/* The service that it is connected to: another backend's reply would not be taken. */
	if (connected && dialled_peer(ctx, owner, &actual, to)) {
		if (same_endpoint(to, dialled)) {
			*to = actual;
			return LB_PROCEED;
		}
		*to = *dialled;
	}
	send.service = find_service(dialled);
	if (send.service)
		return send_to_service(ctx, sk, owner, &send, to);
	if (owner)
		note_direct(ctx, owner, dialled, connected);
	return LB_PROCEED;
}

#endif
