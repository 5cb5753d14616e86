// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* To be refused: bpf_sock_destroy on what an iterator over a sockhash hands out. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"
#include "bpf/prog/vmlinux.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern int bpf_sock_destroy(struct sock_common *sk) __ksym;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter__sockmap {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	struct sock *sk;
};
#pragma clang attribute pop

SEC("iter/sockmap")
int destroy_of_hash(struct bpf_iter__sockmap *ctx)
{
	struct sock *sk = ctx->sk;

	if (sk && sk->__sk_common.skc_family)
		bpf_sock_destroy(&sk->__sk_common);
	return 0;
}
