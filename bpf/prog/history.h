/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket remembers beside its owner record: the services it sends datagrams to, and connects
 * that other threads have under way. Sockets that only connect, one thread at a time, have none. */
#ifndef LB_HISTORY_H
#define LB_HISTORY_H

#include "record.h"

#define LB_HISTORY_ALL (LB_HISTORY_RECORDS + LB_HISTORY_MORE_RECORDS)
#define LB_NO_RECORD (-1)

/* All records of a socket. */
struct lb_recalled {
	struct lb_history *few;	      /* null: it has none */
	struct lb_history_more *more; /* null: the few are all */
};

static __always_inline struct lb_recalled recall(struct bpf_sock *sk)
{
	struct lb_recalled known = {.few = bpf_sk_storage_get(&lb_history, sk, 0, 0)};

	if (known.few && known.few->flags & LB_HISTORY_EXTENDED)
		known.more = bpf_sk_storage_get(&lb_history_more, sk, 0, 0);
	return known;
}

/* The same for functions that the verifier reads by themselves: they are given the context, as it
 * does not know there what a pointer to a record points into, and without CAP_PERFMON refuses to
 * add a position to that. */
static __always_inline struct lb_recalled recall_in(struct bpf_sock_addr *ctx)
{
	struct lb_recalled known = {};
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		known = recall(sk);
	return known;
}

/* Keeps a value from the compiler: what is done with it stays behind the tests of its range, and no
 * walk compares pointers, which needs CAP_PERFMON. */
#define OPAQUE(value) asm volatile("" : "+r"(value))

/* The record of a position among all; null: there is none. Two additions, never made one: without
 * CAP_PERFMON the verifier refuses one that adds to two maps. */
static __always_inline struct lb_record *record_at(struct lb_history *few,
						   struct lb_history_more *more, int position)
{
	struct lb_record *record;
	__u32 at = position;

	OPAQUE(at);
	if (at < LB_HISTORY_RECORDS) {
		if (!few)
			return 0;
		OPAQUE(at);
		return &few->records[at];
	}
	at -= LB_HISTORY_RECORDS;
	if (!more || at >= LB_HISTORY_MORE_RECORDS)
		return 0;
	OPAQUE(at);
	record = &more->records[at];
	asm volatile("%0 += 0" : "+r"(record));
	return record;
}

static __always_inline struct lb_record *recalled_at(const struct lb_recalled *known, int position)
{
	return record_at(known->few, known->more, position);
}

/* A walk over all records; what it looks for, and what it found. */
struct lb_walk {
	struct lb_history *few;
	struct lb_history_more *more;
	const struct lb_endpoint *peer;
	const struct lb_endpoint *dialled;
	__u32 thread;
	__u32 stamp;
	int found; /* a position */
};

/* bpf_loop(), as the verifier reads a loop of its own once for each record. A step returns 1 to end
 * the walk. */
#define WALK(walk, step) bpf_loop((walk)->more ? LB_HISTORY_ALL : LB_HISTORY_RECORDS, step, walk, 0)

static __always_inline int is_before(__u32 stamp, __u32 other)
{
	return (__s32)(stamp - other) < 0;
}

static long step_to_room(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (!record->life) {
		walk->found = at;
		return 1;
	}
	if (record->flags & LB_RECORD_LEFT &&
	    (walk->found < 0 || is_before(record->stamp, walk->stamp))) {
		walk->found = at;
		walk->stamp = record->stamp;
	}
	return 0;
}

/* A record that is unused, else the one that was left longest ago. */
__noinline int find_room(struct bpf_sock_addr *ctx)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {.few = known.few, .more = known.more, .found = LB_NO_RECORD};

	if (known.few)
		WALK(&walk, step_to_room);
	return walk.found;
}

static long step_to_newest_sent(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (record->flags & LB_RECORD_SENT && same_endpoint(&record->peer, walk->peer) &&
	    (walk->found < 0 || is_before(walk->stamp, record->stamp))) {
		walk->found = at;
		walk->stamp = record->stamp;
	}
	return 0;
}

/* The latest datagrams to this peer through a service. */
__noinline int find_newest_sent(struct bpf_sock_addr *ctx, const struct lb_endpoint *peer)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {
		.few = known.few, .more = known.more, .peer = peer, .found = LB_NO_RECORD};

	if (known.few && peer)
		WALK(&walk, step_to_newest_sent);
	return walk.found;
}

static long step_to_connect(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (record->flags & LB_RECORD_SENT || !is_of_peer(record, walk->peer))
		return 0;
	walk->found = at;
	return 1;
}

/* A connect to this peer. */
__noinline int find_connect(struct bpf_sock_addr *ctx, const struct lb_endpoint *peer)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {
		.few = known.few, .more = known.more, .peer = peer, .found = LB_NO_RECORD};

	if (known.few && peer)
		WALK(&walk, step_to_connect);
	return walk.found;
}

static long step_over_connects(__u32 at, struct lb_walk *walk)
{
	struct lb_record *record = record_at(walk->few, walk->more, at);

	if (!record)
		return 1;
	if (!record->life || record->flags & LB_RECORD_SENT)
		return 0;
	if (walk->thread && record->stamp != walk->thread) {
		if (!same_endpoint(&record->peer, walk->peer))
			return 0;
		walk->found = at;
	}
	drop_record(record);
	return 0;
}

/* Forgets the connects of this thread (0: all), which makes another one, and that to the peer,
 * which the other one supersedes. 1: that one may be under way still. */
__noinline int forget_connects(struct bpf_sock_addr *ctx, const struct lb_endpoint *peer,
			       __u32 thread)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_walk walk = {.few = known.few,
			       .more = known.more,
			       .peer = peer,
			       .thread = thread,
			       .found = LB_NO_RECORD};

	if (known.few && peer)
		WALK(&walk, step_over_connects);
	return walk.found >= 0;
}

/* The backend of a record, while it may get datagrams. */
static __always_inline struct lb_backend *live_backend(const struct lb_record *sent)
{
	struct lb_backend *backend = backend_of_life(sent->backend, sent->life);

	return backend && backend->state == LB_LIFE_ELIGIBLE ? backend : 0;
}

/* All are in use, but that of a backend that has ended may go. One is looked at each time. */
static __always_inline struct lb_record *of_ended_life(const struct lb_recalled *known)
{
	struct lb_record *record = recalled_at(known, LB_HISTORY_RECORDS + known->few->next);

	known->few->next =
		known->few->next + 1 < LB_HISTORY_MORE_RECORDS ? known->few->next + 1 : 0;
	if (!record || !(record->flags & LB_RECORD_SENT) || live_backend(record))
		return 0;
	record->flags |= LB_RECORD_LEFT;
	return record;
}

/* The peer is dialled in another way now: by its own address, or by a connect. */
static __always_inline void override_sent(struct bpf_sock_addr *ctx, const struct lb_endpoint *peer)
{
	struct lb_recalled known = recall_in(ctx);
	struct lb_record *record = recalled_at(&known, find_newest_sent(ctx, peer));

	if (record)
		record->flags |= LB_RECORD_OVERRIDDEN;
}

#endif
