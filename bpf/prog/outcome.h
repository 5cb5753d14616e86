/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How connects to a backend end: what outlier detection judges by. Only TCP has states that tell; a
 * connect that the kernel refuses before the SYN (no route, no port left) is not the backend's
 * fault and is not seen here. Nothing is written on the way of a connect that succeeds, as long as
 * none failed before. */
#ifndef LB_OUTCOME_H
#define LB_OUTCOME_H

#include "owner.h"

#define LB_ECONNABORTED 103 /* what ended by SOCK_DESTROY fails with */
#define LB_ETIMEDOUT 110

/* Has the kernel tell us how this connect goes on, beside what others asked for. */
static __always_inline void watch_outcome(struct bpf_sock_ops *ops, struct lb_owner *owner)
{
	__u32 asked = FIELD(ops->bpf_sock_ops_cb_flags);

	if (!(asked & BPF_SOCK_OPS_STATE_CB_FLAG))
		owner->flags |= LB_OWNER_STATES;
	bpf_sock_ops_cb_flags_set(ops, asked | BPF_SOCK_OPS_STATE_CB_FLAG |
					       BPF_SOCK_OPS_RETRANS_CB_FLAG);
}

static __always_inline struct lb_outcome *outcome_of(__u32 index, __u64 life)
{
	struct lb_outcome *outcome = bpf_map_lookup_elem(&lb_outcomes, &index);

	return outcome && life && outcome->life == life ? outcome : 0;
}

/* Where it counts: a life that gets no new sockets is judged already, and we end sockets of such
 * lives ourselves. */
static __always_inline struct lb_outcome *judged_outcome(const struct lb_record *record)
{
	struct lb_backend *backend = backend_of_life(record->backend, record->life);

	if (!backend || *(volatile __u32 *)&backend->state != LB_LIFE_ELIGIBLE)
		return 0;
	return outcome_of(record->backend, record->life);
}

/* One event until user space took it, however many fail. */
static __always_inline void tell_failing(struct lb_outcome *outcome, const struct lb_record *record,
					 __u64 cookie)
{
	if (__sync_val_compare_and_swap(&outcome->told, 0, 1))
		return;
	tell_of_life(LB_EVENT_FAILING, record->service, record->life, cookie);
}

static __always_inline void note_failure(const struct lb_record *record, __u64 cookie, __u32 error,
					 int connected)
{
	struct lb_outcome *outcome = judged_outcome(record);

	if (!outcome)
		return;
	outcome->error = error;
	if (connected) {
		__sync_fetch_and_add(&outcome->resets, 1);
		__sync_fetch_and_add(&outcome->resets_in_a_row, 1);
	} else {
		__sync_fetch_and_add(&outcome->failures, 1);
		__sync_fetch_and_add(&outcome->failures_in_a_row, 1);
	}
	tell_failing(outcome, record, cookie);
}

static __always_inline void note_success(const struct lb_owner *owner)
{
	struct lb_outcome *outcome = outcome_of(owner->current.backend, owner->current.life);

	if (outcome && outcome->failures_in_a_row)
		outcome->failures_in_a_row = 0;
}

static __always_inline void note_answer(__u32 index, __u64 life)
{
	struct lb_outcome *outcome = outcome_of(index, life);

	if (outcome && outcome->resets_in_a_row)
		outcome->resets_in_a_row = 0;
}

/* Whether the peer sent anything. Its FIN counts as one byte; in FIN_WAIT2 it may have come, too.
 */
static __always_inline int got_answer(struct bpf_sock_ops *ops, __u32 before)
{
	__u64 received = FIELD(ops->bytes_received);

	return received > (before != BPF_TCP_SYN_SENT && before != BPF_TCP_ESTABLISHED &&
			   before != BPF_TCP_FIN_WAIT1);
}

/* The network or the peer ended it, neither the application (shutdown, connect to AF_UNSPEC) nor
 * we. Without lb_multipath only the plain cases are certain. */
static __always_inline int is_broken(const struct lb_owner *owner, __u32 before)
{
	if (owner->flags & LB_OWNER_ERRORS)
		return owner->error && owner->error != LB_ECONNABORTED;
	return before == BPF_TCP_SYN_SENT || before == BPF_TCP_ESTABLISHED;
}

