/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sendto() on sockets that are not connected to their service, and whom replies come from. */
#ifndef LB_DATAGRAM_H
#define LB_DATAGRAM_H

#include "connect.h"

static __always_inline struct lb_sender *find_sender(struct bpf_sock *sk, __u64 flags)
{
	return bpf_sk_storage_get(&lb_senders, sk, 0, flags);
}

/* Where the last datagram to this service address went; null: none that is remembered. */
static __always_inline struct lb_sent *find_sent(struct lb_sender *sender,
						 const struct lb_endpoint *dialled)
{
	for (int i = 0; i < LB_SENDER_RECORDS; i++)
		if (sender->sent[i].life && same_endpoint(&sender->sent[i].dialled, dialled))
			return &sender->sent[i];
	return 0;
}

static __always_inline struct lb_sent *next_sent(struct lb_sender *sender)
{
	struct lb_sent *sent = &sender->sent[sender->next % LB_SENDER_RECORDS];

	if (sent->life)
		sender->overflowed = 1;
	sender->next = (sender->next + 1) % LB_SENDER_RECORDS;
	return sent;
}

/* An application that now talks to this backend directly gets its replies as they are. */
static __always_inline void forget_sent_to(struct bpf_sock *sk, const struct lb_endpoint *peer)
{
	struct lb_sender *sender = find_sender(sk, 0);

	if (!sender)
		return;
	for (int i = 0; i < LB_SENDER_RECORDS; i++)
		if (sender->sent[i].life && same_endpoint(&sender->sent[i].peer, peer))
			sender->sent[i].life = 0;
}

/* The backend that got this socket's last datagram to the service, as long as that lives. */
static __always_inline struct lb_backend *backend_as_before(const struct lb_sent *sent,
							    const struct lb_service *service)
{
	struct lb_backend *backend;

	if (!sent || sent->service != service->id)
		return 0;
	backend = backend_of_life(sent->backend, sent->life);
	return backend && backend->state == LB_LIFE_ELIGIBLE ? backend : 0;
}

static __always_inline void fill_sent(struct lb_sent *sent, const struct lb_service *service,
				      const struct lb_backend *backend, __u32 index,
				      const struct lb_endpoint *dialled)
{
	sent->life = backend->life;
	sent->dialled = *dialled;
	sent->peer = backend->endpoint;
	sent->service = service->id;
	sent->backend = index;
}

static __always_inline int send_to_service(struct bpf_sock *sk, struct lb_owner *owner,
					   const struct lb_service *service,
					   const struct lb_endpoint *dialled,
					   struct lb_endpoint *to)
{
	struct lb_sender *sender = find_sender(sk, BPF_SK_STORAGE_GET_F_CREATE);
	struct lb_sent *sent = sender ? find_sent(sender, dialled) : 0;
	struct lb_backend *backend = backend_as_before(sent, service);
	struct lb_pick pick = {};

	if (backend) {
		count(LB_STAT_STICKY);
		*to = backend->endpoint;
		return LB_PROCEED;
	}
	backend = pick_backend(service, family_of(dialled), &pick);
	if (!backend) {
		count(LB_STAT_NO_BACKEND);
		return refuse_connection(); /* fails closed: nobody may be chosen */
	}
	count(LB_STAT_BALANCED);
	*to = backend->endpoint;
	__sync_fetch_and_add(&backend->connects, 1);
	if (!owner)
		owner = bpf_sk_storage_get(&lb_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sender || !owner) {
		count(LB_STAT_UNOWNED); /* fails open: delivered, but replies carry the backend's
					   address */
		return LB_PROCEED;
	}
	owner->flags |= LB_OWNER_SENDER;
	fill_sent(sent ? sent : next_sent(sender), service, backend, pick.index, dialled);
	return LB_PROCEED;
}

