/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One record: a connect of a socket to a backend, or the datagrams that it sends there. */
#ifndef LB_RECORD_H
#define LB_RECORD_H

#include "select.h"
#include "flows.h"

static __always_inline void uncount(__u32 index, __u64 life)
{
	struct lb_backend *backend = backend_of_life(index, life);

	if (backend)
		__sync_fetch_and_add(&backend->open, -1);
}

static __always_inline void count_left(__u32 index, __u64 life, int more)
{
	struct lb_backend *backend = backend_of_life(index, life);

	if (backend)
		__sync_fetch_and_add(&backend->left, more);
}

/* Takes it out of the index. Whether it is to be uncounted: not where user space was faster. */
static __always_inline int unfile(__u32 number, __u64 tag, __u32 backend, __u64 life)
{
	int taken = take_out(number, tag);

	if (taken && tag & LB_TAG_LEFT)
		count_left(backend, life, -1);
	return taken && !(tag & LB_TAG_LEFT);
}

/* The socket counts no more and stays filed. Whether it counted: not where user space took it out
 * just now. Counted as left before it is uncounted: a life with neither is vacated. */
static __always_inline int file_as_left(struct lb_record *record)
{
	__u64 tag = tag_of(record), *place = tag_at(record->flow);

	count_left(record->backend, record->life, 1);
	if (place && __sync_val_compare_and_swap(place, tag, tag | LB_TAG_LEFT) == tag)
		return 1;
	count_left(record->backend, record->life, -1);
	record->flags &= ~LB_RECORD_INDEXED;
	return 0;
}

/* Forgets a record whose socket no longer exists. Close and the end of a TCP connection may
 * come here at once: the flags are taken by one of them, which has read the rest before. */
static __noinline int drop_record(struct lb_record *record)
{
	__u32 backend = record->backend, number = record->flow;
	__u64 life = record->life, tag = tag_of(record);
	__u32 flags = __sync_lock_test_and_set(&record->flags, 0);
	int counted = flags & LB_RECORD_COUNTED;

	if (flags & LB_RECORD_INDEXED)
		counted = unfile(number, counted ? tag : tag | LB_TAG_LEFT, backend, life);
	if (counted)
		uncount(backend, life);
	__builtin_memset(record, 0, sizeof(*record));
	return 0;
}

static __always_inline void name_backend(struct lb_record *record, const struct lb_service *service,
					 const struct lb_backend *backend, __u32 index,
					 const struct lb_endpoint *dialled)
{
	record->life = backend->life;
	record->dialled = *dialled;
	record->peer = backend->endpoint;
	record->service = service->id;
	record->backend = index;
}

/* Does a record, if it is one, say that the socket got to this backend? */
static __always_inline int is_of_peer(const struct lb_record *record,
				      const struct lb_endpoint *peer)
{
	return record->life && same_endpoint(&record->peer, peer);
}

#endif
