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

/* Forgets a record whose socket no longer exists. Close and the end of a TCP connection may
 * come here at once: the flags are taken by one of them, which has read the rest before. */
static __noinline int drop_record(struct lb_record *record, __u64 cookie)
{
	__u32 backend = record->backend, drawer = record->drawer;
	__u64 life = record->life;
	__u32 flags = __sync_lock_test_and_set(&record->flags, 0);
	int counted = flags & LB_RECORD_COUNTED;

	if (flags & LB_RECORD_INDEXED &&
	    !unindex_flow(drawer, cookie, counted ? life : life | LB_FLOW_LEFT))
		counted = 0;
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
