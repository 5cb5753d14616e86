/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP as it goes on: files a socket when its tuple is known, and hears how its connection ends. */
#ifndef LB_SOCKOPS_H
#define LB_SOCKOPS_H

#include "outcome.h"
#include "kernel_types.h"
#include "verdict.h"

#define LB_ECONNABORTED 103 /* what ended by SOCK_DESTROY fails with */

/* Asks the kernel for callbacks of this connect, beside those that others asked for. */
static __always_inline void watch_outcome(struct bpf_sock_ops *ops, struct lb_owner *owner)
{
	__u32 asked = FIELD(ops->bpf_sock_ops_cb_flags);

	if (!(asked & BPF_SOCK_OPS_STATE_CB_FLAG))
		owner->flags |= LB_OWNER_STATES;
	bpf_sock_ops_cb_flags_set(ops, asked | BPF_SOCK_OPS_STATE_CB_FLAG |
					       BPF_SOCK_OPS_RETRANS_CB_FLAG);
}

/* Before the SYN leaves, with the source port known: files the TCP socket. */
static __always_inline void index_tcp(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	__u64 cookie = bpf_get_socket_cookie(ops);
	struct lb_backend *backend;
	struct lb_owner *owner;
	struct lb_flow *flow;
	__u32 number;

	owner = find_owner(sk);
	if (!owner || !owner->current.life)
		return;
	backend = backend_of_life(owner->current.backend, owner->current.life);
	if (!backend)
		return; /* cannot be: a life is not retired while this socket is counted */
	owner->flags &= ~(LB_OWNER_MULTIPATH | LB_OWNER_UNANSWERED);
	if (is_subflow(sk))
		owner->flags |= LB_OWNER_MULTIPATH;
	flow = take_flow(backend, &number);
	if (flow) {
		flow->netns = bpf_get_netns_cookie(ops);
		tcp_source(ops, &owner->current.peer, &flow->local);
		flow->ifindex = sk->bound_dev_if;
		flow->pid = owner->pid;
		flow->flags = owner->flags & LB_OWNER_MULTIPATH ? LB_FLOW_SUBFLOW : 0;
		file_flow(flow, number, &owner->current, cookie, 0);
	}
	report_if_condemned(backend, &owner->current, cookie);
	watch_outcome(ops, owner);
}

static __always_inline void forget_listener(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct lb_owner *owner = find_owner(sk);

	if (owner)
		forget_socket(owner);
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

	if (!outcome)
		return;
	if (!outcome->answered)
		outcome->answered = 1;
	if (outcome->resets_in_a_row)
		outcome->resets_in_a_row = 0;
	if (outcome->unanswered_in_a_row)
		outcome->unanswered_in_a_row = 0;
}

/* Whether the peer sent anything. Its FIN counts as one byte; in FIN_WAIT2 it may have come, too.
 */
static __always_inline int got_answer(struct bpf_sock_ops *ops, __u32 before)
{
	__u64 received = FIELD(ops->bytes_received);

	return received > (before != BPF_TCP_SYN_SENT && before != BPF_TCP_ESTABLISHED &&
			   before != BPF_TCP_FIN_WAIT1);
}

/* The peer closes first, although it had got a request (more than our SYN was acknowledged), and
 * all that it ever sent is its FIN, which counts as a byte. */
static __always_inline int is_unanswered(struct bpf_sock_ops *ops, __u32 before)
{
	return before == BPF_TCP_ESTABLISHED && FIELD(ops->bytes_received) <= 1 &&
	       FIELD(ops->bytes_acked) > 1;
}

/* The network or the peer ended it, neither the application (shutdown, connect to AF_UNSPEC) nor
 * we. Where the error is not known only the plain cases are certain. */
static __always_inline int is_broken(int error, __u32 before)
{
	if (error != LB_ERROR_UNKNOWN)
		return error && error != LB_ECONNABORTED;
	return before == BPF_TCP_SYN_SENT || before == BPF_TCP_ESTABLISHED;
}

/* The connection is over, and the application has not closed its socket. */
static __always_inline void judge_end(struct bpf_sock_ops *ops, struct bpf_sock *sk,
				      const struct lb_owner *owner, __u32 before)
{
	const struct lb_record *record = &owner->current;
	int error = error_of(sk);
	int broken = is_broken(error, before);

	if (got_answer(ops, before))
		note_answer(record->backend, record->life);
	else if (!(owner->flags & LB_OWNER_UNANSWERED) && broken)
		note_failure(record, bpf_get_socket_cookie(ops),
			     error == LB_ERROR_UNKNOWN ? 0 : error, before != BPF_TCP_SYN_SENT);
	if (broken && before != BPF_TCP_SYN_SENT)
		tell_hung_up(record, bpf_get_socket_cookie(ops));
}

/* The peer closes first. */
static __always_inline void judge_hang_up(struct bpf_sock_ops *ops, struct lb_owner *owner,
					  __u32 before)
{
	tell_hung_up(&owner->current, bpf_get_socket_cookie(ops));
	if (!is_unanswered(ops, before))
		return;
	owner->flags |= LB_OWNER_UNANSWERED;
	note_unanswered(&owner->current, bpf_get_socket_cookie(ops));
}

/* The application has closed its socket just now: what comes after that is of no interest. */
static __always_inline void judge_closed(struct bpf_sock_ops *ops, struct lb_owner *owner,
					 __u32 before)
{
	struct lb_record *trace = &owner->previous;

	if (got_answer(ops, before))
		note_answer(trace->backend, (__u64)trace->flow << 32 | trace->service);
	trace->flags = 0;
	if (owner->flags & LB_OWNER_STATES)
		bpf_sock_ops_cb_flags_set(ops, FIELD(ops->bpf_sock_ops_cb_flags) &
						       ~BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* What is over is not open, whether the application looks at its socket or not. And of Multipath
 * TCP the release is not seen: that hook runs for the application's socket, another one. */
static __always_inline void end_connection(struct bpf_sock_ops *ops, struct bpf_sock *sk,
					   struct lb_owner *owner, __u32 before)
{
	if (owner->current.life)
		judge_end(ops, sk, owner, before);
	forget_socket(owner);
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
	else if (now == BPF_TCP_CLOSE)
		end_connection(ops, sk, owner, before);
	else if (now == BPF_TCP_CLOSE_WAIT && owner->current.life)
		judge_hang_up(ops, owner, before);
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

static __always_inline int hear_tcp(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;

	if (!sk)
		return LB_PROCEED;
	if (ops->op == BPF_SOCK_OPS_STATE_CB)
		judge_state(ops, sk);
	else if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		index_tcp(ops, sk);
	else if (ops->op == BPF_SOCK_OPS_RETRANS_CB)
		hint_at_loss(ops, sk);
	else if (ops->op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		forget_listener(ops, sk);
	return LB_PROCEED;
}

#endif
