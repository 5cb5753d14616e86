/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How connects to a backend end: what outlier detection judges by. Only TCP has states that show
 * it; a connect that the kernel refuses before the SYN (no route, no port left) is not the
 * backend's fault and is not seen here. Nothing is written on the way of a connect that succeeds,
 * as long as none failed before. */
#ifndef LB_OUTCOME_H
#define LB_OUTCOME_H

#include "owner.h"

#define LB_ETIMEDOUT 110

/* A connect that the application gives up sooner says nothing: it may have been killed, or another
 * address was faster. */
#define LB_PATIENCE_NS (LB_SECOND_NS / 10)

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

/* One event until user space took it, however many there are. */
static __always_inline void tell_once(struct lb_outcome *outcome, const struct lb_record *record,
				      __u64 cookie, __u32 told, __u32 event)
{
	if (*(volatile __u32 *)&outcome->told & told)
		return;
	if (__sync_fetch_and_or(&outcome->told, told) & told)
		return;
	tell_of_life(event, record->service, record->life, cookie);
}

static __always_inline void tell_failing(struct lb_outcome *outcome, const struct lb_record *record,
					 __u64 cookie)
{
	tell_once(outcome, record, cookie, LB_TOLD_FAILING, LB_EVENT_FAILING);
}

/* Perhaps its process died, or is being replaced. */
static __always_inline void tell_hung_up(const struct lb_record *record, __u64 cookie)
{
	struct lb_outcome *outcome = judged_outcome(record);

	if (outcome)
		tell_once(outcome, record, cookie, LB_TOLD_HUNG_UP, LB_EVENT_HUNG_UP);
}

/* Whether that is a failure user space knows: where requests never get an answer it is none. */
static __always_inline void note_unanswered(const struct lb_record *record, __u64 cookie)
{
	struct lb_outcome *outcome = judged_outcome(record);

	if (!outcome)
		return;
	__sync_fetch_and_add(&outcome->unanswered, 1);
	__sync_fetch_and_add(&outcome->unanswered_in_a_row, 1);
	tell_failing(outcome, record, cookie);
}

static __always_inline void note_failure(const struct lb_record *record, __u64 cookie, __u32 error,
					 int connected)
{
	struct lb_outcome *outcome = judged_outcome(record);

	if (!outcome)
		return;
	outcome->error = error;
	if (connected) {
		__sync_fetch_and_add(ELEMENT(&outcome->resets), 1);
		__sync_fetch_and_add(ELEMENT(&outcome->resets_in_a_row), 1);
	} else {
		__sync_fetch_and_add(ELEMENT(&outcome->failures), 1);
		__sync_fetch_and_add(ELEMENT(&outcome->failures_in_a_row), 1);
	}
	tell_failing(outcome, record, cookie);
}

/* Closed while connecting: a failure if the application had waited for LB_PATIENCE_NS. Not known of
 * a socket that found no room in the index. */
static __always_inline void judge_patience(const struct lb_record *record, __u64 cookie)
{
	const struct lb_flow *flow;

	if (!(record->flags & LB_RECORD_INDEXED))
		return;
	flow = flow_at(record->flow);
	if (flow && flow->cookie == cookie &&
	    bpf_ktime_get_coarse_ns() - flow->since_ns >= LB_PATIENCE_NS)
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
	forget_socket(owner);
	forget_crowd(sk, owner);
	if (!life || (state != BPF_TCP_ESTABLISHED && state != BPF_TCP_CLOSE_WAIT))
		return;
	owner->previous.flags = LB_RECORD_TRACE;
	owner->previous.backend = backend;
	owner->previous.service = (__u32)life;
	owner->previous.flow = (__u32)(life >> 32);
}

#endif
