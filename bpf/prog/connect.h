/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* connect(): a dialled service address becomes a live backend. */
#ifndef LB_CONNECT_H
#define LB_CONNECT_H

#include "dial.h"
#include "outcome.h"
#include "policy.h"

#define LB_EAGAIN 11
#define LB_EACCES 13
#define LB_EPROTONOSUPPORT 93
#define LB_ECONNREFUSED 111

const volatile __u8 cfg_has_set_retval = 1; /* Linux 5.18; before that every refusal is EPERM */

/* Fails the system call. Constants only: the verifier wants to see the range. */
static __always_inline int refuse_connection(void)
{
	if (cfg_has_set_retval)
		bpf_set_retval(-LB_ECONNREFUSED);
	return LB_REJECT;
}

static __always_inline int refuse_for_now(void)
{
	if (cfg_has_set_retval)
		bpf_set_retval(-LB_EAGAIN);
	return LB_REJECT;
}

static __always_inline int refuse_protocol(void)
{
	if (cfg_has_set_retval)
		bpf_set_retval(-LB_EPROTONOSUPPORT);
	return LB_REJECT;
}

/* The re-point under way, if this connect is reseat's own doing on the socket. */
static __always_inline const struct lb_repoint *repoint_by_us(__u8 protocol, __u64 cookie)
{
	const struct lb_repoint *repoint;

	if (protocol != LB_IPPROTO_UDP)
		return 0;
	repoint = bpf_map_lookup_elem(&lb_repoint, &cookie);
	if (!repoint || repoint->tgid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	return repoint;
}

/* A source address that an unconnected socket has was bound by the application: a re-point keeps
 * it. */
static __always_inline void note_bound(struct lb_owner *owner, const struct lb_endpoint *local)
{
	if (local->addr_be[0] || local->addr_be[1] || local->addr_be[3])
		owner->flags |= LB_OWNER_BOUND;
	else
		owner->flags &= ~LB_OWNER_BOUND;
}

/* A UDP socket's source port is chosen after the hook: filed with what is known, completed by user
 * space. */
static __always_inline void index_udp(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
				      struct lb_owner *owner, struct lb_backend *backend,
				      const struct lb_dial *dial)
{
	struct lb_endpoint bound = {};
	struct lb_flow *flow;
	__u32 number;

	bound_source(sk, LB_IPPROTO_UDP, &bound);
	if (!dial->connected)
		note_bound(owner, &bound);
	flow = take_flow(backend, &number);
	if (flow) {
		flow->netns = bpf_get_netns_cookie(ctx);
		flow->local = bound;
		flow->ifindex = sk->bound_dev_if;
		flow->pid = owner->pid;
		flow->flags = 0;
		file_flow(flow, number, &owner->current, dial->cookie, LB_TAG_UDP);
	}
	count(LB_STAT_UDP_FILED); /* after it: a reader that sees the same count has missed none */
	report_if_condemned(backend, &owner->current, dial->cookie);
}

/* To an address that is no service's. */
static __always_inline int connect_past_us(struct bpf_sock_addr *ctx, struct lb_owner *owner,
					   const struct lb_dial *dial)
{
	begin_record(ctx, owner, dial);
	owner->current.peer = *dial->dialled;
	supersede(ctx, owner, dial);
	return LB_PROCEED;
}

static __always_inline void note_connect(struct bpf_sock_addr *ctx, struct lb_owner *owner,
					 const struct lb_dial *dial,
					 const struct lb_service *service,
					 struct lb_backend *backend, const struct lb_pick *pick)
{
	begin_record(ctx, owner, dial);
	owner->flags &= ~LB_OWNER_PAST_US;
	if (!dial->repoint) {
		owner->key = pick->key;
		owner->pid = bpf_get_current_pid_tgid() >> 32;
		owner->uid = (__u32)bpf_get_current_uid_gid();
	}
	fill_record(&owner->current, service, backend, pick->index, dial);
	supersede(ctx, owner, dial);
	if (dial->dialled->protocol == LB_IPPROTO_UDP)
		index_udp(ctx, ctx->sk, owner, backend, dial);
}

static __always_inline int connect_to_service(struct bpf_sock_addr *ctx, struct lb_owner *owner,
					      const struct lb_dial *dial,
					      const struct lb_service *service,
					      struct lb_endpoint *to)
{
	struct lb_backend *backend;
	struct lb_pick pick = {};

	if (dial->repoint) {
		pick.index = dial->repoint->backend;
		backend = backend_of_life(pick.index, dial->repoint->life);
		if (!backend) {
			count(LB_STAT_REPOINT_LOST);
			return refuse_for_now(); /* the target is retired: choose anew */
		}
	} else {
		backend = pick_backend(service, family_of(dial->dialled), &pick);
	}
	if (!backend) {
		count(LB_STAT_NO_BACKEND);
		return refuse_connection(); /* fails closed: no backend can be chosen */
	}
	count(LB_STAT_BALANCED);
	*to = backend->endpoint;
	if (!owner)
		owner = bpf_sk_storage_get(&lb_owner, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner) {
		count(LB_STAT_UNOWNED); /* fails open: balanced, but never found again */
		return LB_PROCEED;
	}
	note_connect(ctx, owner, dial, service, backend, &pick);
	return LB_PROCEED;
}

/* A re-point to what is denied by now fails for good, and is no doing of the workload's. */
static __always_inline int deny_connect(struct bpf_sock_addr *ctx, __u32 policy,
					const struct lb_endpoint *dialled)
{
	if (repoint_by_us(dialled->protocol, bpf_get_socket_cookie(ctx))) {
		if (cfg_has_set_retval)
			bpf_set_retval(-LB_EACCES);
		return LB_REJECT;
	}
	return deny(policy, LB_DENIED_CONNECT, dialled);
}

static __always_inline int balance_connect(struct bpf_sock_addr *ctx,
					   const struct lb_endpoint *dialled,
					   struct lb_endpoint *to)
{
	struct bpf_sock *sk = ctx->sk;
	const struct lb_service *service;
	struct lb_dial dial = {.dialled = dialled};
	struct lb_owner *owner;
	__u32 policy;

	if (!sk)
		return LB_PROCEED; /* fails open: no socket, nothing to translate */
	owner = find_owner(sk);
	if (owner && owner->flags & LB_OWNER_EXEMPT)
		return LB_PROCEED;
	policy = lb_denied_by(dialled);
	if (policy)
		return deny_connect(ctx, policy, dialled);
	service = find_service(dialled);
	if (!service) {
		asm volatile(""); /* two tests: made one, they or pointers, which is refused */
		if (!owner)
			return LB_PROCEED; /* not balanced: the common case */
	}

	dial.cookie = bpf_get_socket_cookie(ctx);
	dial.thread = (__u32)bpf_get_current_pid_tgid();
	dial.connected = actual_peer(sk, dialled->protocol, &dial.actual);
	dial.repoint = repoint_by_us(dialled->protocol, dial.cookie);
	if (dial.repoint && (!same_endpoint(&dial.actual, &dial.repoint->expected) ||
			     (dial.repoint->settled && owner &&
			      !same_endpoint(&owner->current.peer, &dial.actual)))) {
		count(LB_STAT_REPOINT_LOST);
		return refuse_for_now(); /* the application was faster: leave it alone */
	}
	if (!service)
		return connect_past_us(ctx, owner, &dial);
	return connect_to_service(ctx, owner, &dial, service, to);
}

#endif
