/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One record: a connect of a socket to a backend, or the datagrams that it sends there. */
#ifndef LB_RECORD_H
#define LB_RECORD_H

#include "select.h"
#include "flows.h"

static __always_inline void uncount(struct lb_record *record)
{
	struct lb_backend *backend;

	if (!(record->flags & LB_RECORD_COUNTED))
		return;
	record->flags &= ~LB_RECORD_COUNTED;
	backend = backend_of_life(record->backend, record->life);
	if (backend)
		__sync_fetch_and_add(&backend->open, -1);
}

/* Forgets a record that no socket stands for any more. */
static __always_inline void drop_record(struct lb_record *record, __u64 cookie)
{
	uncount(record);
	if (record->flags & LB_RECORD_INDEXED)
		unindex_flow(record, cookie);
	__builtin_memset(record, 0, sizeof(*record));
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
