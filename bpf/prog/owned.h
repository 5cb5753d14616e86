/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every socket that has an owner record, for user space to read: cookie and record, one after the
 * other. Takes no lock of any socket, and sees all network namespaces. */
#ifndef LB_OWNED_H
#define LB_OWNED_H

#include "maps.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	long long counter;
} atomic64_t;

struct sock_common {
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

SEC("iter/bpf_sk_storage_map")
int lb_owned(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct lb_owner *owner = ctx->value;
	__u64 cookie;

	if (!sk || !owner)
		return 0; /* the end of the iteration */
	cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	if (!cookie)
		return 0; /* a socket of reseat's own that never was in a hook */
	bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	bpf_seq_write(ctx->meta->seq, owner, sizeof(*owner));
	return 0;
}

#endif