/* The connection is over, and the application has not closed its socket. */
static __always_inline void judge_end(struct bpf_sock_ops *ops, struct lb_owner *owner,
				      __u32 before)
{
	const struct lb_record *record = &owner->current;

	if (got_answer(ops, before))
		note_answer(record->backend, record->life);
	else if (is_broken(owner, before))
		note_failure(record, bpf_get_socket_cookie(ops), owner->error,
			     before != BPF_TCP_SYN_SENT);
}

/* The application has closed its socket just now: what comes after that concerns nobody. */
static __always_inline void judge_closed(struct bpf_sock_ops *ops, struct lb_owner *owner,
					 __u32 before)
{
	struct lb_record *trace = &owner->previous;

	if (got_answer(ops, before))
		note_answer(trace->backend, (__u64)trace->drawer << 32 | trace->service);
	trace->flags = 0;
	if (owner->flags & LB_OWNER_STATES)
		bpf_sock_ops_cb_flags_set(ops, FIELD(ops->bpf_sock_ops_cb_flags) &
						       ~BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void judge_state(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	__u32 before = FIELD(ops->args[0]), now = FIELD(ops->args[1]);
	struct lb_owner *owner = find_owner(sk);

	if (!owner)
		return;
	if (now == BPF_TCP_ESTABLISHED)
		note_success(owner);
	else if (owner->previous.flags & LB_RECORD_TRACE)
		judge_closed(ops, owner, before);
	else if (now == BPF_TCP_CLOSE && owner->current.life)
		judge_end(ops, owner, before);
	/* Its release is not seen: that hook runs for the application's socket, another one. */
	if (now == BPF_TCP_CLOSE && owner->flags & LB_OWNER_MULTIPATH)
		forget_socket(owner, bpf_get_socket_cookie(ops));
}

/* A SYN is sent again: no failure yet, but worth a look. */
static __always_inline void hint_at_loss(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct lb_outcome *outcome;
	struct lb_owner *owner;

	if (FIELD(ops->state) != BPF_TCP_SYN_SENT)
		return;
	owner = find_owner(sk);
	outcome = owner ? judged_outcome(&owner->current) : 0;
	if (outcome)
		tell_failing(outcome, &owner->current, bpf_get_socket_cookie(ops));
}

/* Closed while connecting: a failure if the application had waited for so long that a SYN was sent
 * again. Not known of a socket that found no room in the index. */
static __always_inline void judge_patience(const struct lb_record *record, __u64 cookie)
{
	struct lb_flow_key key = {.cookie = cookie, .life = record->life};
	__u32 drawer = record->drawer;
	struct lb_flow *flow;
	void *flows;

	if (!(record->flags & LB_RECORD_INDEXED))
		return;
	flows = bpf_map_lookup_elem(&lb_flows, &drawer);
	flow = flows ? bpf_map_lookup_elem(flows, &key) : 0;
	if (flow && bpf_ktime_get_boot_ns() - flow->since_ns >= LB_SECOND_NS)
		note_failure(record, cookie, LB_ETIMEDOUT, 0);
}

/* At close, before the kernel does anything about it. */
static __always_inline void release_socket(struct bpf_sock *sk, __u64 cookie)
{
	struct lb_owner *owner = find_owner(sk);
	__u32 state = FIELD(sk->state), backend;
	__u64 life;

	if (!owner)
		return;
	life = owner->current.life;
	backend = owner->current.backend;
	if (owner->current.peer.protocol != LB_IPPROTO_TCP)
		life = 0;
	else if (state == BPF_TCP_SYN_SENT)
		judge_patience(&owner->current, cookie);
	forget_socket(owner, cookie);
	if (!life || (state != BPF_TCP_ESTABLISHED && state != BPF_TCP_CLOSE_WAIT))
		return;
	owner->previous.flags = LB_RECORD_TRACE;
	owner->previous.backend = backend;
	owner->previous.service = (__u32)life;
	owner->previous.drawer = (__u32)(life >> 32);
}

#endif
