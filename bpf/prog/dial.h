/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How what is noted on a socket follows its connects. The hook runs before the kernel connects, and
 * of UDP sockets other threads may connect the same one in between. */
#ifndef LB_DIAL_H
#define LB_DIAL_H

#include "owner.h"

/* One connect() on a socket that is balanced, or is about to be. */
struct lb_dial {
	const struct lb_endpoint *dialled;
	const struct lb_repoint *repoint; /* null: the application's own doing */
	struct lb_endpoint actual;	  /* the peer of the socket now */
	int connected;
	__u32 thread; /* of several that connect one UDP socket, which one */
	__u64 cookie;
};

/* By words: the stack has no room for a record. */
static __always_inline void swap_records(struct lb_record *a, struct lb_record *b)
{
	__u64 *x = (__u64 *)a, *y = (__u64 *)b, word;

	for (__u32 i = 0; i < sizeof(*a) / sizeof(word); i++) {
		word = x[i];
		x[i] = y[i];
		y[i] = word;
	}
}

/* Another thread's connect came true after two later ones were noted: its record becomes
 * `previous`, and that one waits in its place. */
static __always_inline void bring_back(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				       const struct lb_endpoint *peer)
{
	struct lb_recalled known;
	struct lb_record *kept;

	if (!(owner->flags & LB_OWNER_CROWD) || is_of_peer(&owner->current, peer) ||
	    is_of_peer(&owner->previous, peer))
		return;
	known = recall_in(ctx);
	kept = recalled_at(&known, find_connect(ctx, peer));
	if (kept)
		swap_records(&owner->previous, kept);
}

/* Room for one more record; null: there is none. */
static __always_inline struct lb_record *room_for_record(struct bpf_sock_addr *ctx)
{
	struct lb_recalled known = recall_in(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct lb_record *record;

	if (!sk)
		return 0;
	if (!known.few)
		known.few = bpf_sk_storage_get(&lb_history, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!known.few)
		return 0;
	record = recalled_at(&known, find_room(ctx));
	if (record)
		return record;
	if (known.more)
		return of_ended_life(&known);
	known.more = bpf_sk_storage_get(&lb_history_more, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!known.more)
		return 0;
	known.few->flags |= LB_HISTORY_EXTENDED;
	return &known.more->records[0];
}

/* Another connect is to replace it: it counts no more, and stays filed, as its socket may be there.
 */
static __noinline int stop_counting(struct lb_record *record)
{
	__u32 flags = record->flags;

	if (!(flags & LB_RECORD_COUNTED))
		return 0;
	record->flags = flags & ~LB_RECORD_COUNTED;
	if (!(flags & LB_RECORD_INDEXED) || file_as_left(record))
		uncount(record->backend, record->life);
	return 0;
}

/* Another connect replaces it, but its thread may not be through with it. */
static __noinline int keep_connect(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				   struct lb_record *connect, const struct lb_dial *dial)
{
	struct lb_record *room = room_for_record(ctx);

	if (!room)
		return 0;
	stop_counting(connect);
	*room = *connect;
	owner->flags |= LB_OWNER_CROWD;
	return 1;
}

/* The socket has left it, or never got there, or another thread is on its way there. */
static __always_inline void let_go(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				   struct lb_record *record, const struct lb_dial *dial)
{
	if (record->flags & LB_RECORD_UNDER_WAY && record->stamp != dial->thread &&
	    keep_connect(ctx, owner, record, dial))
		__builtin_memset(record, 0, sizeof(*record));
	else
		drop_record(record);
}

/* Before a connect: the record that is true (the actual peer decides) becomes `current`. A
 * failed connect leaves the older one true; an unconnected socket, and TCP before it connects,
 * none. */
static __always_inline void settle(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				   const struct lb_dial *dial)
{
	if (dial->connected)
		bring_back(ctx, owner, &dial->actual);
	if (!dial->connected || !same_endpoint(&owner->current.peer, &dial->actual)) {
		let_go(ctx, owner, &owner->current, dial);
		if (dial->connected && same_endpoint(&owner->previous.peer, &dial->actual)) {
			owner->current = owner->previous;
			__builtin_memset(&owner->previous, 0, sizeof(owner->previous));
		}
	}
	if (dial->connected && !(owner->current.flags & LB_RECORD_UNSURE))
		owner->current.flags &= ~LB_RECORD_UNDER_WAY;
}

/* Makes room for the record of the connect to come. The socket's peer matters as
 * long as this connect may fail. */
static __noinline int begin_record(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				   const struct lb_dial *dial)
{
	settle(ctx, owner, dial);
	let_go(ctx, owner, &owner->previous, dial);
	if (owner->current.flags & LB_RECORD_INDEXED)
		stop_counting(&owner->current); /* optimistic */
	/* else its life would look idle, should this connect fail */
	owner->previous = owner->current;
	__builtin_memset(&owner->current, 0, sizeof(owner->current));
	return 0;
}

static __always_inline void fill_record(struct lb_record *record, const struct lb_service *service,
					struct lb_backend *backend, __u32 index,
					const struct lb_dial *dial)
{
	name_backend(record, service, backend, index, dial->dialled);
	record->flags = LB_RECORD_COUNTED;
	if (dial->dialled->protocol == LB_IPPROTO_UDP) {
		record->flags |= LB_RECORD_UNDER_WAY;
		record->stamp = dial->thread;
	}
	__sync_fetch_and_add(&backend->open, 1);
	__sync_fetch_and_add(&backend->connects, 1);
}

/* After the new record is written: where another one names the same peer, the actual peer cannot
 * tell them apart any more, and what was dialled last counts. The older one would claim a socket
 * that has left its life. */
static __noinline int supersede(struct bpf_sock_addr *ctx, struct lb_owner *owner,
				const struct lb_dial *dial)
{
	const struct lb_endpoint *peer = &owner->current.peer;
	int unsure = dial->connected && same_endpoint(peer, &dial->actual);

	if (same_endpoint(&owner->previous.peer, peer)) {
		if (owner->previous.flags & LB_RECORD_UNDER_WAY)
			unsure = 1;
		drop_record(&owner->previous);
	}
	if (owner->flags & LB_OWNER_CROWD)
		unsure |= forget_connects(ctx, peer, dial->thread);
	if (unsure)
		owner->current.flags |= LB_RECORD_UNSURE;
	if (owner->flags & LB_OWNER_SENDER)
		override_sent(ctx, peer);
	return 0;
}

#endif