static __always_inline int dialled_by_record(const struct lb_record *record,
					     const struct lb_endpoint *peer,
					     struct lb_endpoint *dialled)
{
	if (!record->life || !same_endpoint(&record->peer, peer))
		return 0;
	*dialled = record->dialled;
	return 1;
}

/* What the application dialled to be connected to `peer`; 0: not through us. */
static __always_inline int dialled_peer(struct lb_owner *owner, const struct lb_endpoint *peer,
					struct lb_endpoint *dialled)
{
	if (!owner)
		return 0; /* never dialled a service: accepted sockets, direct connects */
	if (same_endpoint(&owner->current.peer, peer))
		return dialled_by_record(&owner->current, peer, dialled);
	return dialled_by_record(&owner->previous, peer, dialled);
}

static __always_inline int balance_datagram(struct bpf_sock_addr *ctx,
					    const struct lb_endpoint *dialled,
					    struct lb_endpoint *to)
{
	struct bpf_sock *sk = ctx->sk;
	const struct lb_service *service;
	struct lb_endpoint actual = {};
	struct lb_endpoint connected_to = {};
	struct lb_owner *owner;
	int connected;
	__u32 policy;

	/* Port 0: a connected send that carries an IP-level control message; its address is not
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
	policy = denied_by(dialled);
	if (policy)
		return deny(policy, LB_DENIED_SEND, dialled);
	/* The service that it is connected to: another backend's reply would not be taken. */
	if (connected && dialled_peer(owner, &actual, &connected_to) &&
	    same_endpoint(&connected_to, dialled)) {
		*to = actual;
		return LB_PROCEED;
	}
	service = find_service(dialled);
	if (service)
		return send_to_service(sk, owner, service, dialled, to);
	if (owner && owner->flags & LB_OWNER_SENDER)
		forget_sent_to(sk, dialled);
	return LB_PROCEED;
}

static __always_inline const struct lb_peer *find_peer(__u32 service,
						       const struct lb_endpoint *backend)
{
	struct lb_peer_key key = {.service = service, .backend = *backend};

	return bpf_map_lookup_elem(&lb_peers, &key);
}

/* The service address behind a datagram's source, from what this socket sent. */
static __always_inline int dialled_by_sending(struct bpf_sock *sk, const struct lb_endpoint *source,
					      struct lb_endpoint *dialled)
{
	struct lb_sender *sender = find_sender(sk, 0);
	const struct lb_peer *peer;

	if (!sender)
		return 0;
	for (int i = 0; i < LB_SENDER_RECORDS; i++) /* the backend that it last sent to */
		if (sender->sent[i].life && same_endpoint(&sender->sent[i].peer, source)) {
			*dialled = sender->sent[i].dialled;
			return 1;
		}
	for (int i = 0; i < LB_SENDER_RECORDS; i++) /* a late reply from a backend before that */
		if (sender->sent[i].life && find_peer(sender->sent[i].service, source)) {
			*dialled = sender->sent[i].dialled;
			return 1;
		}
	peer = sender->overflowed ? find_peer(0, source) : 0;
	if (!peer)
		return 0;
	*dialled = peer->dialled;
	return 1;
}

/* What the application dialled to get a datagram from `source`; 0: not through us. */
static __always_inline int dialled_source(struct bpf_sock *sk, const struct lb_endpoint *source,
					  struct lb_endpoint *dialled)
{
	struct lb_owner *owner = find_owner(sk);

	if (!owner)
		return 0;
	if (owner->flags & LB_OWNER_SENDER && dialled_by_sending(sk, source, dialled))
		return 1;
	if (same_endpoint(&owner->current.peer, source))
		return dialled_by_record(&owner->current, source, dialled);
	if (dialled_by_record(&owner->previous, source, dialled))
		return 1;
	/* Queued from a backend that it has left more than one connect ago. */
	if (owner->current.life && find_peer(owner->current.service, source)) {
		*dialled = owner->current.dialled;
		return 1;
	}
	return 0;
}

#endif
